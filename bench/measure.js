// @ts-check
import { withServer } from './process.js';
import { PROGRAMS } from './programs.js';

/**
 * @typedef {object} Sample
 * @property {number} round
 * @property {string} workload
 * @property {import('./programs.js').Name} server
 * @property {'power' | 'process'} durability
 * @property {number} connections
 * @property {number} rate Requests per second.
 * @property {number | null} cpu CPU microseconds per request, where they can be known.
 * @property {number} p50 Milliseconds.
 * @property {number} p99
 */

/** Seconds that every server is given to get warm. */
const WARM_UP = 2;

/**
 * Measures one server once, in a new process on a database of its own, with no other server alive.
 * @param {import('./plan.js').Cell} cell
 * @param {object} options
 * @param {number} options.round
 * @param {number} options.seconds
 * @param {import('./load.js').Loader} options.load
 * @param {import('./stored.js').StoredSessions} options.stored
 * @returns {Promise<Sample>}
 */
export async function measure(
  { workload, server, durability, connections },
  { round, seconds, load, stored },
) {
  const program = PROGRAMS[server];
  const { path, sessions, order } = workload;
  const begin = sessions === 0 ? undefined : await stored.of(program, sessions);
  const started = { ...program, options: { ...program.options, durability } };
  return withServer(
    started,
    async (running) => {
      const cookies = begin === undefined ? {} : { cookies: begin.cookies, order };
      const task = { url: running.url + path, connections, ...cookies };
      await load.run({ ...task, seconds: Math.min(seconds, WARM_UP) });
      const before = running.cpuTime();
      const done = await load.run({ ...task, seconds });
      const cpu = (running.cpuTime() - before) / done.requests;
      const rate = done.requests / done.seconds;
      const measured = { rate, cpu: Number.isNaN(cpu) ? null : cpu, p50: done.p50, p99: done.p99 };
      return { round, workload: workload.name, server, durability, connections, ...measured };
    },
    begin?.database,
  );
}
