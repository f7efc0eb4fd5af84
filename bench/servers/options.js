// @ts-check
import process from 'node:process';

/**
 * How a server is started: `node servers/tsgi.js '{"durability":"process"}'`.
 * @typedef {object} Options
 * @property {string} database The file. Default `bench.db`.
 * @property {'power' | 'process'} durability What a commit survives: the loss of power (the default), or the end of the process.
 * @property {'minimal' | 'own'} store Of a peer: ours of two or three short methods (the default), or the one that its users take.
 */

/** @type {Options} */
const DEFAULTS = { database: 'bench.db', durability: 'power', store: 'minimal' };

export const options = { ...DEFAULTS, ...given() };

function given() {
  /** @type {unknown} */
  const parsed = JSON.parse(process.argv[2] ?? '{}');
  return /** @type {Partial<Options>} */ (parsed);
}
