// @ts-check
import { Agent, get } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { figure, progress, readOptions, rotated, tell } from './beside.js';
import { loader } from './load.js';
import { table } from './markdown.js';
import { newcomers } from './newcomers.js';
import { median, spread } from './numbers.js';
import { withServer } from './process.js';
import { PROGRAMS } from './programs.js';

// node bench/cluster.js: what becomes of a server when two processes share the file.

/**
 * @typedef {object} Measured
 * @property {number} read Requests per second.
 * @property {number} write
 * @property {Counted} one Of the updates of one session.
 * @property {Counted} many Of as many sessions as there are connections.
 */

/** @typedef {{ failed: number, lost: number }} Counted Replies that are not 200, and updates that were answered and are not there. */

const options = readOptions({ rounds: [5, 1], seconds: [3, 1], connections: [64, 64], updates: [3200, 800] });

/** @type {readonly { server: import('./process.js').Server, durability: 'process' | 'power', workers: number }[]} */
const CASES = [PROGRAMS.tsgi, PROGRAMS['one-commit'], PROGRAMS['group-commit']].flatMap((server) =>
  /** @type {const} */ (['process', 'power']).flatMap((durability) =>
    [1, 2].map((workers) => ({ server, durability, workers })),
  ),
);

const SESSIONS = 1000;

/** One of them is that of the load as well. */
const ALL_CORES = `0-${availableParallelism() - 1}`;

const load = await loader();
const measured = await measureAll();
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
const rows = CASES.map((one, i) => rowOf(one, i));
await tell('cluster', [table(head, rows)], { ...options, loader: load.name });

async function measureAll() {
  const measured = CASES.map(() => /** @type {Measured[]} */ ([]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [i, one] of rotated([...CASES.entries()], round)) {
      progress(
        `round ${round + 1} of ${options.rounds}: ${one.server.name}, ${one.durability}, ${one.workers}`,
      );
      measured[i]?.push(await measure(one));
    }
  }
  return measured;
}

/** @param {(typeof CASES)[number]} measured */
function measure({ server, durability, workers }) {
  const cluster = {
    name: server.name,
    program: import.meta.resolve('./cluster-primary.js'),
    options: { durability, program: server.program, workers },
    cores: ALL_CORES,
  };
  return withServer(cluster, measureServer);
}

/**
 * @param {import('./process.js').ServerProcess} server
 * @returns {Promise<Measured>}
 */
async function measureServer({ url, database }) {
  const made = await newcomers(url, SESSIONS);
  const cookies = join(dirname(database), 'cookies');
  await writeFile(cookies, made.join('\n'));
  return {
    read: await rate(`${url}/read`, cookies),
    write: await rate(`${url}/write`, cookies),
    one: await update(url, await newcomers(url, 1)),
    many: await update(url, await newcomers(url, options.connections)),
  };
}

/**
 * @param {string} url
 * @param {string} cookies
 */
async function rate(url, cookies) {
  const { seconds, connections } = options;
  await load.run({ url, cookies, connections, seconds: 1 });
  const done = await load.run({ url, cookies, connections, seconds });
  return done.requests / done.seconds;
}

/**
 * Counts in these sessions in turn, and then looks whether they have every number that was answered.
 * @param {string} url
 * @param {readonly string[]} cookies
 * @returns {Promise<Counted>}
 */
async function update(url, cookies) {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const write = (/** @type {number} */ i) => visit(agent, `${url}/write`, cookies[i % cookies.length] ?? '');
  const answers = await Promise.all(Array.from({ length: options.updates }, (_, i) => write(i)));
  const counted = answers.filter(({ status }) => status === 200).length;
  const last = await Promise.all(cookies.map((_, i) => write(i)));
  agent.destroy();
  const stored = last.reduce((sum, { body }) => sum + Number(body) - 1, 0);
  return { failed: answers.length - counted, lost: counted - stored };
}

/**
 * @param {Agent} agent
 * @param {string} url
 * @param {string} cookie
 * @returns {Promise<{ status: number, body: string }>}
 */
function visit(agent, url, cookie) {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers: { cookie } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (/** @type {string} */ chunk) => (body += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.once('error', reject);
  });
}

/**
 * @param {(typeof CASES)[number]} of
 * @param {number} i
 */
function rowOf({ server, durability, workers }, i) {
  const rounds = measured[i] ?? [];
  const single = measured[i + 1 - workers] ?? [];
  const sum = (/** @type {(round: Measured) => number} */ count) => {
    const values = rounds.map(count);
    return values.reduce((total, value) => total + value, 0).toLocaleString('en');
  };
  const rates = (/** @type {'read' | 'write'} */ what) => {
    const values = rounds.map((round) => round[what]);
    const ratio = median(values.map((value, round) => value / (single[round]?.[what] ?? NaN)));
    return [spread(values, figure), figure(ratio)];
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
