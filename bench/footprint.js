// @ts-check
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { commandLine, readOptions } from './command-line.js';
import { Browser } from './load/browser.js';
import { loader } from './load/loader.js';
import { withServer } from './measure/process.js';
import { warmUp } from './measure/rate.js';
import { inRounds } from './measure/rounds.js';
import { PROGRAMS } from './plan/programs.js';
import { machine } from './report/machine.js';
import { table } from './report/markdown.js';
import { figure, median, spread, whole } from './report/numbers.js';
import { progress, tell } from './report/tell.js';
import { StoredSessions } from './sessions/stored.js';

// npm run bench:footprint: how soon a server answers, how much memory it takes, and how late its event loop is.

const options = readOptions({
  starts: [9, 3],
  requests: [1_000_000, 50_000],
  rounds: [5, 1],
  seconds: [5, 1],
  connections: [64, 64],
});

/** @typedef {import('./measure/process.js').Server} Server */

/** What the others are compared with. */
const LIMIT = PROGRAMS['one-commit'];

const { tsgi, bare, express, fastify, koa, hono } = PROGRAMS;
const READERS = [tsgi, LIMIT, express, fastify, koa, hono];
const SERVERS = [...READERS, bare];

const SESSIONS = 1000;

/** How many times the memory is looked at while the requests come. */
const PARTS = 10;

/** Milliseconds after which what only the start needed has settled. */
const AT_REST = 1000;

const load = await loader();
const stored = new StoredSessions();
const starts = await inRounds(SERVERS, options.starts, ({ name }) => `start of ${name}`, start);
const memory = await measureMemory();
const delays = await inRounds(READERS, options.rounds, ({ name }) => `delay of ${name}`, delayUnderLoad);
const description = machine(commandLine('bench:footprint'), load.name);
await tell('footprint.md', [description, tableOfStarts(), tableOfMemory(), tableOfDelays()], options.write);

/** @typedef {{ first: number, again: number }} Start Milliseconds to the first reply: with a new database, and with that. */

/**
 * @param {Server} server
 * @returns {Promise<Start>}
 */
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

/** @param {import('./measure/process.js').ServerProcess} running */
async function hello({ url }) {
  const browser = new Browser(url);
  await browser.get('/hello');
  browser.close();
}

/** Its memory in MiB: at rest, and after each tenth of the requests. */
async function measureMemory() {
  /** @type {Map<Server, number[]>} */
  const measured = new Map();
  for (const server of READERS) {
    progress(`memory: ${server.name}`);
    const { database, cookies } = await stored.of(server, SESSIONS);
    measured.set(server, await withServer(server, (running) => grow(running, cookies), database));
  }
  return measured;
}

/**
 * The load is sent by the second, so that a tenth is reached a little late.
 * @param {import('./measure/process.js').ServerProcess} running
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

/** @typedef {import('./measure/delay-probe.js').Delays} Delays */

/** @param {Server} server */
async function delayUnderLoad(server) {
  const { database, cookies } = await stored.of(server, SESSIONS);
  const preload = import.meta.resolve('./measure/delay-probe.js');
  const measure = async (/** @type {import('./measure/process.js').ServerProcess} */ running) => {
    const { connections, seconds } = options;
    const task = { url: `${running.url}/read`, connections, seconds, cookies };
    await warmUp(load, task);
    await running.ask('begin');
    await load.run(task);
    return /** @type {Delays} */ (await running.ask('end'));
  };
  return withServer({ ...server, preload }, measure, database);
}

function tableOfStarts() {
  const of = (/** @type {Server} */ server, /** @type {keyof Start} */ which) =>
    (starts.get(server) ?? []).map((one) => one[which]);
  const beside = (/** @type {Server} */ server, /** @type {keyof Start} */ which) => [
    spread(of(server, which)),
    figure(median(of(server, which)) / median(of(LIMIT, which))),
  ];
  const rows = SERVERS.map((server) => [server.name, ...beside(server, 'first'), ...beside(server, 'again')]);
  const times = `× ${LIMIT.name}`;
  return table(['first reply, ms', 'new database', times, 'the same again', times], rows);
}

function tableOfMemory() {
  const sizesOfLimit = memory.get(LIMIT) ?? [];
  const rows = READERS.map((server) => {
    const sizes = memory.get(server) ?? [];
    const grown = at(sizes, PARTS) - at(sizes, Math.round(PARTS / 3));
    const [rest, last] = [at(sizes, 0), at(sizes, PARTS)];
    return [
      server.name,
      figure(rest),
      signed(rest - at(sizesOfLimit, 0)),
      figure(last),
      figure(last / at(sizesOfLimit, PARTS)),
      figure(Math.max(...sizes)),
      signed(grown),
      sizes.slice(1).map(Math.round).join(' '),
    ];
  });
  const after = `after ${whole(options.requests)} reads`;
  const head = ['memory, MiB', 'at rest', `– ${LIMIT.name}`, after, `× ${LIMIT.name}`];
  return table([...head, 'most', 'grown in the last two thirds', 'at each tenth'], rows);
}

function tableOfDelays() {
  const rows = READERS.map((server) => {
    const measured = delays.get(server) ?? [];
    const which = /** @type {const} */ (['p50', 'p99', 'max']);
    return [server.name, ...which.map((one) => spread(measured.map((delay) => delay[one])))];
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
