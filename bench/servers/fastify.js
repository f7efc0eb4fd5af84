// @ts-check
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import fastify from 'fastify';
import SqliteStore from 'fastify-session-better-sqlite3-store';
import { options } from './options.js';
import { ready } from './ready.js';
import { Rows } from './store.js';
import { COOKIE, LIFETIME, openDatabase } from './table.js';

/** @typedef {import('fastify').Session} Stored */
/** @typedef {{ name?: string, count?: number, cookie: { expires: Date, originalExpires: Date } }} Session */

class MinimalStore {
  #rows = new Rows();

  /**
   * @param {string} id
   * @param {(error: null, session?: Stored) => void} callback
   */
  get(id, callback) {
    callback(null, /** @type {Stored | undefined} */ (this.#rows.get(id)));
  }

  /**
   * @param {string} id
   * @param {Stored} session
   * @param {() => void} callback
   */
  set(id, session, callback) {
    this.#rows.set(id, Number(session.cookie.expires), session);
    callback();
  }

  /**
   * @param {string} id
   * @param {() => void} callback
   */
  destroy(id, callback) {
    this.#rows.destroy(id);
    callback();
  }
}

/** As in its README, but for WAL and the durability asked for. */
function ownStore() {
  return new SqliteStore(openDatabase(options.database, options.durability));
}

const store = options.store === 'own' ? ownStore() : new MinimalStore();
const server = fastify({ logger: false });
let visitors = 0;

/**
 * @param {import('fastify').FastifyInstance} scope
 * @param {boolean} rolling
 */
async function withSessions(scope, rolling) {
  await scope.register(fastifyCookie);
  await scope.register(fastifySession, {
    cookieName: COOKIE,
    secret: 'a secret of at least 32 characters for the benchmark',
    cookie: { maxAge: LIFETIME * 1000, sameSite: 'lax', secure: false },
    saveUninitialized: false,
    rolling,
    store,
  });
}

/** @param {import('fastify').FastifyRequest} request */
function sessionOf({ session }) {
  return /** @type {Session} */ (/** @type {unknown} */ (session));
}

server.get('/hello', (_request, reply) => {
  reply.send('Hello World');
});

await server.register(async (scope) => {
  await withSessions(scope, false);

  scope.get('/read', (request, reply) => {
    reply.send(sessionOf(request).name ?? 'nobody');
  });

  scope.get('/write', (request, reply) => {
    const session = sessionOf(request);
    session.count = (session.count ?? 0) + 1;
    reply.send(String(session.count)); // and the cookie again, as after every change
  });

  scope.get('/new', (request, reply) => {
    const name = `visitor ${++visitors}`;
    sessionOf(request).name = name;
    reply.send(name);
  });
});

// Rolling is its default. It stores the whole session and sends the cookie on every visit.
await server.register(async (scope) => {
  await withSessions(scope, true);

  scope.get('/touch', (request, reply) => {
    reply.send(sessionOf(request).name ?? 'nobody');
  });

  scope.get('/seed', (request, reply) => {
    const session = sessionOf(request);
    const keys = Object.keys(session).filter((key) => key !== 'cookie');
    // `originalExpires` is the end that was stored, `expires` already a whole life from now.
    session.cookie.expires = new Date(session.cookie.originalExpires.getTime() + 5000);
    reply.send(`${session.name ?? 'nobody'}: ${keys.join(', ')}`);
  });
});

await server.listen({ port: 0, host: '127.0.0.1' });
ready(/** @type {import('node:net').AddressInfo} */ (server.server.address()).port);
