import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Commit, Power, StoredEvent } from '../../src/stores/driver.js';
import { keyOf, newSessionId, type SessionKey } from '../../src/stores/session-id.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import { type DriverStorage, driverSuite } from '../../src/testing/driver-suite.js';
import { start, temporaryFolder } from '../support/processes.js';
import { siteOn } from '../support/visits.js';

const POWERS: readonly Power[] = ['persistent', 'shared', 'aliases', 'events', 'locks', 'quarantine'];
const MOMENTS = { createdAt: 0, accessed: 0, lifetime: 60, expireTime: 60, idle: Infinity };

const NUMBERS = 'WITH RECURSIVE n(i) AS (SELECT 1.0 UNION ALL SELECT i + 1 FROM n WHERE i < 2001)';

/** What EXPLAIN QUERY PLAN tells of one table. */
interface Plan {
  readonly detail: string;
}

/** `sql` is as it was run: SQLite writes infinity in a way that it does not read. */
function planOf(handle: SqliteDatabase['handle'], sql: string): Plan[] {
  return handle.prepare(`EXPLAIN QUERY PLAN ${sql.replaceAll(/\bInf\b/g, '9e999')}`).all() as Plan[];
}

/** A driver on a file of its own, which is removed after all tests. */
const folder = temporaryFolder();
const opened: SqliteDatabase[] = [];

async function open(name: string, verbose?: (sql: unknown) => void): Promise<SqliteDriver> {
  const options = { database: folder.file(`${name}.db`), autoCreate: true, ...(verbose && { verbose }) };
  const database = await SqliteDatabase.open(options);
  opened.push(database);
  const driver = SqliteDriver.of(database, 'testEnv');
  await driver.createEnvironment();
  return driver;
}

afterAll(async () => {
  for (const database of opened) await database.close();
  folder.remove();
});

describe('SqliteDriver', () => {
  for (const { name, run } of driverSuite(onFile, POWERS)) it(name, run);

  it('is one for each environment of a database, whoever asks', async () => {
    const database = await SqliteDatabase.open({ database: ':memory:' });
    const other = await SqliteDatabase.open({ database: ':memory:' });

    expect(SqliteDriver.of(database, 'a')).toBe(SqliteDriver.of(database, 'a'));
    expect(SqliteDriver.of(database, 'a')).not.toBe(SqliteDriver.of(database, 'b'));
    expect(SqliteDriver.of(database, 'a')).not.toBe(SqliteDriver.of(other, 'a'));
    await Promise.all([database.close(), other.close()]);
  });

  it('says which table is missing when there is no environment', async () => {
    const database = await SqliteDatabase.open({ database: ':memory:' });
    const driver = SqliteDriver.of(database, 'testEnv');
    const key = keyOf('x');
    const missing = { message: expect.stringContaining('no such table: testEnvSession') };

    await expect(driver.load(key)).rejects.toMatchObject(missing);
    await expect(driver.commit({ key, now: 0, changes: new Map() })).rejects.toMatchObject(missing);
    await expect(driver.end({ key, reason: 'destroyed', now: 0 })).rejects.toMatchObject(missing);
    await expect(driver.sweep({ from: 0, to: 1, now: 1, limit: 1 })).rejects.toMatchObject(missing);
    expect(await driver.completeEnvironment()).toBe(false);
    await database.close();
  });

  it('forgets a part at each step of a sweep, goes on until that is all, and counts it', async () => {
    const driver = await open('late');
    const { handle } = opened.at(-1) as SqliteDatabase;
    handle.exec(`${NUMBERS} INSERT INTO testEnvSessionAliases SELECT 'a' || i, i, i / 1000, 'next' FROM n`);
    handle.exec(`${NUMBERS} INSERT INTO testEnvSessionLocks SELECT 'l' || i, 'o' || i, i / 1000 FROM n`);
    handle.exec(
      `${NUMBERS} INSERT INTO testEnvSessionEvents (id, app, handler, reason, createdAt, endedAt, "values", attempt, dueAt)
       SELECT 'e' || i, 'shop', 'onEnd', 'idle', 0, i / 1000, '[]', 0, 0 FROM n`,
    );
    const sweep = { from: 0, to: 1, now: 1, limit: 50, aliasesBefore: 1, eventsBefore: 1 };

    const steps = [await driver.sweep(sweep)];
    while (steps.at(-1)?.next !== undefined)
      steps.push(await driver.sweep({ ...sweep, after: steps.at(-1)?.next }));

    const lost = steps.map(({ lostEvents }) => lostEvents);
    expect([Math.max(...lost) < 500, lost.reduce((sum, one) => sum + one)]).toEqual([true, 999]);
    for (const table of ['Aliases', 'Locks', 'Events'])
      expect(handle.prepare(`SELECT count(*) FROM testEnvSession${table}`).pluck().get()).toBe(1002);
  });

  it('finds all that it looks for by an index, however much there is of other things', async () => {
    const statements: string[] = [];
    const driver = await open('plans', (sql) => statements.push(String(sql)));
    const { handle } = opened.at(-1) as SqliteDatabase;
    const key = keyOf(newSessionId());
    const [app, handler] = ['shop', 'onEnd'];
    const rename = { to: keyOf(newSessionId()), until: 2, next: '' };
    statements.length = 0;

    await driver.commit({ ...creation(key), register: [{ app, handler }] });
    await driver.commit({ key, now: 1, rename, changes: new Map() });
    await driver.load(key);
    await driver.lock({ key, owner: 'anna', now: 1, until: 2 });
    await driver.unlock('anna');
    await driver.lock({ key, owner: 'anna', now: 1, until: 2 });
    await driver.end({ key, reason: 'destroyed', now: 1 });
    const [event] = await driver.claim({ app, handlers: [handler, 'other'], now: 9, until: 10, limit: 5 });
    await driver.settle({ event: event as StoredEvent, retryAt: 11 });
    await driver.sweep({ from: 0, to: 9, now: 9, limit: 50, aliasesBefore: 9, eventsBefore: 9 });

    const asked = statements.filter((sql) => /^(?:SELECT|UPDATE|DELETE)/.test(sql));
    const plans = asked.flatMap((sql) => planOf(handle, sql));
    expect([asked.length > 20, plans.filter(({ detail }) => /SCAN|TEMP B-TREE/.test(detail))]).toEqual([
      true,
      [],
    ]);
  });

  it('puts all commits of one turn into one transaction', async () => {
    const statements: string[] = [];
    const driver = await open('together', (sql) => statements.push(String(sql)));
    const keys = Array.from({ length: 20 }, () => keyOf(newSessionId()));
    statements.length = 0;

    await Promise.all(keys.map((key) => driver.commit(creation(key))));

    expect(statements.filter((sql) => sql === 'BEGIN IMMEDIATE')).toHaveLength(1);
    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('sweeps without a write where nothing has ended', async () => {
    const statements: string[] = [];
    const driver = await open('nothing', (sql) => statements.push(String(sql)));
    await driver.commit(creation(keyOf('x')));
    statements.length = 0;

    expect(await driver.sweep({ from: 0, to: 59, now: 59, limit: 10 })).toEqual({
      removed: 0,
      lostEvents: 0,
      next: undefined,
    });

    expect(statements.filter((sql) => !sql.startsWith('SELECT'))).toEqual([]);
  });

  it('counts what several processes add at the same time, and none of them fails', async () => {
    const driver = await open('processes');
    await driver.commit(creation('shared' as SessionKey));
    const file = folder.file('processes.db');
    const programs = [1, 2, 3].map(() => start('test/support/database-program.ts', 'increment', file, '200'));
    await Promise.all(programs.map((program) => program.line()));

    for (const { process } of programs) process.stdin?.write('go\n');

    expect(await Promise.all(programs.map((program) => program.line()))).toEqual(['done', 'done', 'done']);
    expect(
      driver
        .loadNow('shared' as SessionKey)
        ?.values.get('shop')
        ?.get('n'),
    ).toBe('600');
  }, 60_000);

  it('keeps no id of a session anywhere in its files', async () => {
    const shop = siteOn(await open('secrets'));
    const ids = [await shop.made({ a: 1 }), await shop.made(), await shop.made({ secret: 'x' })];
    const ended = shop.visit(ids.pop());
    ended.manager.destroy();
    await ended.visit.finish(true);

    const names = readdirSync(folder.path).filter((name) => name.startsWith('secrets.db'));
    expect(names.toSorted()).toEqual(['secrets.db', 'secrets.db-shm', 'secrets.db-wal']);
    // by another process: closing a file here would drop SQLite's locks on it
    const { stdout } = spawnSync('cat', names.map(folder.file), { encoding: 'latin1' });
    expect(stdout).toContain(keyOf(ids[0] ?? ''));
    for (const id of ids) expect(stdout).not.toContain(id);
  });
});

function creation(key: SessionKey): Commit {
  const keys = new Map([['cart', { kind: 'set', value: '"tea"' } as const]]);
  return { key, now: 0, create: MOMENTS, changes: new Map([['shop', { empty: false, keys }]]) };
}

/** Storage of the suite: a file that each opened driver has opened by itself. */
function onFile(): DriverStorage {
  const { file, remove } = temporaryFolder();
  const databases: SqliteDatabase[] = [];
  return {
    async open() {
      const copy = await copyOfTheToolkit();
      const database = await copy.SqliteDatabase.open({ database: file('sessions.db'), autoCreate: true });
      databases.push(database);
      return copy.SqliteDriver.of(database, 'testEnv');
    },
    async close() {
      for (const database of databases.splice(0)) await database.close();
    },
    remove,
  };
}

/** Within one copy of the modules a file is opened once; another copy opens it again, as another process does. */
async function copyOfTheToolkit() {
  jest.resetModules();
  const { SqliteDatabase } = await import('../../src/database/sqlite.js');
  const { SqliteDriver } = await import('../../src/stores/sqlite.js');
  return { SqliteDatabase, SqliteDriver };
}
