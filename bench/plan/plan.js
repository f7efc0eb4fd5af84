// @ts-check
import { OURS_AND_LIMITS } from './programs.js';
import { WORKLOADS } from './workloads.js';

/** @typedef {import('./programs.js').Name} Name */
/** @typedef {import('./workloads.js').Workload} Workload */

/**
 * What is measured at one go.
 * @typedef {object} Cell
 * @property {Workload} workload
 * @property {Name} server
 * @property {'power' | 'process'} durability
 * @property {number} connections
 */

/**
 * Servers that are measured on the same workloads.
 * @typedef {object} Group
 * @property {readonly Name[]} servers
 * @property {Cell['durability']} durability
 * @property {boolean} [single] With one connection, not with as many as asked for.
 * @property {readonly string[]} workloads
 * @property {readonly string[]} quick Those of them that `--quick` keeps, unless workloads were asked for.
 */

const WRITING = ['touch', 'write', 'new', 'seed'];
const SESSION = ['read', ...WRITING];
const SMALL = ['hello', ...SESSION];
const MOST = [...SMALL, '100k'];
const TYPICAL = ['read', 'write'];

/** @type {readonly Group[]} */
const GROUPS = [
  { servers: OURS_AND_LIMITS, durability: 'process', workloads: [...MOST, '1m'], quick: SMALL },
  { servers: OURS_AND_LIMITS, durability: 'power', workloads: WRITING, quick: ['write'] },
  { servers: ['tsgi'], durability: 'power', workloads: SESSION, quick: TYPICAL },
  { servers: ['express', 'fastify', 'koa', 'hono'], durability: 'process', workloads: MOST, quick: TYPICAL },
  { servers: ['express-own', 'fastify-own'], durability: 'process', workloads: SESSION, quick: ['write'] },
  { servers: ['tsgi', 'one-commit'], durability: 'process', single: true, workloads: MOST, quick: ['write'] },
  { servers: ['bare'], durability: 'process', workloads: ['hello'], quick: ['hello'] },
];

/**
 * All that one round measures, those on one workload after each other, each once.
 * @param {object} options
 * @param {boolean} options.quick
 * @param {number} options.connections
 * @param {readonly string[] | undefined} options.only Workloads.
 * @param {readonly string[] | undefined} options.servers
 * @returns {Cell[][]}
 */
export function plan({ quick, connections, only, servers }) {
  const isShort = quick && only === undefined;
  return WORKLOADS.filter(({ name }) => only?.includes(name) ?? true)
    .map((workload) => {
      const groups = GROUPS.filter((group) =>
        (isShort ? group.quick : group.workloads).includes(workload.name),
      );
      const cells = groups.flatMap((group) => cellsOf(group, workload, connections));
      return unique(cells).filter(({ server }) => servers?.includes(server) ?? true);
    })
    .filter((cells) => cells.length > 0);
}

/**
 * @param {Group} group
 * @param {Workload} workload
 * @param {number} connections
 * @returns {Cell[]}
 */
function cellsOf({ servers, durability, single = false }, workload, connections) {
  return servers.map((server) => ({ workload, server, durability, connections: single ? 1 : connections }));
}

/** @param {readonly Cell[]} cells */
function unique(cells) {
  return [...new Map(cells.map((cell) => [nameOf(cell), cell])).values()];
}

/** @param {Cell} cell */
export function nameOf({ workload, server, durability, connections }) {
  return `${workload.name}, ${server}, ${durability}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
}
