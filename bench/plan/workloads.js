// @ts-check

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title
 * @property {string} path
 * @property {number} sessions How many there are before; the requests bring their cookies.
 * @property {'turn' | 'random'} order Which of them comes next.
 */

/** @type {readonly Workload[]} */
export const WORKLOADS = [
  { name: 'hello', title: 'hello', path: '/hello', sessions: 0, order: 'turn' },
  { name: 'read', title: 'session read', path: '/read', sessions: 1000, order: 'turn' },
  { name: 'touch', title: 'read with touch', path: '/touch', sessions: 1000, order: 'turn' },
  { name: 'write', title: 'session write', path: '/write', sessions: 1000, order: 'turn' },
  { name: 'new', title: 'new session', path: '/new', sessions: 0, order: 'turn' },
  { name: '100k', title: '100,000 stored', path: '/touch', sessions: 100_000, order: 'random' },
  { name: '1m', title: '1,000,000 stored', path: '/read', sessions: 1_000_000, order: 'random' },
  { name: 'seed', title: "the seed's application", path: '/seed', sessions: 1000, order: 'turn' },
];
