// @ts-check
import process from 'node:process';
import { parseArgs } from 'node:util';
import { PROGRAMS } from './programs.js';
import { WORKLOADS } from './workloads.js';

/** What `npm run bench --` was given. */
export function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      only: { type: 'string' },
      servers: { type: 'string' },
      write: { type: 'boolean', default: false },
      json: { type: 'string' },
      from: { type: 'string' },
    },
  });
  const { quick, write, json, from } = values;
  return {
    ...{ quick, write, json, from },
    rounds: count('rounds', values.rounds, quick ? 1 : 5),
    seconds: count('seconds', values.seconds, quick ? 1 : 3),
    connections: count('connections', values.connections, 64),
    only: names(
      'only',
      values.only,
      WORKLOADS.map(({ name }) => name),
    ),
    servers: names('servers', values.servers, Object.keys(PROGRAMS)),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
  };
}

/**
 * @param {string} option
 * @param {string | undefined} given
 * @param {number} otherwise
 */
function count(option, given, otherwise) {
  const number = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${option} got ${String(given)}. Give a whole number from 1 on.`);
}

/**
 * @param {string} option
 * @param {string | undefined} given
 * @param {readonly string[]} known
 */
function names(option, given, known) {
  const list = given?.split(',');
  const unknown = list?.find((name) => !known.includes(name));
  if (unknown === undefined) return list;
  throw new Error(`--${option} got ${unknown}. Give some of ${known.join(',')}.`);
}
