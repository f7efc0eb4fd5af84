/**
 * A server with sessions for tests of faults: `node --import tsx test/support/fault-server.ts FILE DURABILITY CREATE`.
 * It prints its address, logs to the standard error, and ends with SIGTERM. With CREATE `create` a missing file is made.
 */
import { type Application, cgi, database, type Durability, environment, error, json, session } from 'tsgi';
import { serve } from 'tsgi/node';

const [file = '', durability = 'power', create = ''] = process.argv.slice(2);

/** How many transactions were committed, and how many requests were in them. */
const written = { commits: 0, writes: 0 };

const application: Application = error(
  database(
    environment(
      session(
        cgi((environ) => {
          const store = environ['web.session.store'];
          const field = (name: string) => environ['web.cgi'].get(name)?.value ?? '';

          switch (environ.PATH_INFO) {
            case '/sign-in':
              store.set('user', field('user'));
              break;
            case '/write':
              written.writes += 1;
              store.set('n', Number(field('n')));
              break;
            case '/written':
              return json(written);
          }
          return json({ user: store.get('user') ?? null, n: store.get('n') ?? 0 });
        }),
        { app: 'test', setupEnvironment: create === 'create', sweep: false },
      ),
      { name: 'faults' },
    ),
    {
      database: file,
      durability: durability as Durability,
      autoCreate: create === 'create',
      verbose: (sql) => {
        if (sql === 'COMMIT') written.commits += 1;
      },
    },
  ),
);

const server = await serve(application, { port: 0 });
process.stdout.write(`${server.url}\n`);
