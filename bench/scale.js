// @ts-check
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { figure, progress, readOptions, rotated, tell, writeChart } from './beside.js';
import { onCores, SERVER_CORE } from './cores.js';
import { cookieOf, fill } from './fill.js';
import { lineChart } from './line-chart.js';
import { loader } from './load.js';
import { table } from './markdown.js';
import { median, spread } from './numbers.js';
import { withServer } from './process.js';
import { newFolder } from './temporary.js';

// node bench/scale.js: what a session costs as there are more of them, as they have more keys, and as values get longer.

/** @typedef {{ sessions: number, keys: number, bytes: number }} Size */
/** @typedef {Size & { file: string, cookies: string }} Stored */
/** @typedef {{ rate: number, cpu: number }} Http */
/** @typedef {{ read: Http, write: Http, load: number, commit: number, select: number }} Costs CPU microseconds, and requests per second. */

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

const INSIDE = fileURLToPath(import.meta.resolve('./inside.js'));
const SELECT = fileURLToPath(import.meta.resolve('./select.js'));
const PICTURE = '![CPU microseconds of a request, and of the driver alone, as a session grows](scale.svg)';
const NONE = { select: NaN };

const load = await loader();
const measured = await measureAll();
const parts = [PICTURE, ...SERIES.map(tableOf), relative()];
await tell('scale', parts, { ...options, loader: load.name });
if (options.write)
  await writeChart('scale', lineChart('CPU microseconds, as a session grows', SERIES.map(panelOf)));

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

/** @returns {Promise<Map<string, Costs[]>>} */
async function measureAll() {
  const folder = newFolder();
  const sizes = SERIES.flatMap((one) => one.sizes);
  const different = [...new Map(sizes.map((size) => [nameOf(size), size])).values()];
  const stored = [];
  for (const size of different) stored.push(await store(size, folder));
  const measured = new Map(stored.map((one) => [nameOf(one), /** @type {Costs[]} */ ([])]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const one of rotated(stored, round)) {
      progress(`round ${round + 1} of ${options.rounds}: ${describe(one)}`);
      measured.get(nameOf(one))?.push(await measure(one, folder));
    }
  }
  return measured;
}

/** @param {Size} size */
function describe({ sessions, keys, bytes }) {
  return `${sessions} sessions of ${keys} times ${bytes} bytes`;
}

/**
 * @param {Size} size
 * @param {string} folder
 * @returns {Promise<Stored>}
 */
async function store(size, folder) {
  progress(`storing ${describe(size)}`);
  const file = join(folder, `${nameOf(size)}.db`);
  const cookies = join(folder, `${size.sessions}.cookies`);
  await fill(file, size);
  await writeFile(cookies, Array.from({ length: size.sessions }, (_, i) => `${cookieOf(i + 1)}\n`).join(''));
  return { ...size, file, cookies };
}

/**
 * @param {Stored} stored
 * @param {string} folder
 * @returns {Promise<Costs>}
 */
async function measure(stored, folder) {
  const http = await withServer(SERVER, (server) => measureHttp(server, stored), stored.file);
  const { file, sessions, bytes, keys } = stored;
  const job = { ...SERVER.options, sessions, bytes, seconds: options.seconds };
  const inside = await run(INSIDE, { ...job, database: file });
  const isPlain = keys === BASE.keys && bytes === BASE.bytes;
  const select = isPlain
    ? await run(SELECT, { ...job, database: join(folder, `select-${sessions}.db`) })
    : NONE;
  return /** @type {Costs} */ ({ ...http, ...inside, ...select });
}

/**
 * @param {import('./process.js').ServerProcess} server
 * @param {Stored} stored
 */
async function measureHttp(server, { cookies }) {
  const measureOne = async (/** @type {string} */ path) => {
    const { connections, seconds } = options;
    const order = /** @type {const} */ ('random');
    const task = { url: server.url + path, connections, cookies, order };
    await load.run({ ...task, seconds: 1 });
    const before = server.cpuTime();
    const done = await load.run({ ...task, seconds });
    const cpu = done.requests === 0 ? NaN : (server.cpuTime() - before) / done.requests;
    return { rate: done.requests / done.seconds, cpu };
  };
  return { read: await measureOne('/read'), write: await measureOne('/write') };
}

/**
 * A program of this folder that prints JSON.
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
    const of = (/** @type {(costs: Costs) => number} */ cost) => spread(costsOf(size).map(cost), figure);
    return [
      (numbers[i] ?? NaN).toLocaleString('en'),
      of(({ read }) => read.cpu),
      of(({ read }) => read.rate),
      of(({ write }) => write.cpu),
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
  const cost = (/** @type {Size} */ size) => median(costsOf(size).map(({ read }) => read.cpu));
  const select = (/** @type {Size} */ size) => median(costsOf(size).map((costs) => costs.select));
  const rows = [first, ...more].map((size) => [
    size.sessions.toLocaleString('en'),
    figure(select(size)),
    figure(cost(first) / cost(size)),
    figure((cost(first) + select(size) - select(first)) / cost(size)),
  ]);
  const rate = `read, × ${first.sessions.toLocaleString('en')}`;
  return table(
    ['stored sessions', 'a SELECT of SQLite, CPU µs', rate, '× that less what the SELECT loses'],
    rows,
  );
}

/** @param {Size} size */
function costsOf(size) {
  return measured.get(nameOf(size)) ?? [];
}

/** @param {(typeof SERIES)[number]} series */
function panelOf({ title, sizes, numbers }) {
  const line = (/** @type {string} */ name, /** @type {(costs: Costs) => number} */ cost) => ({
    name,
    points: sizes.map((size, i) => /** @type {const} */ ([i, median(costsOf(size).map(cost))])),
  });
  return {
    title,
    ticks: numbers.map((number) => number.toLocaleString('en')),
    lines: [
      line('request that reads', ({ read }) => read.cpu),
      line('request that writes', ({ write }) => write.cpu),
      line('load alone', ({ load }) => load),
      line('commit alone', ({ commit }) => commit),
    ],
  };
}
