// @ts-check
import { cgi, database, environment, error, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { options } from './options.js';
import { ready } from './ready.js';

/** @typedef {import('tsgi').Environ & import('tsgi').SessionLayer} Inside */

let visitors = 0;

/** @param {Inside} environ */
function application(environ) {
  switch (environ.PATH_INFO) {
    case '/hello':
      return text('Hello World');
    case '/read':
      return text(nameIn(environ));
    case '/touch':
      environ['web.session.manager'].touch();
      return text(nameIn(environ));
    case '/write':
      return text(String(environ['web.session.store'].increment('count')));
    case '/new':
      return text(welcome(environ, `visitor ${++visitors}`));
    case '/seed':
      return text(prolong(environ));
    default:
      return text('Not Found', { status: '404 Not Found' });
  }
}

const pipeline = error(
  database(
    environment(session(cgi(application), { app: 'bench', setupEnvironment: true }), { name: 'testEnv' }),
    { database: options.database, durability: options.durability, autoCreate: true },
  ),
);

const server = await serve(pipeline, { port: 0 });
ready(server.port);

/** @param {Inside} environ */
function nameIn(environ) {
  return /** @type {string | undefined} */ (environ['web.session.store'].get('name')) ?? 'nobody';
}

/**
 * @param {Inside} environ
 * @param {string} name
 */
function welcome(environ, name) {
  environ['web.session.store'].set('name', name);
  return name;
}

/**
 * What the application does that this project began with.
 * @param {Inside} environ
 */
function prolong(environ) {
  const manager = environ['web.session.manager'];
  const name = nameIn(environ);
  const keys = environ['web.session.store'].keys();
  manager.setExpire(manager.expireTime + 5);
  return `${name}: ${keys.join(', ')}`;
}
