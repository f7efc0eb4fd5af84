import {
  type Application,
  cgi,
  type CgiLayer,
  type Clock,
  database,
  type DatabaseLayer,
  type Environ,
  environment,
  error,
  html,
  page,
  redirect,
  type Reply,
  session,
  type SessionEnd,
  type SessionLayer,
  systemClock,
  urlmap,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';

type Inside = Environ & DatabaseLayer & SessionLayer & CgiLayer;

/** What a session keeps for this application. */
interface Account {
  user: string;
}

function home({ 'web.session.manager': manager, SCRIPT_NAME }: Inside): Reply {
  const user = manager.store<Account>('account').get('user');
  const content =
    user === undefined
      ? html`
          <form method="post" action="${SCRIPT_NAME}/in">
            <label>Your name <input name="user" required autocomplete="username" maxlength="40" /></label>
            <p class="buttons"><button>Sign in</button></p>
          </form>
        `
      : html`
          <p>You are signed in as</p>
          <p class="card data">${user}</p>
          <form method="post" action="${SCRIPT_NAME}/out"><p class="buttons"><button>Sign out</button></p></form>
        `;
  return page(layout('Sign in', content));
}

/**
 * Whoever signs in gets a new id: one that somebody else has planted in the browser, or has seen before, leads nowhere from
 * then on. That is why the older id has no grace here. (A real application asks for a password first.)
 */
function signIn({ 'web.session.manager': manager, 'web.cgi': form }: Inside): Reply {
  const user = form.get('user')?.value.trim();
  if (user === undefined || user === '') return redirect('./');
  manager.regenerate({ grace: 0 });
  manager.store<Account>('account').set('user', user);
  return redirect('./');
}

/** A request that is still under way cannot bring the session back: ended stays ended. */
function signOut({ 'web.session.manager': manager }: Inside): Reply {
  manager.invalidate();
  return redirect('./');
}

/** Runs for every session that has ended, for whatever reason, also when the server was killed in between. */
function sayGoodbye({ reason, values }: SessionEnd): void {
  const user = values.get('user');
  if (typeof user === 'string')
    console.log(`Goodbye, ${JSON.stringify(user)}: the session ended (${reason}).`);
}

export function makeApplication(
  file = './wsgi-session.db',
  onEnd: (end: SessionEnd) => void = sayGoodbye,
  clock: Clock = systemClock,
): Application {
  return error(
    database(
      environment(
        session(cgi(urlmap({ '/': home, '/in': postOnly(signIn), '/out': postOnly(signOut) })), {
          app: 'account',
          idle: 1800,
          expire: 8 * 3600,
          setupEnvironment: true,
          onEnd,
          clock,
        }),
        { name: 'signInEnv' },
      ),
      { database: file, autoCreate: true },
    ),
  );
}

function postOnly(application: (environ: Inside) => Reply): (environ: Inside) => Reply {
  return (environ) => (environ.REQUEST_METHOD === 'POST' ? application(environ) : redirect('./'));
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(makeApplication(), { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
