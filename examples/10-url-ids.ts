import {
  type Application,
  type Clock,
  type Environ,
  environment,
  error,
  html,
  type Manager,
  page,
  redirect,
  type Reply,
  session,
  type SessionLayer,
  systemClock,
  urlmap,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';
import { randomSecret, sessionSecret } from './secret.js';

type Inside = Environ & SessionLayer;

/**
 * Sessions whose ids travel in the links, without a cookie: for a page inside the frame of another site, whose cookies
 * browsers withhold; for clients that keep no cookies; for several sessions side by side, each in a tab of its own.
 *
 * Whoever gets such a link has the session, and links stay in histories and are passed on. Where a cookie will do, take
 * it; otherwise keep little in such a session, give it a short life, and do not let it sign anybody in.
 */
function home({ 'web.session.manager': manager, SCRIPT_NAME }: Inside): Reply {
  return manager.created ? welcome(manager, SCRIPT_NAME) : show(manager, SCRIPT_NAME);
}

/** Looking makes no session: what follows links by itself, as crawlers and previews do, would make one each time. */
function welcome(manager: Manager, base: string): Reply {
  const content = html`
    <p>
      ${manager.wasInvalidated ? 'The session of that link is over, or was never made here.' : 'No session yet.'}
    </p>
    <form method="post" action="${base}/begin"><p class="buttons"><button>Begin</button></p></form>
  `;
  return page(layout('Sessions without cookies', content));
}

function show(manager: Manager, base: string): Reply {
  const visits = manager.store<{ visits: number }>('links').increment('visits');
  const sid = manager.signedID;
  const content = html`
    <p>Visits by this link, and no other:</p>
    <p class="card number">${visits}</p>
    <nav><a href="${base || '/'}?sid=${sid}">Visit again</a></nav>
    <form method="post" action="${base}/end?sid=${sid}"><p class="buttons"><button>End it</button></p></form>
  `;
  return page(layout('Sessions without cookies', content));
}

function begin({ 'web.session.manager': manager, REQUEST_METHOD }: Inside): Reply {
  return redirect(REQUEST_METHOD === 'POST' ? `./?sid=${manager.signedID}` : './');
}

function end({ 'web.session.manager': manager, REQUEST_METHOD }: Inside): Reply {
  if (REQUEST_METHOD === 'POST') manager.invalidate();
  return redirect('./');
}

export function makeApplication(secret: string = randomSecret(), clock: Clock = systemClock): Application {
  return error(
    environment(
      session(urlmap({ '/': home, '/begin': begin, '/end': end }), {
        app: 'links',
        useCookies: false,
        id: ({ QUERY_STRING }) => new URLSearchParams(QUERY_STRING).get('sid') ?? undefined,
        secret,
        idle: 900,
        clock,
      }),
      { name: 'urlIdsEnv', storage: 'memory' },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const application = makeApplication(sessionSecret());
  const { url } = await serve(application, { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
