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
 * For a second, and again as long as the server gets faster: V8 compiles what has run often enough, and the more code a request
 * runs through, the longer that takes.
 * @param {import('../load/loader.js').Loader} load
 * @param {import('../load/loader.js').Task} task
 */
export async function warmUp(load, task) {
  let before = 0;
  for (let second = 0; second < MOST_SECONDS && second < 2 * task.seconds - 1; second += 1) {
    const { requests } = await load.run({ ...task, seconds: 1 });
    if (requests < FASTER * before) return;
    before = requests;
  }
}

const MOST_SECONDS = 4;
const FASTER = 1.05;
