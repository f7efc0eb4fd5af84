import {
  type Application,
  type Clock,
  type Environ,
  environment,
  error,
  html,
  Manager,
  page,
  type Reply,
  session,
  type SessionLayer,
  systemClock,
  urlmap,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { actions, layout } from './page.js';

/** Twisted's `sessionFactory`: a class of one's own with a shorter `sessionTimeout`. */
class ShortSession extends Manager {
  static override readonly defaults = { idle: 5 };
}

/** "Session Endings" of Twisted Web: prints a message whenever a session ends. */
function expirationLogger(print: (line: string) => void): (environ: Environ & SessionLayer) => Reply {
  let visitors = 0;
  const ended: string[] = [];

  return ({ 'web.session.manager': manager, SCRIPT_NAME }) => {
    const known = manager.store('endings');
    if (manager.created) {
      const visitor = (visitors += 1);
      known.set('visitor', visitor);
      manager.notifyOnExpire(() => {
        ended.push(`The session of visitor ${visitor} has expired.`);
        print(ended.at(-1) ?? '');
      });
    }
    const content = html`
      <p>You are visitor ${Number(known.get('visitor'))}. Keep visiting this page to keep your session active.</p>
      <p>Stop visiting it for five seconds to see your session end, here and where the server runs.</p>
      <div class="card data">${ended.map((line) => html`<p>${line}</p>`)}</div>
      ${actions([SCRIPT_NAME || '/', 'Visit again'])}
    `;
    return page(layout('Expiration logger', content));
  };
}

/** Sessions of 5 seconds need no file; the callbacks are gone with the process anyway. */
export function makeApplication(
  print: (line: string) => void = console.log,
  clock: Clock = systemClock,
): Application {
  const logger = expirationLogger(print);
  return error(
    environment(
      session(urlmap({ '/': logger, '/logme': logger }), { app: 'endings', Manager: ShortSession, clock }),
      { name: 'endingsEnv', storage: 'memory' },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(makeApplication(), { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}/logme`);
}
