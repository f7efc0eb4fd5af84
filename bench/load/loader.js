// @ts-check
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HEADERS } from './browser.js';
import { LOAD_CORE, onCores } from '../measure/cores.js';

/**
 * @typedef {object} Task
 * @property {string} url
 * @property {number} connections
 * @property {number} seconds
 * @property {string} [cookies] A file with one on each line. Without it no cookie is sent.
 * @property {'turn' | 'random'} [order] Which cookie comes next.
 */

/** @typedef {{ requests: number, seconds: number, errors: number, p50: number, p99: number }} Done Latency in milliseconds. */

/**
 * @typedef {object} Loader
 * @property {string} name With its version.
 * @property {(task: Task) => Promise<Done>} run
 */

/**
 * What sends the requests: wrk where it is installed, else autocannon, which is slower than the faster servers here and
 * so makes them look more alike.
 * @returns {Promise<Loader>}
 */
export async function loader() {
  const wrk = await versionOfWrk();
  if (wrk === undefined) return { name: 'autocannon', run: runAutocannon };
  return { name: `wrk ${wrk}`, run: runWrk };
}

const execute = promisify(execFile);

/** wrk prints its version with its usage, and exits with 1. */
async function versionOfWrk() {
  const said = await execute('wrk', ['-v']).catch((/** @type {unknown} */ error) => error);
  const { stdout = '' } = /** @type {{ stdout?: string }} */ (said);
  return /^wrk \D*([\d.]+)/.exec(stdout)?.[1];
}

/** @param {Task} task */
function runWrk({ url, connections, seconds, ...cookies }) {
  const headers = Object.entries(HEADERS).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const amount = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'];
  const script = ['-s', join(import.meta.dirname, 'wrk.lua')];
  return run('wrk', [...amount, ...headers, ...script, url, '--', ...chosen(cookies)]);
}

/** @param {Task} task */
function runAutocannon({ url, connections, seconds, ...cookies }) {
  const script = fileURLToPath(import.meta.resolve('./autocannon.js'));
  return run(process.execPath, [script, url, String(connections), String(seconds), ...chosen(cookies)]);
}

/** @param {Pick<Task, 'cookies' | 'order'>} task */
function chosen({ cookies, order = 'turn' }) {
  return cookies === undefined ? [] : [cookies, order];
}

/**
 * Runs a program that ends its output with a line of JSON.
 * @param {string} program
 * @param {string[]} args
 */
async function run(program, args) {
  const [command, ...rest] = onCores(LOAD_CORE, program, args);
  const { stdout } = await execute(command, rest);
  /** @type {unknown} */
  const parsed = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  const done = /** @type {Done} */ (parsed);
  if (done.errors > 0) throw new Error(`${done.errors} of ${done.requests} requests failed.`);
  return done;
}
