// @ts-check
import { Browser } from './browser.js';
import { withServer } from './process.js';

/** Ours, and those that it is compared with. */
export const SERVERS = [
  { name: 'tsgi', program: import.meta.resolve('./servers/tsgi.js') },
  { name: 'hand-written', program: import.meta.resolve('./servers/hand-written.js') },
  { name: 'express', program: import.meta.resolve('./servers/express.js') },
];

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} path
 * @property {number} sessions How many sessions there are before, whose cookies are sent in turn.
 */

/** @type {readonly Workload[]} */
export const WORKLOADS = [
  { name: 'hello', path: '/hello', sessions: 0 },
  { name: 'session read', path: '/read', sessions: 1000 },
  { name: 'session write', path: '/write', sessions: 1000 },
  { name: 'new session', path: '/new', sessions: 0 },
];

/** Seconds that every server is given to get warm. */
const WARM_UP = 2;

/**
 * Measures one server once, in a new process on a new database, with no other server alive.
 * @param {import('./process.js').Server} program
 * @param {Workload} workload
 * @param {import('./load.js').Loader} load
 * @param {{ seconds: number, connections: number }} options
 * @returns {Promise<{ rate: number, cpu: number }>} Requests per second, and CPU microseconds per request.
 */
export function measure(program, { path, sessions }, load, { seconds, connections }) {
  return withServer(program, async (server) => {
    const task = { url: server.url + path, connections, cookies: await cookiesOf(server.url, sessions) };
    await load.run({ ...task, seconds: Math.min(seconds, WARM_UP) });
    const before = server.cpuTime();
    const done = await load.run({ ...task, seconds });
    return { rate: done.requests / done.seconds, cpu: (server.cpuTime() - before) / done.requests };
  });
}

/**
 * @param {string} origin
 * @param {number} count
 */
async function cookiesOf(origin, count) {
  const browser = new Browser(origin);
  const visitors = await browser.visitors(count);
  browser.close();
  return visitors.map(({ cookie }) => cookie);
}
