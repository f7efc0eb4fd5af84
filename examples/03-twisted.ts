import {
  type Application,
  database,
  type Environ,
  environment,
  error,
  html,
  page,
  type Reply,
  session,
  type SessionLayer,
  urlmap,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { actions, layout } from './page.js';

/** Asking for the id makes the session, as `request.getSession()` does in Twisted. */
function showSession(environ: Environ & SessionLayer): Reply {
  const path = environ.SCRIPT_NAME;
  const content = html`
    <p>Your session id is:</p>
    <p class="card data">${environ['web.session.manager'].sessionID}</p>
    ${actions([`${path}/`, 'Reload'], [`${path}/expire`, 'Expire it'])}
  `;
  return page(layout('Your session', content));
}

function expireSession(environ: Environ & SessionLayer): Reply {
  environ['web.session.manager'].expire();
  const content = html`
    <p>Your session has been expired.</p>
    ${actions(['./', 'Get a new one'])}
  `;
  return page(layout('Expired', content));
}

/** "Session Basics" of Twisted Web, whose sessions end a quarter of an hour after their last use. */
export function makeApplication(file = './wsgi-session.db'): Application {
  return error(
    database(
      environment(
        session(urlmap({ '/': showSession, '/expire': expireSession }), {
          app: 'twisted',
          idle: 900,
          setupEnvironment: true,
        }),
        { name: 'twistedEnv' },
      ),
      { database: file, autoCreate: true },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(makeApplication(), { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
