// @ts-check

/** @typedef {'tsgi' | 'one-commit' | 'group-commit' | 'bare'} OursOrLimit */
/** @typedef {'express' | 'express-own' | 'fastify' | 'fastify-own' | 'koa' | 'hono'} Peer */
/** @typedef {OursOrLimit | Peer} Name */

/**
 * Every server that is measured. A peer with `-own` has the store that its users take.
 * @type {Readonly<Record<Name, import('../measure/process.js').Server>>}
 */
export const PROGRAMS = {
  tsgi: server('tsgi', '../servers/tsgi.js'),
  'one-commit': server('one commit', '../limits/one-commit.js'),
  'group-commit': server('group commit', '../limits/group-commit.js'),
  bare: server('bare', '../limits/bare.js'),
  express: server('express', '../servers/express.js'),
  'express-own': server('express, own store', '../servers/express.js', 'own'),
  fastify: server('fastify', '../servers/fastify.js'),
  'fastify-own': server('fastify, own store', '../servers/fastify.js', 'own'),
  koa: server('koa', '../servers/koa.js'),
  hono: server('hono', '../servers/hono.js'),
};

/** @type {readonly Name[]} */
export const LIMITS = ['one-commit', 'group-commit'];

/** @type {readonly Name[]} */
export const OURS_AND_LIMITS = ['tsgi', ...LIMITS];

/** @type {readonly Name[]} */
export const PEERS = ['express', 'express-own', 'fastify', 'fastify-own', 'koa', 'hono'];

/**
 * @param {string} name
 * @param {string} path
 * @param {'minimal' | 'own'} [store]
 */
function server(name, path, store = 'minimal') {
  return { name, program: import.meta.resolve(path), options: { store } };
}
