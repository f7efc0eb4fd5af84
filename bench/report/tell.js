// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Prints a result, and puts it into a file of `bench/`, between its two markers, when that is asked for.
 * @param {string} file
 * @param {readonly string[]} parts In Markdown.
 * @param {boolean} write
 */
export async function tell(file, parts, write) {
  progress('');
  const text = parts.join('\n\n');
  process.stdout.write(`${text}\n`);
  if (write) await writeInto(join(import.meta.dirname, '..', file), text);
}

/**
 * Says on a terminal what is being done, in place of what it said before.
 * @param {string} line
 */
export function progress(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

/**
 * @param {string} file
 * @param {string} text
 */
async function writeInto(file, text) {
  const before = await readFile(file, 'utf8');
  const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`${file} has no "${BEGIN}" with "${END}" after it.`);
  await writeFile(file, `${before.slice(0, from + BEGIN.length)}\n\n${text}\n\n${before.slice(to)}`);
}

const BEGIN = '<!-- result -->';
const END = '<!-- end of result -->';
