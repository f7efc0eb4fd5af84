/**
 * Another process at work on a database: `node --import tsx test/support/database-program.ts TASK FILE [COUNT]`.
 * It says `ready`, waits for a line, does its task and says what came of it: `done`, or the code of an error.
 */
import { once } from 'node:events';
import { codeOfError } from '../../src/app/errors.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { SessionKey } from '../../src/stores/session-id.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';

const [task = '', file = '', count = '0'] = process.argv.slice(2);

process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
try {
  const database = await SqliteDatabase.open({ database: file, autoCreate: task === 'create' });
  const driver = SqliteDriver.of(database, 'testEnv');
  if (task === 'create') await driver.createEnvironment();
  if (task === 'increment') await increment(driver);
  await database.close();
  process.stdout.write('done\n');
} catch (error) {
  process.stdout.write(`${String(codeOfError(error))}\n`);
}

/** Adds to the number in every session, one commit after the other, each several at once. */
async function increment(driver: SqliteDriver): Promise<void> {
  const oneMore = (stored: string | undefined) => String(Number(stored ?? '0') + 1);
  const keys = new Map([['n', { kind: 'update', apply: oneMore } as const]]);
  const changes = new Map([['shop', { empty: false, keys }]]);
  const commit = () => driver.commit({ key: 'shared' as SessionKey, now: 0, changes });
  for (let i = 0; i < Number(count); i += 5) await Promise.all(Array.from({ length: 5 }, commit));
}
