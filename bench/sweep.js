// @ts-check
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as wait } from 'node:timers/promises';
import { figure, progress, readOptions, tell } from './beside.js';
import { Browser } from './browser.js';
import { cookieOf, fill } from './fill.js';
import { table } from './markdown.js';
import { spread } from './numbers.js';
import { withServer } from './process.js';
import { newFolder } from './temporary.js';

// node bench/sweep.js: how long the event loop is kept while a million sessions are swept, of which half have ended.

/** @typedef {import('./delay-probe.js').Delays} Delays */
/** @typedef {{ seconds: number, delays: Delays, latencies: number[] }} Sweep Latencies are those of the readers, in milliseconds. */

const options = readOptions({ rounds: [3, 1], sessions: [1_000_000, 50_000], readers: [200, 200] });

/** @type {readonly { durability: 'power' | 'process', readers: number }[]} */
const CASES = [
  { durability: 'power', readers: 0 },
  { durability: 'power', readers: options.readers },
  { durability: 'process', readers: 0 },
  { durability: 'process', readers: options.readers },
];

const sweeps = await measureAll();
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
const rows = CASES.map((one, i) => rowOf(one, sweeps[i] ?? []));
const stored = `${options.sessions.toLocaleString('en')} sessions, of which half have ended:`;
await tell('sweep', [stored, table(head, rows)], options);

async function measureAll() {
  const file = join(newFolder(), 'full.db');
  progress(`storing ${options.sessions} sessions`);
  await fill(file, { sessions: options.sessions, keys: 3, halfEnded: true });
  const sweeps = CASES.map(() => /** @type {Sweep[]} */ ([]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [i, { durability, readers }] of CASES.entries()) {
      progress(`round ${round} of ${options.rounds}: ${durability}, ${readers} reads a second`);
      sweeps[i]?.push(await withServer(serverOf(durability), (server) => sweep(server, readers), file));
    }
  }
  return sweeps;
}

/** @param {'power' | 'process'} durability */
function serverOf(durability) {
  return {
    name: 'tsgi',
    program: import.meta.resolve('./servers/sweep.js'),
    preload: import.meta.resolve('./delay-probe.js'),
    options: { durability },
  };
}

/**
 * @param {import('./process.js').ServerProcess} server
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

/**
 * @param {(typeof CASES)[number]} measured
 * @param {readonly Sweep[]} sweeps
 */
function rowOf({ durability, readers }, sweeps) {
  const of = (/** @type {(sweep: Sweep) => number} */ value) => spread(sweeps.map(value), figure);
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
