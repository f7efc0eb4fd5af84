// @ts-check
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { storedKeyOf } from '../sessions/fill.js';
import { options } from '../servers/options.js';

// What the programs of this folder share. Each gets a job in JSON, as the servers do, and prints JSON.

/** @typedef {import('../servers/options.js').Options & { sessions: number, bytes: number, seconds: number }} Job */

export const job = /** @type {Job} */ (options);

/** As many as there are visitors at once: in `driver.js` they share a transaction. */
export const TOGETHER = 64;

const keys = Array.from({ length: 100_000 }, () => storedKeyOf(1 + Math.floor(Math.random() * job.sessions)));
let turn = 0;

/** Of the stored sessions, one at random. */
export function nextKey() {
  return /** @type {import('tsgi').SessionKey} */ (keys[(turn += 1) % keys.length]);
}

/**
 * CPU microseconds of one of as many as `some` does: so many TOGETHER. What warms up is not counted.
 * @param {() => unknown} some
 */
export async function costOf(some) {
  await repeat(some, job.seconds / 2);
  const before = process.cpuUsage();
  const done = await repeat(some, job.seconds);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done / TOGETHER;
}

/**
 * @param {() => unknown} some
 * @param {number} seconds
 */
async function repeat(some, seconds) {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  for (; performance.now() < end; done += 1) await some();
  return done;
}
