// @ts-check

/** @typedef {{ rate: number, cpu: number | null, p50: number, p99: number }} Rate Requests per second, CPU microseconds of a request (null where they cannot be known), and milliseconds. */

/**
 * What a server does under this load, once it is warm.
 * @param {import('./process.js').ServerProcess} server
 * @param {import('../load/loader.js').Loader} load
 * @param {import('../load/loader.js').Task} task
 * @returns {Promise<Rate>}
 */
export async function rateOf(server, load, task) {
  await warmUp(load, task);
  const before = server.cpuTime();
  const { requests, seconds, p50, p99 } = await load.run(task);
  const cpu = (server.cpuTime() - before) / requests;
  return { rate: requests / seconds, cpu: Number.isFinite(cpu) ? cpu : null, p50, p99 };
}

/**
 * For a second, and for another when it answered few in the first: what counts is how often the code has run.
 * @param {import('../load/loader.js').Loader} load
 * @param {import('../load/loader.js').Task} task
 */
export async function warmUp(load, task) {
  const { requests } = await load.run({ ...task, seconds: 1 });
  if (requests < WARM && task.seconds > 1) await load.run({ ...task, seconds: 1 });
}

/** Requests after which V8 has compiled what they run through. */
const WARM = 5000;
