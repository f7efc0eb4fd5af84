// @ts-check
import { availableParallelism } from 'node:os';
import { commandLine, readOptions } from './command-line.js';
import { Browser } from './load/browser.js';
import { loader } from './load/loader.js';
import { withServer } from './measure/process.js';
import { rateOf } from './measure/rate.js';
import { inRounds } from './measure/rounds.js';
import { OURS_AND_LIMITS, PROGRAMS } from './plan/programs.js';
import { machine } from './report/machine.js';
import { table } from './report/markdown.js';
import { figure, median, spread, whole } from './report/numbers.js';
import { tell } from './report/tell.js';
import { StoredSessions } from './sessions/stored.js';

// npm run bench:cluster: what becomes of a server when two processes share the file.

/**
 * @typedef {object} Measured
 * @property {number} read Requests per second.
 * @property {number} write
 * @property {Counted} one Of the updates of one session.
 * @property {Counted} many Of as many sessions as there are connections.
 */

/** @typedef {{ failed: number, lost: number }} Counted Replies that are not 200, and updates that were answered and are not there. */

const options = readOptions({ rounds: [5, 1], seconds: [3, 1], connections: [64, 64], updates: [3200, 800] });

/** @typedef {{ server: import('./measure/process.js').Server, durability: 'process' | 'power', workers: number }} Case */

/** @type {readonly Case[]} */
const CASES = OURS_AND_LIMITS.flatMap((name) =>
  /** @type {const} */ (['process', 'power']).flatMap((durability) =>
    [1, 2].map((workers) => ({ server: PROGRAMS[name], durability, workers })),
  ),
);

const SESSIONS = 1000;

/** One of them is that of the load as well. */
const ALL_CORES = `0-${availableParallelism() - 1}`;

const load = await loader();
const stored = new StoredSessions();
const measured = await inRounds(CASES, options.rounds, nameOf, measure);
const head = [
  'server',
  'durability',
  'workers',
  'reads/s',
  '× one worker',
  'writes/s',
  '× one worker',
  'not 200',
  'lost of one session',
  'of many',
];
const parts = [machine(commandLine('bench:cluster'), load.name), table(head, CASES.map(rowOf))];
await tell('cluster.md', parts, options.write);

/** @param {Case} one */
function nameOf({ server, durability, workers }) {
  return `${server.name}, ${durability}, ${workers}`;
}

/** @param {Case} one */
async function measure({ server, durability, workers }) {
  const { database, cookies } = await stored.of(server, SESSIONS);
  const cluster = {
    name: server.name,
    program: import.meta.resolve('./measure/cluster-primary.js'),
    options: { durability, program: server.program, workers },
    cores: ALL_CORES,
  };
  return withServer(cluster, (running) => measureServer(running, cookies), database);
}

/**
 * @param {import('./measure/process.js').ServerProcess} running
 * @param {string} cookies
 * @returns {Promise<Measured>}
 */
async function measureServer(running, cookies) {
  const { seconds, connections } = options;
  const task = { connections, seconds, cookies };
  const read = await rateOf(running, load, { ...task, url: `${running.url}/read` });
  const write = await rateOf(running, load, { ...task, url: `${running.url}/write` });
  const browser = new Browser(running.url, connections);
  const one = await update(browser, 1);
  const many = await update(browser, connections);
  browser.close();
  return { read: read.rate, write: write.rate, one, many };
}

/**
 * Counts in so many new sessions in turn, and then looks whether they have every number that was answered.
 * @param {Browser} browser
 * @param {number} sessions
 * @returns {Promise<Counted>}
 */
async function update(browser, sessions) {
  const visitors = await browser.visitors(sessions);
  const write = (/** @type {number} */ i) => browser.ask('/write', visitors[i % sessions]?.cookie);
  const answers = await Promise.all(Array.from({ length: options.updates }, (_, i) => write(i)));
  const counted = answers.filter(({ status }) => status === 200).length;
  const last = await Promise.all(visitors.map((_, i) => write(i)));
  const stored = last.reduce((sum, { body }) => sum + Number(body) - 1, 0);
  return { failed: answers.length - counted, lost: counted - stored };
}

/**
 * @param {Case} one
 * @param {number} i
 */
function rowOf(one, i) {
  const { server, durability, workers } = one;
  const rounds = roundsOf(one);
  const single = roundsOf(CASES[i + 1 - workers]);
  const sum = (/** @type {(round: Measured) => number} */ count) =>
    whole(rounds.map(count).reduce((total, value) => total + value, 0));
  const rates = (/** @type {'read' | 'write'} */ what) => {
    const values = rounds.map((round) => round[what]);
    const ratio = median(values.map((value, round) => value / (single[round]?.[what] ?? NaN)));
    return [spread(values), figure(ratio)];
  };
  return [
    server.name,
    durability,
    String(workers),
    ...rates('read'),
    ...rates('write'),
    sum(({ one, many }) => one.failed + many.failed),
    sum(({ one }) => one.lost),
    sum(({ many }) => many.lost),
  ];
}

/** @param {Case | undefined} one */
function roundsOf(one) {
  return (one && measured.get(one)) ?? [];
}
