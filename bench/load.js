// @ts-check
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HEADERS } from './browser.js';

/**
 * @typedef {object} Task
 * @property {string} url
 * @property {number} connections
 * @property {number} seconds
 * @property {readonly string[]} cookies Sent in turn; none: no cookie is sent.
 */

/** @typedef {{ requests: number, seconds: number, errors: number }} Done */

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
function runWrk({ url, connections, seconds, cookies }) {
  const headers = Object.entries(HEADERS).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const amount = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'];
  return run('wrk', [
    ...amount,
    ...headers,
    '-s',
    join(import.meta.dirname, 'wrk.lua'),
    url,
    '--',
    ...cookies,
  ]);
}

/** @param {Task} task */
function runAutocannon({ url, connections, seconds, cookies }) {
  return run(process.execPath, [
    fileURLToPath(import.meta.resolve('./autocannon.js')),
    url,
    String(connections),
    String(seconds),
    ...cookies,
  ]);
}

/**
 * Runs a program that ends its output with a line of JSON.
 * @param {string} program
 * @param {string[]} args
 */
async function run(program, args) {
  const { stdout } = await execute(program, args);
  /** @type {unknown} */
  const parsed = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  const done = /** @type {Done} */ (parsed);
  if (done.errors > 0) throw new Error(`${done.errors} of ${done.requests} requests failed.`);
  return done;
}
