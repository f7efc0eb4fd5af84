// @ts-check
import { performance } from 'node:perf_hooks';
import process from 'node:process';

/**
 * CPU microseconds of one of so many that `some` does at once. What warms up is not counted.
 * @param {number} many
 * @param {number} seconds
 * @param {() => unknown} some
 */
export async function costOf(many, seconds, some) {
  await repeat(some, seconds / 2);
  const before = process.cpuUsage();
  const done = await repeat(some, seconds);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done / many;
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
