/**
 * A process that sweeps and runs end handlers, and does nothing else:
 * `node --import tsx test/support/sweeper-program.ts FILE CALLS MOMENT START`. Its clock showed MOMENT, in seconds, when the
 * machine's showed START, in milliseconds, and runs 20 times as fast. Each handler writes what it was told to the file
 * CALLS before it succeeds. It prints `ready`, and runs until it is killed.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, database, environment, error, session, type SessionEnd, text } from 'tsgi';
import { client } from 'tsgi/testing';

const [file = '', calls = '', moment = '', start = ''] = process.argv.slice(2);

const SPEED = 20;

const clock: Clock = {
  now: () => Number(moment) + ((Date.now() - Number(start)) / 1000) * SPEED,
  after(seconds, fn) {
    const timer = setTimeout(fn, (seconds / SPEED) * 1000);
    return () => {
      clearTimeout(timer);
    };
  },
};

const application = error(
  database(
    environment(
      session(() => text('nothing'), {
        app: 'test',
        sweep: 10,
        clock,
        onEnd: (end) => told('onEnd', Number(end.values.get('number')), end),
        handlers: { goodbye: (end) => told('goodbye', Number(end.detail), end) },
      }),
      { name: 'sweepers' },
    ),
    { database: file },
  ),
);

const visitor = client(application);
await visitor.open();
process.stdout.write('ready\n');

/** One short line at the end of a file is written by one process whole. */
async function told(handler: string, number: number, { id, attempt, reason }: SessionEnd): Promise<void> {
  await delay(Math.random() * 40);
  appendFileSync(calls, `${JSON.stringify({ handler, number, id, attempt, reason })}\n`);
  await delay(Math.random() * 40);
}
