// @ts-check
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { figure, progress, readOptions, rotated, tell } from './beside.js';
import { Browser } from './browser.js';
import { loader } from './load.js';
import { table } from './markdown.js';
import { median, spread } from './numbers.js';
import { withServer } from './process.js';
import { PROGRAMS } from './programs.js';
import { StoredSessions } from './stored.js';

// node bench/footprint.js: how soon a server answers, how much memory it takes, and how late its event loop is.

const options = readOptions({
  starts: [9, 3],
  requests: [1_000_000, 50_000],
  rounds: [5, 1],
  seconds: [5, 1],
  connections: [64, 64],
});

/** What the others are compared with. */
const LIMIT = PROGRAMS['one-commit'].name;

const { tsgi, 'one-commit': limit, bare, ...others } = PROGRAMS;
const PEERS = [others.express, others.fastify, others.koa, others.hono];
const READERS = [tsgi, limit, ...PEERS];
const SERVERS = [tsgi, limit, bare, ...PEERS];

const SESSIONS = 1000;

/** How many times the memory is looked at while the requests come. */
const PARTS = 10;

/** Milliseconds after which what only the start needed has settled. */
const AT_REST = 1000;

const load = await loader();
const stored = new StoredSessions();
const starts = await measureStarts();
const memory = await measureMemory();
const delays = await measureDelays();
await tell('footprint', [tableOfStarts(), tableOfMemory(), tableOfDelays()], {
  ...options,
  loader: load.name,
});

/** @typedef {{ first: number, again: number }} Start Milliseconds to the first reply: with a new database, and with that. */

/** @returns {Promise<Map<string, Start[]>>} */
async function measureStarts() {
  const measured = new Map(SERVERS.map(({ name }) => [name, /** @type {Start[]} */ ([])]));
  for (let round = 0; round < options.starts; round += 1) {
    for (const server of rotated(SERVERS, round)) {
      progress(`start ${round + 1} of ${options.starts}: ${server.name}`);
      measured.get(server.name)?.push(await start(server));
    }
  }
  return measured;
}

/** @param {import('./process.js').Server} server */
async function start(server) {
  let from = performance.now();
  return withServer(server, async (running) => {
    await hello(running);
    const first = performance.now() - from;
    await running.kill();
    from = performance.now();
    await running.start();
    await hello(running);
    return { first, again: performance.now() - from };
  });
}

/** @param {import('./process.js').ServerProcess} running */
async function hello({ url }) {
  const browser = new Browser(url);
  await browser.get('/hello');
  browser.close();
}

/** Its memory in MiB: at rest, and after each tenth of the requests. */
async function measureMemory() {
  /** @type {Map<string, number[]>} */
  const measured = new Map();
  for (const server of READERS) {
    progress(`memory: ${server.name}`);
    const { database, cookies } = await stored.of(server, SESSIONS);
    measured.set(server.name, await withServer(server, (running) => grow(running, cookies), database));
  }
  return measured;
}

/**
 * The load is sent by the second, so that a tenth is reached a little late.
 * @param {import('./process.js').ServerProcess} running
 * @param {string} cookies
 */
async function grow(running, cookies) {
  await hello(running);
  await wait(AT_REST);
  const sizes = [residentSize(running.pid)];
  const task = { url: `${running.url}/read`, connections: options.connections, cookies, seconds: 1 };
  for (let done = 0; sizes.length <= PARTS;) {
    done += (await load.run(task)).requests;
    while (sizes.length <= PARTS && done >= (sizes.length * options.requests) / PARTS) {
      sizes.push(residentSize(running.pid));
    }
  }
  return sizes;
}

/**
 * In MiB. NaN where there is no /proc.
 * @param {number} pid
 */
function residentSize(pid) {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}

/** @typedef {import('./delay-probe.js').Delays} Delays */

/** @returns {Promise<Map<string, Delays[]>>} */
async function measureDelays() {
  const measured = new Map(READERS.map(({ name }) => [name, /** @type {Delays[]} */ ([])]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const server of rotated(READERS, round)) {
      progress(`delay, round ${round + 1} of ${options.rounds}: ${server.name}`);
      measured.get(server.name)?.push(await delayUnderLoad(server));
    }
  }
  return measured;
}

/** @param {import('./process.js').Server} server */
async function delayUnderLoad(server) {
  const { database, cookies } = await stored.of(server, SESSIONS);
  const preload = import.meta.resolve('./delay-probe.js');
  const measure = async (/** @type {import('./process.js').ServerProcess} */ running) => {
    const task = { url: `${running.url}/read`, connections: options.connections, cookies };
    await load.run({ ...task, seconds: 1 });
    await running.ask('begin');
    await load.run({ ...task, seconds: options.seconds });
    return /** @type {Delays} */ (await running.ask('end'));
  };
  return withServer({ ...server, preload }, measure, database);
}

function tableOfStarts() {
  const of = (/** @type {string} */ name, /** @type {keyof Start} */ which) =>
    (starts.get(name) ?? []).map((one) => one[which]);
  const rows = SERVERS.map(({ name }) => [
    name,
    spread(of(name, 'first'), figure),
    figure(median(of(name, 'first')) / median(of(LIMIT, 'first'))),
    spread(of(name, 'again'), figure),
    figure(median(of(name, 'again')) / median(of(LIMIT, 'again'))),
  ]);
  return table(['first reply, ms', 'new database', `× ${LIMIT}`, 'the same again', `× ${LIMIT}`], rows);
}

function tableOfMemory() {
  const sizesOfLimit = memory.get(LIMIT) ?? [];
  const rows = READERS.map(({ name }) => {
    const sizes = memory.get(name) ?? [];
    const grown = at(sizes, PARTS) - at(sizes, Math.round(PARTS / 3));
    const [rest, last] = [at(sizes, 0), at(sizes, PARTS)];
    return [
      name,
      figure(rest),
      signed(rest - at(sizesOfLimit, 0)),
      figure(last),
      figure(last / at(sizesOfLimit, PARTS)),
      figure(Math.max(...sizes)),
      signed(grown),
      sizes.slice(1).map(Math.round).join(' '),
    ];
  });
  const after = `after ${options.requests.toLocaleString('en')} reads`;
  const head = ['memory, MiB', 'at rest', `– ${LIMIT}`, after, `× ${LIMIT}`];
  return table([...head, 'most', 'grown in the last two thirds', 'at each tenth'], rows);
}

function tableOfDelays() {
  const rows = READERS.map(({ name }) => {
    const of = (/** @type {keyof Delays} */ which) => (delays.get(name) ?? []).map((one) => one[which]);
    return [name, spread(of('p50'), figure), spread(of('p99'), figure), spread(of('max'), figure)];
  });
  return table(['delay of the event loop under reads, ms', 'p50', 'p99', 'longest'], rows);
}

/**
 * @param {readonly number[]} values
 * @param {number} i
 */
function at(values, i) {
  return values[i] ?? NaN;
}

/** @param {number} value */
function signed(value) {
  return value > 0 ? `+${figure(value)}` : figure(value);
}
