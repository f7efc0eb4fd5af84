// @ts-check
import { cgi, database, environment, error, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { options } from './options.js';
import { ready } from './ready.js';
import { COOKIE } from './table.js';

// As `tsgi.js`, but sweeps when `/sweep` asks for it, and answers how many sessions had ended.

/** @param {import('tsgi').Environ & import('tsgi').SessionLayer} environ */
async function application({ PATH_INFO, 'web.session.manager': manager, 'web.session.store': store }) {
  if (PATH_INFO === '/sweep') return text(String(await manager.cleanup()));
  return text(/** @type {string | undefined} */ (store.get('name')) ?? 'nobody');
}

const pipeline = error(
  database(environment(session(cgi(application), { app: 'bench', sweep: false }), { name: COOKIE }), {
    database: options.database,
    durability: options.durability,
  }),
);

const server = await serve(pipeline, { port: 0 });
ready(server.port);
