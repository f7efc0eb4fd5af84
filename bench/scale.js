// @ts-check
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commandLine, readOptions } from './command-line.js';
import { loader } from './load/loader.js';
import { onCores, SERVER_CORE } from './measure/cores.js';
import { withServer } from './measure/process.js';
import { rateOf } from './measure/rate.js';
import { inRounds } from './measure/rounds.js';
import { newFolder } from './measure/temporary.js';
import { lineChart } from './report/line-chart.js';
import { machine } from './report/machine.js';
import { table } from './report/markdown.js';
import { figure, median, spread, whole } from './report/numbers.js';
import { progress, tell } from './report/tell.js';
import { cookieOf, fillLimits, fillOurs } from './sessions/fill.js';

// npm run bench:scale: what a session costs as there are more of them, as they have more keys, and as values get longer.

/** @typedef {{ sessions: number, keys: number, bytes: number }} Size */
/** @typedef {Size & { file: string, cookies: string, table?: string }} Stored In files: the sessions, and as many in the limits' table. */
/** @typedef {import('./measure/rate.js').Rate} Rate */
/** @typedef {{ read: Rate, write: Rate, load: number, commit: number, select: number }} Costs Those without HTTP are CPU microseconds. */

const options = readOptions({
  rounds: [5, 1],
  seconds: [3, 1],
  connections: [64, 64],
  most: [1_000_000, 100_000],
});

/** @type {Size} */
const BASE = { sessions: 1000, keys: 1, bytes: 10 };

/** What grows, while the rest stays as in the first. */
const SERIES = [
  series(
    'sessions',
    'stored sessions',
    [1000, 10_000, 100_000, 1_000_000].filter((many) => many <= options.most),
  ),
  series('keys', 'keys in each session', [1, 3, 10, 30, 100]),
  series('bytes', 'bytes of each value', [10, 100, 1024, 16_384, 65_536]),
];

const SERVER = {
  name: 'tsgi',
  program: import.meta.resolve('./servers/values.js'),
  options: { durability: /** @type {const} */ ('process') },
};

const INSIDE = fileURLToPath(import.meta.resolve('./inside/driver.js'));
const SELECT = fileURLToPath(import.meta.resolve('./inside/select.js'));
const PICTURE = '![CPU microseconds of a request, and of the driver alone, as a session grows](scale.svg)';

const load = await loader();
const stored = await storeAll();
const measured = await inRounds([...stored.values()], options.rounds, describe, measure);
const description = machine(commandLine('bench:scale'), load.name);
await tell('scale.md', [description, PICTURE, ...SERIES.map(tableOf), relative()], options.write);
if (options.write) {
  const chart = lineChart('CPU microseconds, as a session grows', SERIES.map(panelOf));
  await writeFile(join(import.meta.dirname, 'scale.svg'), chart);
}

/**
 * @param {keyof Size} what
 * @param {string} title
 * @param {readonly number[]} numbers
 */
function series(what, title, numbers) {
  return { what, title, numbers, sizes: numbers.map((number) => ({ ...BASE, [what]: number })) };
}

/** @param {Size} size */
function nameOf({ sessions, keys, bytes }) {
  return `${sessions}-${keys}-${bytes}`;
}

/** Once what is in several series. */
async function storeAll() {
  const folder = newFolder();
  /** @type {Map<string, Stored>} */
  const stored = new Map();
  for (const size of SERIES.flatMap(({ sizes }) => sizes)) {
    const name = nameOf(size);
    if (!stored.has(name)) stored.set(name, await store(size, join(folder, name)));
  }
  return stored;
}

/** @param {Size} size */
function describe({ sessions, keys, bytes }) {
  return `${sessions} sessions of ${keys} times ${bytes} bytes`;
}

/**
 * @param {Size} size
 * @param {string} name Of the files, but for their ends.
 * @returns {Promise<Stored>}
 */
async function store(size, name) {
  progress(`storing ${describe(size)}`);
  const [file, cookies, table] = [`${name}.db`, `${name}.cookies`, `${name}-limit.db`];
  await fillOurs(file, size);
  await writeFile(cookies, Array.from({ length: size.sessions }, (_, i) => `${cookieOf(i + 1)}\n`).join(''));
  if (size.keys !== BASE.keys || size.bytes !== BASE.bytes) return { ...size, file, cookies };
  fillLimits(table, size.sessions);
  return { ...size, file, cookies, table };
}

/**
 * @param {Stored} one
 * @returns {Promise<Costs>}
 */
async function measure(one) {
  const http = await withServer(SERVER, (server) => measureHttp(server, one.cookies), one.file);
  const { sessions, bytes, file, table } = one;
  const job = { ...SERVER.options, sessions, bytes, seconds: options.seconds };
  const inside = await run(INSIDE, { ...job, database: file });
  const select = table === undefined ? { select: NaN } : await run(SELECT, { ...job, database: table });
  return /** @type {Costs} */ ({ ...http, ...inside, ...select });
}

/**
 * @param {import('./measure/process.js').ServerProcess} server
 * @param {string} cookies
 */
async function measureHttp(server, cookies) {
  const { connections, seconds } = options;
  const task = { connections, seconds, cookies, order: /** @type {const} */ ('random') };
  return {
    read: await rateOf(server, load, { ...task, url: `${server.url}/read` }),
    write: await rateOf(server, load, { ...task, url: `${server.url}/write` }),
  };
}

/**
 * A program of `inside/`, which prints JSON.
 * @param {string} program
 * @param {object} job
 * @returns {Promise<object>}
 */
async function run(program, job) {
  const [command, ...rest] = onCores(SERVER_CORE, process.execPath, [program, JSON.stringify(job)]);
  const { stdout } = await promisify(execFile)(command, rest);
  /** @type {unknown} */
  const parsed = JSON.parse(stdout);
  return /** @type {object} */ (parsed);
}

/** @param {(typeof SERIES)[number]} series */
function tableOf({ title, sizes, numbers }) {
  const head = [
    title,
    'read, CPU µs',
    'requests/s',
    'write, CPU µs',
    'requests/s',
    'load alone, CPU µs',
    'commit alone, CPU µs',
  ];
  const rows = sizes.map((size, i) => {
    const of = (/** @type {(costs: Costs) => number} */ cost) => spread(costsOf(size).map(cost));
    return [
      whole(numbers[i] ?? NaN),
      of(({ read }) => read.cpu ?? NaN),
      of(({ read }) => read.rate),
      of(({ write }) => write.cpu ?? NaN),
      of(({ write }) => write.rate),
      of(({ load }) => load),
      of(({ commit }) => commit),
    ];
  });
  return table(head, rows);
}

/**
 * What a read costs with many sessions, beside what it would if only SQLite's own SELECT had become slower. The SELECT is
 * that of the limits' table, of one row by its key; ours finds a session and then its values.
 */
function relative() {
  const [first = BASE, ...more] = SERIES[0]?.sizes ?? [];
  const cost = (/** @type {Size} */ size) => median(costsOf(size).map(({ read }) => read.cpu ?? NaN));
  const select = (/** @type {Size} */ size) => median(costsOf(size).map((costs) => costs.select));
  const rows = [first, ...more].map((size) => [
    whole(size.sessions),
    figure(select(size)),
    figure(cost(first) / cost(size)),
    figure((cost(first) + select(size) - select(first)) / cost(size)),
  ]);
  const rate = `read, × ${whole(first.sessions)}`;
  return table(
    ['stored sessions', 'a SELECT of SQLite, CPU µs', rate, '× that less what the SELECT loses'],
    rows,
  );
}

/** @param {Size} size */
function costsOf(size) {
  const one = stored.get(nameOf(size));
  return (one && measured.get(one)) ?? [];
}

/** @param {(typeof SERIES)[number]} series */
function panelOf({ title, sizes, numbers }) {
  const line = (/** @type {string} */ name, /** @type {(costs: Costs) => number} */ cost) => ({
    name,
    points: sizes.map((size, i) => /** @type {const} */ ([i, median(costsOf(size).map(cost))])),
  });
  return {
    title,
    ticks: numbers.map(whole),
    lines: [
      line('request that reads', ({ read }) => read.cpu ?? NaN),
      line('request that writes', ({ write }) => write.cpu ?? NaN),
      line('load alone', ({ load }) => load),
      line('commit alone', ({ commit }) => commit),
    ],
  };
}
