// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { readArguments } from './arguments.js';
import { chart } from './chart.js';
import { check } from './check.js';
import { loader } from './load.js';
import { machine } from './machine.js';
import { measure } from './measure.js';
import { nameOf, plan } from './plan.js';
import { report } from './report.js';
import { StoredSessions } from './stored.js';
import { writeInto } from './write-into.js';

// npm run bench: how fast an application behind all five layers is beside servers that do the same work.

/** @typedef {{ description: string, connections: number, samples: import('./measure.js').Sample[] }} Run */

const options = readArguments();
const run = options.from === undefined ? await newRun() : await readRun(options.from);
const text = [run.description, ...report(run)].join('\n\n');

process.stdout.write(`${text}\n`);
if (options.write) {
  await writeInto(join(import.meta.dirname, 'README.md'), text);
  await writeFile(join(import.meta.dirname, 'result.svg'), chart(run));
}

async function newRun() {
  const load = await loader();
  const cells = plan(options);
  progress('checking the servers');
  await check(new Set(cells.flat().map(({ server }) => server)));
  const description = machine(options.command, load.name);
  /** @type {Run} */
  const begun = { description, connections: options.connections, samples: [] };
  await measureAll(cells, load, begun);
  return begun;
}

/**
 * Every round measures every cell once, so that noise which lasts falls on all of them; who is first changes. What there is
 * is kept after each round.
 * @param {readonly import('./plan.js').Cell[][]} cells
 * @param {import('./load.js').Loader} load
 * @param {Run} begun
 */
async function measureAll(cells, load, begun) {
  const stored = new StoredSessions();
  for (let round = 0; round < options.rounds; round += 1) {
    for (const cell of cells.flatMap((some) => rotated(some, round))) {
      progress(`round ${round + 1} of ${options.rounds}: ${nameOf(cell)}`);
      begun.samples.push(await measure(cell, { round, seconds: options.seconds, load, stored }));
    }
    if (options.json !== undefined) await writeFile(options.json, JSON.stringify(begun));
  }
  progress('');
}

/**
 * @param {string} file
 * @returns {Promise<Run>}
 */
async function readRun(file) {
  /** @type {unknown} */
  const parsed = JSON.parse(await readFile(file, 'utf8'));
  return /** @type {Run} */ (parsed);
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} by
 */
function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

/** @param {string} line */
function progress(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}
