// @ts-check
import { table } from './markdown.js';
import { figure, median, spread } from './numbers.js';
import { OURS_AND_LIMITS, PEERS, PROGRAMS } from '../plan/programs.js';
import { Results } from './results.js';

/** @typedef {import('./results.js').Server} Server */
/** @typedef {import('../plan/programs.js').Name} Name */
/** @typedef {Server['durability']} Durability */

/**
 * The result in Markdown: a part for each question that something was measured for.
 * @param {import('../run.js').Run} run
 */
export function report({ samples, connections }) {
  const results = new Results(samples);
  return [
    besideLimits(results, 'process', connections),
    besideLimits(results, 'power', connections),
    besidePeers(results, 'power', connections),
    besidePeers(results, 'process', connections),
    oneConnection(results),
    besideBare(results, connections),
    million(results, connections),
    absolute(results, connections),
  ].filter((part) => part !== '');
}

/**
 * @param {Results} results
 * @param {Durability} durability
 * @param {number} connections
 */
function besideLimits(results, durability, connections) {
  const [ours, one, group] = [...inRow(OURS_AND_LIMITS, durability, connections)];
  if (ours === undefined || one === undefined || group === undefined) return '';
  const rows = results
    .workloads(ours)
    .filter(({ name }) => [one, group].some((limit) => results.values(name, limit, 'rate').length > 0))
    .map(({ name, title }) => [
      title,
      ...[one, group].flatMap((limit) => compared(results, name, ours, limit)),
    ]);
  return part(
    `tsgi beside the limits, both with durability \`${durability}\``,
    'How many times the requests per second of the limit, how many times the requests with the same CPU time, and how many times its 99th percentile of latency (here less is better).',
    ['workload', 'one commit', 'by CPU', 'p99', 'group commit', 'by CPU', 'p99'],
    rows,
  );
}

/**
 * @param {Results} results
 * @param {string} workload
 * @param {Server} ours
 * @param {Server} other
 */
function compared(results, workload, ours, other) {
  return [
    spread(results.ratios(workload, ours, other, 'rate')),
    spread(results.ratios(workload, other, ours, 'cpu')),
    spread(results.ratios(workload, ours, other, 'p99')),
  ];
}

/**
 * @param {Results} results
 * @param {Durability} durability Ours.
 * @param {number} connections
 */
function besidePeers(results, durability, connections) {
  const [ours] = inRow(['tsgi'], durability, connections);
  if (ours === undefined) return '';
  const peers = inRow(PEERS, 'process', connections).filter(
    (peer) => results.workloads(ours, peer).length > 0,
  );
  const rows = results
    .workloads(ours)
    .filter(({ name }) => peers.some((peer) => results.values(name, peer, 'rate').length > 0))
    .map(({ name, title }) => [title, ...peers.map((peer) => rateAndCpu(results, name, ours, peer))]);
  return part(
    `tsgi with durability \`${durability}\` beside the peers with \`process\``,
    'How many times the requests per second and, after the stroke, how many times the requests with the same CPU time.',
    ['workload', ...peers.map(({ server }) => PROGRAMS[server].name)],
    rows,
  );
}

/**
 * @param {Results} results
 * @param {string} workload
 * @param {Server} ours
 * @param {Server} other
 */
function rateAndCpu(results, workload, ours, other) {
  const rates = results.ratios(workload, ours, other, 'rate');
  const cpus = results.ratios(workload, other, ours, 'cpu');
  const known = [rates, cpus].map(median).filter((value) => !Number.isNaN(value));
  return known.length === 0 ? '–' : known.map(figure).join(' / ');
}

/** @param {Results} results */
function oneConnection(results) {
  const [ours, one] = inRow(['tsgi', 'one-commit'], 'process', 1);
  if (ours === undefined || one === undefined) return '';
  const rows = results
    .workloads(ours, one)
    .map(({ name, title }) => [
      title,
      spread(results.values(name, ours, 'p50')),
      spread(results.values(name, one, 'p50')),
      spread(results.ratios(name, ours, one, 'p50')),
    ]);
  return part(
    'One connection, both with durability `process`',
    'The median latency in milliseconds, and how many times that of the limit ours is (less is better).',
    ['workload', 'tsgi', 'one commit', 'ratio'],
    rows,
  );
}

/**
 * @param {Results} results
 * @param {number} connections
 */
function besideBare(results, connections) {
  const [bare, ...others] = inRow(['bare', ...OURS_AND_LIMITS], 'process', connections);
  if (bare === undefined || results.workloads(bare).length === 0) return '';
  const rows = others
    .filter((other) => results.workloads(bare, other).length > 0)
    .map((other) => [
      PROGRAMS[other.server].name,
      spread(results.ratios('hello', other, bare, 'rate')),
      spread(results.ratios('hello', bare, other, 'cpu')),
    ]);
  return part(
    'hello beside node:http alone',
    'How many times the requests per second of a server with one constant reply, and how many times the requests with the same CPU time.',
    ['server', 'bare', 'by CPU'],
    rows,
  );
}

/**
 * @param {Results} results
 * @param {number} connections
 */
function million(results, connections) {
  const servers = inRow(OURS_AND_LIMITS, 'process', connections);
  const rows = servers.flatMap((server) => {
    const names = results.workloads(server).map(({ name }) => name);
    if (!names.includes('1m') || !names.includes('read')) return [];
    const rates = results.ratios('1m', server, server, 'rate', 'read');
    const cpus = results.ratios('1m', server, server, 'cpu', 'read').map((value) => 1 / value);
    return [[PROGRAMS[server.server].name, spread(rates), spread(cpus)]];
  });
  return part(
    'Reads of 1,000,000 sessions at random beside reads of 1,000',
    'How many times the requests per second, and how many times the requests with the same CPU time.',
    ['server', 'requests/s', 'by CPU'],
    rows,
  );
}

/**
 * @param {Results} results
 * @param {number} connections
 */
function absolute(results, connections) {
  const rows = results.all().map(({ workload, server, durability, connections: used }) => {
    const measured = { server, durability, connections: used };
    const name = `${PROGRAMS[server].name}, ${durability}${used === connections ? '' : `, ${used} connection`}`;
    return [
      workload.title,
      name,
      ...FIGURES.map((one) => spread(results.values(workload.name, measured, one))),
    ];
  });
  return part(
    'All figures',
    'The median of all rounds, in parentheses the least and the most. Latencies are in milliseconds.',
    ['workload', 'server', 'requests/s', 'CPU µs/request', 'p50', 'p99'],
    rows,
  );
}

const FIGURES = /** @type {const} */ (['rate', 'cpu', 'p50', 'p99']);

/**
 * @param {string} title
 * @param {string} sentence
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
function part(title, sentence, head, rows) {
  return rows.length === 0 ? '' : [`### ${title}`, sentence, table(head, rows)].join('\n\n');
}

/**
 * @param {readonly Name[]} servers
 * @param {Durability} durability
 * @param {number} connections
 * @returns {Server[]}
 */
function inRow(servers, durability, connections) {
  return servers.map((server) => ({ server, durability, connections }));
}
