/**
 * Visitors of one session in a process of their own: `node --import tsx test/support/increment-program.ts FILE COUNT COOKIE`.
 * It prints `ready`, and on a line of its input sends COUNT requests, 32 of them at a time, through the five layers without
 * a socket. Each adds 1 to a key. Then it prints the statuses it got, and how long each statement that can wait for a lock
 * kept it, in milliseconds: by the clock, and without the time in which the processor was given to others.
 */
import { once } from 'node:events';
import { type Application, cgi, database, environment, error, session, text } from 'tsgi';
import { client } from 'tsgi/testing';
import { timeStatements } from './statement-times.js';

const [file = '', count = '', cookie = ''] = process.argv.slice(2);

const application: Application = error(
  database(
    environment(
      session(
        cgi((environ) => text(String(environ['web.session.store'].increment('n')))),
        { app: 'test', sweep: false },
      ),
      { name: 'increments' },
    ),
    { database: file },
  ),
);

const visitor = client(application);
await visitor.open();
const timings = timeStatements();
process.stdout.write('ready\n');
await once(process.stdin, 'data');

const statuses: Record<string, number> = {};
let left = Number(count);
await Promise.all(Array.from({ length: 32 }, visit));
await visitor.close();

/** A COMMIT waits for the disk; a lock is waited for by whoever begins, and by whoever reads. */
const waits = timings.filter(({ sql }) => sql !== 'COMMIT').map(({ took, own }) => [took, own]);
process.stdout.write(`${JSON.stringify({ statuses, waits, errors: visitor.errors.slice(0, 2000) })}\n`);
process.stdin.destroy();

async function visit(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const { status } = await visitor.get('/', { headers: { Cookie: cookie } });
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
}
