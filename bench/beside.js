// @ts-check
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { machine } from './machine.js';
import { writeInto } from './write-into.js';

// What the programs beside `run.js` share.

/**
 * Reads the command line: each number by its name, its first value as a rule and the second with `--quick`.
 * @template {string} Name
 * @param {Record<Name, readonly [usual: number, quick: number]>} numbers
 * @returns {Record<Name, number> & { write: boolean }}
 */
export function readOptions(numbers) {
  const names = /** @type {Name[]} */ (Object.keys(numbers));
  const values = parse(names);
  const chosen = names.map((name) => {
    const [usual, quick] = numbers[name];
    return [name, wholeNumber(name, values[name], values['quick'] === true ? quick : usual)];
  });
  /** @type {unknown} */
  const read = { ...Object.fromEntries(chosen), write: values['write'] === true };
  return /** @type {Record<Name, number> & { write: boolean }} */ (read);
}

/**
 * Prints a result, and with `--write` puts it into a file of this folder.
 * @param {string} name
 * @param {readonly string[]} parts
 * @param {{ write: boolean, loader?: string }} options
 */
export async function tell(name, parts, { write, loader = 'load by Node itself' }) {
  progress('');
  const given = process.argv.slice(2);
  const command = [`npm run bench:${name}`, ...(given.length > 0 ? ['--', ...given] : [])].join(' ');
  const text = [machine(command, loader), ...parts].join('\n\n');
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
 * With three digits that mean something, and all those before the point.
 * @param {number} value
 */
export function figure(value) {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
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
 * @param {readonly string[]} names
 * @returns {Partial<Record<string, string | boolean>>}
 */
function parse(names) {
  const number = /** @type {const} */ ({ type: 'string' });
  const flag = /** @type {const} */ ({ type: 'boolean' });
  const numbers = Object.fromEntries(names.map((name) => [name, number]));
  return /** @type {Partial<Record<string, string | boolean>>} */ (
    parseArgs({ options: { ...numbers, quick: flag, write: flag } }).values
  );
}

/**
 * @param {string} name
 * @param {string | boolean | undefined} given
 * @param {number} otherwise
 */
function wholeNumber(name, given, otherwise) {
  const number = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} got ${String(given)}. Give a whole number from 1 on.`);
}
