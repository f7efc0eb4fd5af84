// @ts-check
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as wait } from 'node:timers/promises';
import { commandLine, readOptions } from './command-line.js';
import { Browser } from './load/browser.js';
import { withServer } from './measure/process.js';
import { inRounds } from './measure/rounds.js';
import { newFolder } from './measure/temporary.js';
import { machine } from './report/machine.js';
import { table } from './report/markdown.js';
import { spread, whole } from './report/numbers.js';
import { progress, tell } from './report/tell.js';
import { cookieOf, fillOurs } from './sessions/fill.js';

// npm run bench:sweep: how long the event loop is kept while a million sessions are swept, of which half have ended.

/** @typedef {import('./measure/delay-probe.js').Delays} Delays */
/** @typedef {{ seconds: number, delays: Delays, latencies: number[] }} Sweep Latencies are those of the readers, in milliseconds. */

const options = readOptions({ rounds: [3, 1], sessions: [1_000_000, 50_000], readers: [200, 200] });

/** @typedef {{ durability: 'power' | 'process', readers: number }} Case */
/** @type {readonly Case[]} */
const CASES = [
  { durability: 'power', readers: 0 },
  { durability: 'power', readers: options.readers },
  { durability: 'process', readers: 0 },
  { durability: 'process', readers: options.readers },
];

const file = join(newFolder(), 'full.db');
progress(`storing ${options.sessions} sessions`);
await fillOurs(file, { sessions: options.sessions, keys: 3, halfEnded: true });
const sweeps = await inRounds(CASES, options.rounds, nameOf, measure);
const head = [
  'durability',
  'reads/s',
  'seconds',
  'delay p50, ms',
  'p99, ms',
  'longest, ms',
  'read p99, ms',
  'longest, ms',
];
const stored = `${whole(options.sessions)} sessions, of which half have ended:`;
const parts = [machine(commandLine('bench:sweep')), stored, table(head, CASES.map(rowOf))];
await tell('sweep.md', parts, options.write);

/** @param {Case} one */
function nameOf({ durability, readers }) {
  return `${durability}, ${readers} reads a second`;
}

/** @param {Case} one */
function measure({ durability, readers }) {
  const server = {
    name: 'tsgi',
    program: import.meta.resolve('./servers/sweep.js'),
    preload: import.meta.resolve('./measure/delay-probe.js'),
    options: { durability },
  };
  return withServer(server, (running) => sweep(running, readers), file);
}

/**
 * @param {import('./measure/process.js').ServerProcess} server
 * @param {number} perSecond How many others read meanwhile.
 * @returns {Promise<Sweep>}
 */
async function sweep(server, perSecond) {
  const browser = new Browser(server.url);
  const readers = read(browser, perSecond);
  await wait(1000);
  await server.ask('begin');
  readers.latencies.length = 0;
  const start = performance.now();
  const { body: removed } = await browser.get('/sweep');
  const seconds = (performance.now() - start) / 1000;
  const delays = /** @type {Delays} */ (await server.ask('end'));
  const latencies = await readers.stop();
  browser.close();
  if (Number(removed) !== Math.floor(options.sessions / 2)) throw new Error(`The sweep removed ${removed}.`);
  return { seconds, delays, latencies };
}

/**
 * Reads sessions that have not ended, so many a second, whether earlier ones are answered or not.
 * @param {Browser} browser
 * @param {number} perSecond
 */
function read(browser, perSecond) {
  /** @type {number[]} */
  const latencies = [];
  /** @type {Promise<void>[]} */
  const reads = [];
  const start = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - start) / 1000) * perSecond;
    while (reads.length < due) reads.push(one());
  }, 1);
  return {
    latencies,
    async stop() {
      clearInterval(timer);
      await Promise.all(reads);
      return latencies;
    },
  };

  async function one() {
    const sent = performance.now();
    const number = 1 + 2 * Math.floor((Math.random() * options.sessions) / 2);
    const { body } = await browser.get('/read', cookieOf(number));
    if (body === 'nobody') throw new Error('A session that has not ended is gone.');
    latencies.push(performance.now() - sent);
  }
}

/** @param {Case} one */
function rowOf(one) {
  const { durability, readers } = one;
  const of = (/** @type {(sweep: Sweep) => number} */ value) => spread((sweeps.get(one) ?? []).map(value));
  return [
    durability,
    String(readers),
    of(({ seconds }) => seconds),
    of(({ delays }) => delays.p50),
    of(({ delays }) => delays.p99),
    of(({ delays }) => delays.max),
    of(({ latencies }) => quantile(latencies, 0.99)),
    of(({ latencies }) => quantile(latencies, 1)),
  ];
}

/**
 * @param {readonly number[]} values
 * @param {number} share
 */
function quantile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? NaN;
}
