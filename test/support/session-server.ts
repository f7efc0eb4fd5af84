/**
 * A real server for tests with several processes on one database file:
 * `node --import tsx test/support/session-server.ts FILE`. It prints its address, and ends with SIGTERM.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Application, cgi, database, environment, error, json, redirect, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { timeStatements } from './statement-times.js';

const [file = ''] = process.argv.slice(2);

const timings = timeStatements();

/** Requests that go on when they are told to. */
const waiting: (() => void)[] = [];

const application: Application = error(
  database(
    environment(
      session(
        cgi(async (environ) => {
          const manager = environ['web.session.manager'];
          const store = environ['web.session.store'];
          const field = (name: string) => environ['web.cgi'].get(name)?.value ?? '';

          switch (environ.PATH_INFO) {
            case '/quiet':
              return text('quiet');
            case '/values':
              return json(Object.fromEntries(store));
            case '/set':
              await delay(Number(field('wait')));
              store.set(field('key'), field('value'));
              return text('set');
            case '/increment':
              await delay(Number(field('wait')));
              return json(store.update('count', (count) => Number(count ?? 0) + 1));
            case '/remember':
              store.set('value', field('value'));
              return redirect('/values');
            case '/slow-write':
              store.get('user'); // the session is read now and written later
              await new Promise<void>((resolve) => waiting.push(resolve));
              store.set('user', 'back again');
              return text('written');
            case '/waiting':
              return text(String(waiting.length));
            case '/release':
              for (const resume of waiting.splice(0)) resume();
              return text('released');
            case '/logout':
              manager.destroy();
              return text('bye');
            case '/statements':
              return json(timings.splice(0).map(({ own }) => own));
            default:
              return text('no such path', { status: '404 Not Found' });
          }
        }),
        { app: 'test', setupEnvironment: true },
      ),
      { name: 'processes' },
    ),
    { database: file, autoCreate: true },
  ),
);

const server = await serve(application, { port: 0 });
process.stdout.write(`${server.url}\n`);
