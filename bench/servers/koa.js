// @ts-check
import { createServer } from 'node:http';
import Koa from 'koa';
import koaSession from 'koa-session';
import { listen } from './ready.js';
import { onlyMinimal, Rows } from './store.js';
import { COOKIE, LIFETIME } from './table.js';

onlyMinimal('koa-session');

/** koa-session asks for promises. */
class MinimalStore {
  #rows = new Rows();

  /** @param {string} id */
  get(id) {
    return Promise.resolve(this.#rows.get(id));
  }

  /**
   * @param {string} id
   * @param {object} session
   * @param {number} maxAge
   */
  set(id, session, maxAge) {
    this.#rows.set(id, Date.now() + maxAge, session);
    return Promise.resolve();
  }

  /** @param {string} id */
  destroy(id) {
    this.#rows.destroy(id);
    return Promise.resolve();
  }
}

const store = new MinimalStore();
const hello = listener();
const fixed = listener({ rolling: false });
const rolling = listener({ rolling: true }); // stores the whole session and sends the cookie on every visit
let visitors = 0;

listen(
  createServer((request, response) => {
    const handle = request.url === '/hello' ? hello : request.url === '/touch' ? rolling : fixed;
    handle(request, response);
  }),
);

/**
 * An application can have one kind of sessions, so there is an application for each kind.
 * @param {{ rolling: boolean }} [given] None: without sessions.
 */
function listener(given) {
  const application = new Koa();
  if (given !== undefined) application.use(sessions(application, given));
  application.use(answer);
  return application.callback();
}

/**
 * Signing is off: a random id needs none, and it would take two HMACs and a second cookie.
 * @param {Koa} application
 * @param {{ rolling: boolean }} given
 */
function sessions(application, given) {
  const settings = { key: COOKIE, maxAge: LIFETIME * 1000, sameSite: 'lax', signed: false };
  return koaSession({ ...settings, ...given, store }, application);
}

/** @typedef {import('koa').Session} Session */

/** @param {import('koa').Context} context */
function answer(context) {
  switch (context.path) {
    case '/hello':
      context.body = 'Hello World';
      break;
    case '/read':
    case '/touch':
      context.body = context.session.name ?? 'nobody';
      break;
    case '/write':
      context.body = count(context.session); // and the cookie again, as after every change
      break;
    case '/new':
      context.body = context.session.name = `visitor ${++visitors}`;
      break;
    case '/seed':
      context.body = prolong(context.session);
      break;
  }
}

/** @param {Session} session */
function count(session) {
  session.count = (session.count ?? 0) + 1;
  return String(session.count);
}

/** @param {Session} session */
function prolong(session) {
  const keys = Object.keys(session.toJSON());
  session.maxAge = session._expire - Date.now() + 5000;
  return `${session.name ?? 'nobody'}: ${keys.join(', ')}`;
}
