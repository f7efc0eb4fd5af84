/**
 * Another process at work on a folder of sessions: `node --import tsx test/support/file-program.ts TASK DIRECTORY [COUNT]`.
 * It says `ready`, waits for a line, does its task and says what came of it: `done`, or the code of an error.
 *
 * - `increment`: adds to the number in one session, COUNT times, some at once.
 * - `endless`: adds to the numbers in COUNT sessions until it is killed, and says a line for each round that is durable.
 * - `large`: sets a small value in one session and one of COUNT characters in another, at once; says the code of each.
 */
import { once } from 'node:events';
import { codeOfError } from '../../src/app/errors.js';
import type { Change, CommitResult } from '../../src/stores/driver.js';
import { FileDriver } from '../../src/stores/file.js';
import { keyOf } from '../../src/stores/session-id.js';

const [task = '', directory = '', count = '0'] = process.argv.slice(2);

process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
const driver = FileDriver.open(directory, 'testEnv');
try {
  if (task === 'increment') await increment();
  if (task === 'endless') await incrementForEver();
  process.stdout.write(`${task === 'large' ? await setLarge() : 'done'}\n`);
} catch (error) {
  process.stdout.write(`${String(codeOfError(error))}\n`);
}
await driver.close();

async function increment(): Promise<void> {
  for (let i = 0; i < Number(count); i += 5) {
    await Promise.all(Array.from({ length: 5 }, () => change('shared', oneMore())));
  }
}

async function incrementForEver(): Promise<never> {
  for (let round = 1; ; round += 1) {
    await Promise.all(Array.from({ length: Number(count) }, (_, i) => change(`id ${i}`, oneMore())));
    process.stdout.write(`${round}\n`);
  }
}

async function setLarge(): Promise<string> {
  const values = ['small', 'x'.repeat(Number(count))];
  const settled = await Promise.allSettled(
    values.map((value, i) => change(`id ${i}`, { kind: 'set', value: JSON.stringify(value) })),
  );
  return settled
    .map((one) => (one.status === 'fulfilled' ? one.value : String(codeOfError(one.reason))))
    .join(' ');
}

function change(id: string, one: Change): Promise<CommitResult> {
  const changes = new Map([['shop', { empty: false, keys: new Map([['n', one]]) }]]);
  return driver.commit({ key: keyOf(id), now: 0, changes });
}

function oneMore(): Change {
  return { kind: 'update', apply: (stored) => String(Number(stored ?? '0') + 1) };
}
