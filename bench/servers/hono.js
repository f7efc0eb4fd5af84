// @ts-check
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { sessionMiddleware } from 'hono-sessions';
import { ready } from './ready.js';
import { onlyMinimal, Rows } from './store.js';
import { COOKIE, LIFETIME } from './table.js';

onlyMinimal('hono-sessions');

/** @typedef {{ name: string, count: number }} Values */
/** @typedef {import('hono-sessions').SessionData<Values>} SessionData */

class MinimalStore {
  #rows = new Rows();

  /** @param {string} [id] */
  getSessionById(id = '') {
    return /** @type {SessionData | undefined} */ (this.#rows.get(id));
  }

  /**
   * The end is not known yet when a session is made: it is stored a second time after its application has run.
   * @param {string} id
   * @param {SessionData} session
   */
  createSession(id, session) {
    const { _expire: end } = session;
    this.#rows.set(id, end === null ? Date.now() + LIFETIME * 1000 : Date.parse(end), session);
  }

  /**
   * @param {string} id
   * @param {SessionData} session
   */
  persistSessionData(id, session) {
    this.createSession(id, session);
  }

  /** @param {string} id */
  deleteSession(id) {
    this.#rows.destroy(id);
  }
}

const COOKIE_OPTIONS = /** @type {const} */ ({
  path: '/',
  httpOnly: true,
  sameSite: 'Lax',
});

const store = new MinimalStore();

/**
 * With no encryption key, so that the id is sent as it is. Whatever is set, every reply sends the cookie, and a visitor
 * without one is given a session.
 * @param {{ expireAfterSeconds?: number, autoExtendExpiration?: boolean }} [given]
 */
function sessions(given) {
  return sessionMiddleware({
    store,
    sessionCookieName: COOKIE,
    cookieOptions: { ...COOKIE_OPTIONS, maxAge: LIFETIME },
    autoExtendExpiration: false,
    ...given,
  });
}

const fixed = sessions({ expireAfterSeconds: LIFETIME });
const extending = sessions({ expireAfterSeconds: LIFETIME, autoExtendExpiration: true }); // the whole session is stored
const prolonging = sessions(); // with a life, it would set the end to a whole life from now

/** @type {Hono<{ Variables: { session: import('hono-sessions').Session<Values> } }>} */
const application = new Hono();
let visitors = 0;

application.get('/hello', (context) => context.text('Hello World'));

application.get('/read', fixed, (context) => context.text(context.var.session.get('name') ?? 'nobody'));

application.get('/touch', extending, (context) => context.text(context.var.session.get('name') ?? 'nobody'));

application.get('/write', fixed, (context) => {
  const { session } = context.var;
  const count = (session.get('count') ?? 0) + 1;
  session.set('count', count);
  return context.text(String(count));
});

application.get('/new', fixed, (context) => {
  const name = `visitor ${++visitors}`;
  context.var.session.set('name', name);
  return context.text(name);
});

application.get('/seed', prolonging, (context) => {
  const { session } = context.var;
  const { _id: id = '', _data: values, _expire: end } = session.getCache();
  const expires = new Date(Date.parse(end ?? '') + 5000);
  session.setExpiration(expires.toISOString());
  context.header('Set-Cookie', undefined); // it has set one already, with the end that all get
  setCookie(context, COOKIE, id, { ...COOKIE_OPTIONS, expires });
  return context.text(`${session.get('name') ?? 'nobody'}: ${Object.keys(values).join(', ')}`);
});

serve({ fetch: application.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => ready(port));
