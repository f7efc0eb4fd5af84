// @ts-check
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { check } from './check.js';
import { loader } from './load.js';
import { measure, SERVERS, WORKLOADS } from './measure.js';
import { describeRun, report, writeInto } from './report.js';

// npm run bench: how fast an application behind all five layers is beside servers that do the same work.

const options = readOptions();
const load = await loader();

progress('checking the servers');
await check(SERVERS);
const samples = await measureAll();
const text = [describeRun(load.name, process.argv.slice(2)), ...report(samples)].join('\n\n');

process.stdout.write(`${text}\n`);
if (options.write) await writeInto(join(import.meta.dirname, 'README.md'), text);

/** Every round measures every cell once, so that noise which lasts falls on all of them; who is first changes. */
async function measureAll() {
  /** @type {import('./report.js').Sample[]} */
  const samples = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const workload of WORKLOADS) {
      for (const server of rotated(SERVERS, round)) {
        progress(`round ${round + 1} of ${options.rounds}: ${workload.name}, ${server.name}`);
        const measured = await measure(server, workload, load, options);
        samples.push({ workload: workload.name, server: server.name, ...measured });
      }
    }
  }
  progress('');
  return samples;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: count('rounds', values.rounds, values.quick ? 3 : 5),
    seconds: count('seconds', values.seconds, values.quick ? 1 : 3),
    connections: count('connections', values.connections, 64),
    write: values.write,
  };
}

/**
 * @param {string} name
 * @param {string | undefined} given
 * @param {number} otherwise
 */
function count(name, given, otherwise) {
  const number = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} got ${String(given)}. Give a whole number from 1 on.`);
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
