// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, readOptions, someOf } from './command-line.js';
import { loader } from './load/loader.js';
import { check } from './measure/check.js';
import { rateOf } from './measure/rate.js';
import { withServer } from './measure/process.js';
import { rotated } from './measure/rounds.js';
import { nameOf, plan } from './plan/plan.js';
import { PROGRAMS } from './plan/programs.js';
import { WORKLOADS } from './plan/workloads.js';
import { chart } from './report/chart.js';
import { machine } from './report/machine.js';
import { report } from './report/report.js';
import { progress, tell } from './report/tell.js';
import { StoredSessions } from './sessions/stored.js';

// npm run bench: how fast an application behind all five layers is beside servers that do the same work.

/**
 * A server that was measured once on a workload.
 * @typedef {object} Measured
 * @property {number} round
 * @property {string} workload
 * @property {import('./plan/programs.js').Name} server
 * @property {'power' | 'process'} durability
 * @property {number} connections
 */

/** @typedef {Measured & import('./measure/rate.js').Rate} Sample */
/** @typedef {{ description: string, connections: number, samples: Sample[] }} Run */

const options = readOptions({ rounds: [5, 1], seconds: [2, 1], connections: [64, 64] }, [
  'only',
  'servers',
  'json',
  'from',
]);
const run = options.from === undefined ? await newRun() : await readRun(options.from);
await tell('README.md', [run.description, ...report(run)], options.write);
if (options.write) await writeFile(join(import.meta.dirname, 'result.svg'), chart(run));

async function newRun() {
  const only = someOf(
    'only',
    options.only,
    WORKLOADS.map(({ name }) => name),
  );
  const servers = someOf('servers', options.servers, Object.keys(PROGRAMS));
  const cells = plan({ quick: options.quick, connections: options.connections, only, servers });
  const load = await loader();
  progress('checking the servers');
  await check(new Set(cells.flat().map(({ server }) => server)));
  const description = machine(commandLine('bench'), load.name);
  /** @type {Run} */
  const begun = { description, connections: options.connections, samples: [] };
  await measureAll(cells, load, begun);
  return begun;
}

/**
 * Every round measures every cell once, those of one workload after each other. What there is is kept after each round.
 * @param {readonly import('./plan/plan.js').Cell[][]} cells
 * @param {import('./load/loader.js').Loader} load
 * @param {Run} begun
 */
async function measureAll(cells, load, begun) {
  const stored = new StoredSessions();
  for (let round = 0; round < options.rounds; round += 1) {
    for (const cell of cells.flatMap((some) => rotated(some, round))) {
      progress(`round ${round + 1} of ${options.rounds}: ${nameOf(cell)}`);
      begun.samples.push({ round, ...(await measure(cell, load, stored)) });
    }
    if (options.json !== undefined) await writeFile(options.json, JSON.stringify(begun));
  }
}

/**
 * In a new process on a database of its own, with no other server alive.
 * @param {import('./plan/plan.js').Cell} cell
 * @param {import('./load/loader.js').Loader} load
 * @param {StoredSessions} stored
 */
async function measure({ workload, server, durability, connections }, load, stored) {
  const { name, path, sessions, order } = workload;
  const program = PROGRAMS[server];
  const begin = sessions === 0 ? undefined : await stored.of(program, sessions);
  const cookies = begin === undefined ? {} : { cookies: begin.cookies, order };
  const rate = await withServer(
    { ...program, options: { ...program.options, durability } },
    (running) => {
      const task = { url: running.url + path, connections, seconds: options.seconds, ...cookies };
      return rateOf(running, load, task);
    },
    begin?.database,
  );
  return { workload: name, server, durability, connections, ...rate };
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
