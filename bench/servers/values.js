// @ts-check
import { cgi, database, environment, error, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { options } from './options.js';
import { ready } from './ready.js';
import { COOKIE } from './table.js';

// As `tsgi.js`, but for values of any length, of which `/read` answers the length, and `/write` sets another as long.

/** @param {import('tsgi').Environ & import('tsgi').SessionLayer} environ */
function application({ PATH_INFO, 'web.session.store': store }) {
  const value = /** @type {string | undefined} */ (store.get('name')) ?? '';
  if (PATH_INFO === '/write') store.set('name', (value.startsWith('x') ? 'y' : 'x') + value.slice(1));
  return text(String(value.length));
}

const pipeline = error(
  database(
    environment(session(cgi(application), { app: 'bench', limits: { value: 100_000 } }), { name: COOKIE }),
    { database: options.database, durability: options.durability },
  ),
);

const server = await serve(pipeline, { port: 0 });
ready(server.port);
