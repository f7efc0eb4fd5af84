// @ts-check
import { readFile, writeFile } from 'node:fs/promises';

/**
 * Puts a text between the two markers of a file.
 * @param {string} file
 * @param {string} text
 */
export async function writeInto(file, text) {
  const before = await readFile(file, 'utf8');
  const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`${file} has no "${BEGIN}" with "${END}" after it.`);
  await writeFile(file, `${before.slice(0, from + BEGIN.length)}\n\n${text}\n\n${before.slice(to)}`);
}

const BEGIN = '<!-- result -->';
const END = '<!-- end of result -->';
