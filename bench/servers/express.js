// @ts-check
import sqliteStore from 'better-sqlite3-session-store';
import express from 'express';
import expressSession from 'express-session';
import { options } from './options.js';
import { ready } from './ready.js';
import { Rows } from './store.js';
import { COOKIE, LIFETIME, openDatabase } from './table.js';

/** @typedef {import('express-session').Session} Session */

class MinimalStore extends expressSession.Store {
  rows = new Rows();

  /**
   * @param {string} id
   * @param {(error: null, session: Session | undefined) => void} callback
   */
  get(id, callback) {
    callback(null, /** @type {Session | undefined} */ (this.rows.get(id)));
  }

  /**
   * @param {string} id
   * @param {Session} session
   * @param {() => void} callback
   */
  set(id, session, callback) {
    this.rows.set(id, session.cookie.expires.getTime(), session);
    callback();
  }

  /**
   * @param {string} id
   * @param {Session} session
   * @param {() => void} callback
   */
  touch(id, session, callback) {
    this.rows.touch(id, session.cookie.expires.getTime());
    callback();
  }

  /**
   * @param {string} id
   * @param {() => void} callback
   */
  destroy(id, callback) {
    this.rows.destroy(id);
    callback();
  }
}

/** As in its README, but for WAL and the durability asked for, and without the printing of every statement. */
function ownStore() {
  const SqliteStore = sqliteStore(expressSession);
  const client = openDatabase(options.database, options.durability);
  return new SqliteStore({ client, expired: { clear: true, intervalMs: 900_000 } });
}

/**
 * @param {object} from
 * @param {{ resave?: boolean, rolling?: boolean }} [given]
 */
function sessions(from, given) {
  return expressSession({
    name: COOKIE,
    secret: 'bench',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFETIME * 1000, sameSite: 'lax' },
    store: from,
    ...given,
  });
}

const store = options.store === 'own' ? ownStore() : new MinimalStore();

/**
 * The same store for visits that only read: one that has a `touch` is touched on every visit, and no option stops it.
 * @type {unknown}
 */
const untouched = Object.create(store, { touch: { value: undefined } });

const reading = sessions(/** @type {object} */ (untouched));
const writing = sessions(store);
const prolonging = sessions(store, { resave: true, rolling: true }); // a new end alone is no change to it

const application = express();
let visitors = 0;

application.disable('x-powered-by');
application.disable('etag');

application.get('/hello', (_request, response) => {
  response.type('text').send('Hello World');
});

application.get('/read', reading, ({ session }, response) => {
  response.type('text').send(session.name ?? 'nobody');
});

application.get('/touch', writing, ({ session }, response) => {
  response.type('text').send(session.name ?? 'nobody');
});

application.get('/write', writing, ({ session }, response) => {
  session.count = (session.count ?? 0) + 1;
  response.type('text').send(String(session.count)); // and the cookie again, as after every change
});

application.get('/new', writing, ({ session }, response) => {
  session.name = `visitor ${++visitors}`;
  response.type('text').send(session.name);
});

application.get('/seed', prolonging, ({ session }, response) => {
  const keys = Object.keys(session).filter((key) => key !== 'cookie');
  session.cookie.maxAge += 5000;
  response.type('text').send(`${session.name ?? 'nobody'}: ${keys.join(', ')}`);
});

const server = application.listen(0, '127.0.0.1', () => {
  ready(server.address().port);
});
