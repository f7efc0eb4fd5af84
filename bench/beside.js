// @ts-check
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { writeInto } from './report.js';

// What the programs beside `run.js` share: options, folders, tables.

/**
 * Reads the command line: each number by its name, its first value as a rule and the second with `--quick`.
 * @template {string} Name
 * @param {Record<Name, readonly [usual: number, quick: number]>} numbers
 * @returns {Record<Name, number> & { write: boolean }}
 */
export function readOptions(numbers) {
  const names = /** @type {Name[]} */ (Object.keys(numbers));
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      ...Object.fromEntries(names.map((name) => [name, { type: /** @type {const} */ ('string') }])),
    },
  });
  const given = /** @type {Partial<Record<string, string>>} */ (/** @type {unknown} */ (values));
  const chosen = names.map((name) => {
    const [usual, quick] = numbers[name];
    return [name, wholeNumber(name, given[name], values.quick ? quick : usual)];
  });
  const read = /** @type {Record<Name, number>} */ (Object.fromEntries(chosen));
  return { ...read, write: values.write };
}

/**
 * @template T
 * @param {(folder: string) => Promise<T>} use
 */
export async function withFolder(use) {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Prints a result, and with `--write` puts it into a file of this folder.
 * @param {string} name
 * @param {readonly string[]} parts
 * @param {{ write: boolean }} options
 */
export async function tell(name, parts, { write }) {
  progress('');
  const text = [describe(name), ...parts].join('\n\n');
  process.stdout.write(`${text}\n`);
  if (write) await writeInto(join(import.meta.dirname, `${name}.md`), text);
}

/**
 * A chart beside that file.
 * @param {string} name
 * @param {string} svg
 */
export function writeChart(name, svg) {
  return writeFile(join(import.meta.dirname, `${name}.svg`), svg);
}

/** @param {string} line */
export function progress(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

/**
 * A table in Markdown that also reads well on a terminal; all columns but the first hold numbers.
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function table(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const lines = [head, rule, ...rows].map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
  );
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}

/**
 * With three digits that mean something, and all those before the point.
 * @param {number} value
 */
export function figure(value) {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

/**
 * The median, and in parentheses the least and the most.
 * @param {readonly number[]} values
 */
export function spread(values) {
  if (values.some(Number.isNaN)) return '–';
  return `${figure(median(values))} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} by
 */
export function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

/**
 * @param {string} name
 * @param {string | undefined} given
 * @param {number} otherwise
 */
function wholeNumber(name, given, otherwise) {
  const number = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} got ${String(given)}. Give a whole number from 1 on.`);
}

/** @param {string} name */
function describe(name) {
  const command = ['node', `bench/${name}.js`, ...process.argv.slice(2)].join(' ');
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, ${memory}`;
  const date = new Date().toISOString().slice(0, 10);
  return `- \`${command}\`, ${date}\n- ${machine}; Node ${process.versions.node} on ${process.platform}`;
}
