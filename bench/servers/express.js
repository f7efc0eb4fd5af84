// @ts-check
import process from 'node:process';
import express from 'express';
import expressSession from 'express-session';
import { ready } from './ready.js';
import { COOKIE, keyOf, LIFETIME, openTable } from './table.js';

/** @typedef {import('express-session').Stored} Stored */

/** As little as a store may be, so that what is measured is express-session. It has no `touch`: a read writes nothing. */
class SqliteStore extends expressSession.Store {
  /** @param {string} file */
  constructor(file) {
    super();
    const database = openTable(file);
    this.select = database.prepare('SELECT data FROM sessions WHERE key = ? AND expires > ?').pluck();
    this.upsert = database.prepare('INSERT OR REPLACE INTO sessions (key, expires, data) VALUES (?, ?, ?)');
  }

  /**
   * @param {string} id
   * @param {(error: null, stored: Stored | null) => void} callback
   */
  get(id, callback) {
    const data = /** @type {string | undefined} */ (this.select.get(keyOf(id), Date.now() / 1000));
    callback(null, data === undefined ? null : /** @type {Stored} */ (JSON.parse(data)));
  }

  /**
   * @param {string} id
   * @param {Stored} session
   * @param {() => void} callback
   */
  set(id, session, callback) {
    this.upsert.run(keyOf(id), Date.now() / 1000 + LIFETIME, JSON.stringify(session));
    callback();
  }
}

const application = express();
let visitors = 0;

application.disable('x-powered-by');
application.disable('etag');
application.use(
  expressSession({
    name: COOKIE,
    secret: 'bench',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFETIME * 1000, sameSite: 'lax' },
    store: new SqliteStore(process.argv[2] ?? 'bench.db'),
  }),
);

application.get('/hello', (_request, response) => {
  response.type('text').send('Hello World');
});

application.get('/read', ({ session }, response) => {
  response.type('text').send(session.name ?? 'nobody');
});

application.get('/write', ({ session }, response) => {
  session.count = (session.count ?? 0) + 1;
  response.type('text').send(String(session.count));
});

application.get('/new', ({ session }, response) => {
  session.name = `visitor ${++visitors}`;
  response.type('text').send(session.name);
});

const server = application.listen(0, '127.0.0.1', () => {
  ready(server.address().port);
});
