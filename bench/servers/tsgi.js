// @ts-check
import process from 'node:process';
import { cgi, database, environment, error, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { ready } from './ready.js';

/** @typedef {import('tsgi').Environ & import('tsgi').SessionLayer} Inside */

const file = process.argv[2] ?? 'bench.db';
let visitors = 0;

/** @param {Inside} environ */
function application(environ) {
  switch (environ.PATH_INFO) {
    case '/hello':
      return text('Hello World');
    case '/read':
      return text(/** @type {string | undefined} */ (environ['web.session.store'].get('name')) ?? 'nobody');
    case '/write':
      return text(String(environ['web.session.store'].increment('count')));
    case '/new':
      return text(welcome(environ['web.session.store'], `visitor ${++visitors}`));
    default:
      return text('Not Found', { status: '404 Not Found' });
  }
}

/**
 * @param {import('tsgi').Store} store
 * @param {string} name
 */
function welcome(store, name) {
  store.set('name', name);
  return name;
}

const pipeline = error(
  database(
    environment(session(cgi(application), { app: 'bench', setupEnvironment: true }), { name: 'testEnv' }),
    { database: file, autoCreate: true },
  ),
);

const server = await serve(pipeline, { port: 0 });
ready(server.port);
