// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import Database from 'better-sqlite3';
import { SERVERS, WORKLOADS } from './measure.js';

/**
 * @typedef {object} Sample
 * @property {string} workload
 * @property {string} server
 * @property {number} rate Requests per second.
 * @property {number} cpu CPU microseconds per request.
 */

/**
 * Two tables: ours beside the others, and what each was measured with.
 * @param {readonly Sample[]} samples
 * @returns {string[]}
 */
export function report(samples) {
  return [relative(samples), absolute(samples)];
}

/**
 * On what, with what and how it was measured.
 * @param {string} loader
 * @param {readonly string[]} options
 */
export function describeRun(loader, options) {
  const command = ['npm run bench', ...(options.length > 0 ? ['--', ...options] : [])].join(' ');
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const sqlite = `better-sqlite3 ${versionOf('better-sqlite3')} (SQLite ${sqliteVersion()})`;
  const peers = `express ${versionOf('express')}, express-session ${versionOf('express-session')}`;
  const date = new Date().toISOString().slice(0, 10);
  return [
    `- \`${command}\`, ${date}, tsgi ${versionOf('tsgi')}`,
    `- ${machine}; Node ${process.versions.node} on ${process.platform}`,
    `- ${sqlite}, ${peers}, ${loader}`,
  ].join('\n');
}

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

/** @param {readonly Sample[]} samples */
function relative(samples) {
  const [ours = '', ...others] = SERVERS.map(({ name }) => name);
  const head = [`${ours} beside`, ...others.flatMap((other) => [other, 'by CPU'])];
  const rows = WORKLOADS.map(({ name }) => {
    const own = of(samples, name, ours);
    return [name, ...others.flatMap((other) => compared(own, of(samples, name, other)))];
  });
  return table(head, rows);
}

/**
 * How many times the others' requests per second ours answers, and how many times it does with the same CPU time. Each
 * round is compared by itself, since its measurements are neighbours in time.
 * @param {readonly Sample[]} ours
 * @param {readonly Sample[]} others
 */
function compared(ours, others) {
  const rates = ours.map(({ rate }, round) => rate / (others[round]?.rate ?? NaN));
  const cpus = ours.map(({ cpu }, round) => (others[round]?.cpu ?? NaN) / cpu);
  return [spread(rates, ratio), spread(cpus, ratio)];
}

/** @param {readonly Sample[]} samples */
function absolute(samples) {
  const rows = WORKLOADS.flatMap(({ name }) =>
    SERVERS.map((server) => {
      const measured = of(samples, name, server.name);
      const rates = measured.map(({ rate }) => rate);
      const cpus = measured.map(({ cpu }) => cpu);
      return [name, server.name, spread(rates, whole), spread(cpus, whole)];
    }),
  );
  return table(['workload', 'server', 'requests/s', 'CPU µs/request'], rows);
}

/**
 * @param {readonly Sample[]} samples
 * @param {string} workload
 * @param {string} server
 */
function of(samples, workload, server) {
  return samples.filter((sample) => sample.workload === workload && sample.server === server);
}

/**
 * The median, and in parentheses the least and the most.
 * @param {readonly number[]} values
 * @param {(value: number) => string} format
 */
function spread(values, format) {
  if (values.some(Number.isNaN)) return '–';
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle))) / 2;
  return `${format(median)} (${format(at(sorted, 0))}–${format(at(sorted, sorted.length - 1))})`;
}

/**
 * @param {readonly number[]} values
 * @param {number} i
 */
function at(values, i) {
  return values[i] ?? NaN;
}

/** @param {number} value */
function ratio(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** @param {number} value */
function whole(value) {
  return Math.round(value).toLocaleString('en');
}

/**
 * A table in Markdown that also reads well on a terminal; all columns but the first hold numbers.
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
function table(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const lines = [head, rule, ...rows].map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
  );
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const require = createRequire(import.meta.url);

/** @param {string} name */
function versionOf(name) {
  /** @type {unknown} */
  const found = require(`${name}/package.json`);
  return /** @type {{ version: string }} */ (found).version;
}

function sqliteVersion() {
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get();
  database.close();
  return String(version);
}
