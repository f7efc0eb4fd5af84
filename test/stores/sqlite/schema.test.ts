import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { text } from '../../../src/app/reply.js';
import { SqliteDatabase } from '../../../src/database/sqlite.js';
import { environment } from '../../../src/middleware/environment.js';
import { SqliteDriver } from '../../../src/stores/sqlite.js';
import { type SessionKey } from '../../../src/stores/session-id.js';
import { naughtyStrings } from '../../support/naughty-strings.js';
import { start, temporaryFolder } from '../../support/processes.js';

const KEY = 'k'.repeat(43) as SessionKey;
const MOMENTS = { createdAt: 0, accessed: 0, lifetime: 60, expireTime: 60, idle: Infinity };
const VALUES = new Map([['shop', new Map([['cart', '"tea"']])]]);

let folder = temporaryFolder();
let file = '';
const opened: SqliteDatabase[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
});

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  folder.remove();
});

async function driver(name = 'testEnv'): Promise<SqliteDriver> {
  const database = await SqliteDatabase.open({ database: file, autoCreate: true, durability: 'process' });
  opened.push(database);
  return SqliteDriver.of(database, name);
}

/** Runs statements on the file as another program does, and answers the rows of the last one. */
function byHand(...statements: readonly string[]): unknown[] {
  const database = new BetterSqlite3(file);
  const last = statements.at(-1) ?? '';
  for (const sql of statements.slice(0, -1)) database.exec(sql);
  const statement = database.prepare(last);
  const rows = statement.reader ? statement.all() : [];
  if (!statement.reader) statement.run();
  database.close();
  return rows;
}

/** Everything the file defines, and what its tables hold. */
function contents(): unknown {
  const tables = byHand("SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name");
  return tables.map((table) => [table, byHand(`SELECT * FROM "${(table as { name: string }).name}"`)]);
}

async function fill(one: SqliteDriver): Promise<void> {
  const keys = new Map([['cart', { kind: 'set', value: '"tea"' } as const]]);
  const changes = new Map([['shop', { empty: false, keys }]]);
  await one.commit({ key: KEY, now: 0, create: MOMENTS, changes });
}

describe('the tables of an environment', () => {
  it('are those of PythonWeb, and one that says which environments there are', async () => {
    const one = await driver();
    expect(await one.completeEnvironment()).toBe(false);

    await one.createEnvironment();

    expect(await one.completeEnvironment()).toBe(true);
    expect(byHand("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")).toEqual([
      { name: 'testEnvSessionStore' },
      { name: 'testEnvSessions' },
      { name: 'tsgiEnvironments' },
    ]);
    expect(byHand('SELECT * FROM tsgiEnvironments')).toEqual([{ name: 'testEnv', version: 1 }]);
  });

  it('are not changed by being created again', async () => {
    const one = await driver();
    await one.createEnvironment();
    await fill(one);
    const before = contents();

    await one.createEnvironment();

    expect(contents()).toEqual(before);
  });

  it.each([
    ['testEnvSessions', 'testEnvSessionStore'],
    ['testEnvSessionStore', 'testEnvSessions'],
  ])('are not complete without %s, and creating that leaves %s as it is', async (missing, other) => {
    const one = await driver();
    await one.createEnvironment();
    await fill(one);
    const before = byHand(`SELECT * FROM ${other}`);
    byHand(`DROP TABLE ${missing}`);
    expect(await one.completeEnvironment()).toBe(false);

    await one.createEnvironment();

    expect(await one.completeEnvironment()).toBe(true);
    expect([before.length, byHand(`SELECT * FROM ${other}`)]).toEqual([1, before]);
  });

  it('of an older version are brought up to date and keep what they hold', async () => {
    const one = await driver();
    await one.createEnvironment();
    await fill(one);
    byHand('UPDATE tsgiEnvironments SET version = 0');
    expect(await one.completeEnvironment()).toBe(false);

    await one.createEnvironment();

    expect(await one.completeEnvironment()).toBe(true);
    expect((await one.load(KEY))?.values).toEqual(VALUES);
  });

  it('of a newer version are refused and left as they are', async () => {
    const one = await driver();
    await one.createEnvironment();
    await fill(one);
    byHand('UPDATE tsgiEnvironments SET version = 7');
    const before = contents();
    const newer = expect.objectContaining({
      code: 'NEWER_SCHEMA',
      message: expect.stringMatching(/version 7.*newer/s),
    });

    await expect(one.completeEnvironment()).rejects.toEqual(newer);
    await expect(one.createEnvironment()).rejects.toEqual(newer);
    await expect(one.removeEnvironment()).rejects.toEqual(newer);

    expect(contents()).toEqual(before);
  });

  it.each([
    'CREATE TABLE testEnvSessions (id INTEGER, name TEXT)',
    'CREATE TABLE testEnvSessionStore (a)',
    'CREATE TABLE TESTENVSESSIONS (a)',
    'CREATE TABLE other (a); CREATE INDEX testEnvSessions ON other (a)',
    'CREATE VIEW testEnvSessions AS SELECT 1 AS id',
    'CREATE VIEW testEnvSessionStore AS SELECT 1 AS id',
  ])('are not made where another program has taken their names: %s', async (sql) => {
    byHand(sql, 'SELECT 1');
    const one = await driver();
    const before = contents();
    const foreign = expect.objectContaining({
      code: 'FOREIGN_SCHEMA',
      message: expect.stringContaining('otherwise'),
    });

    await expect(one.completeEnvironment()).rejects.toEqual(foreign);
    await expect(one.createEnvironment()).rejects.toEqual(foreign);
    await expect(one.removeEnvironment()).rejects.toEqual(foreign);

    expect(contents()).toEqual(before);
  });

  it('are refused under a name that differs by case only', async () => {
    await (await driver('testEnv')).createEnvironment();
    const other = await driver('TestENV');
    const otherCase = expect.objectContaining({
      code: 'NAME_CASE',
      message: expect.stringContaining('"testEnv"'),
    });

    await expect(other.completeEnvironment()).rejects.toEqual(otherCase);
    await expect(other.createEnvironment()).rejects.toEqual(otherCase);
    await expect(other.removeEnvironment()).rejects.toEqual(otherCase);
  });

  it('stand beside those of other environments and the user’s own, which nothing touches', async () => {
    byHand(
      'PRAGMA user_version = 42',
      'PRAGMA application_id = 99',
      'CREATE TABLE Sessions (id TEXT)',
      "INSERT INTO Sessions VALUES ('mine')",
      'CREATE INDEX own ON Sessions (id)',
      'CREATE TABLE customers (name TEXT)',
    );
    const [one, other] = [await driver('one'), await driver('two')];
    const own = () => [
      byHand('SELECT * FROM Sessions'),
      byHand("SELECT name FROM sqlite_schema WHERE name IN ('Sessions', 'own', 'customers') ORDER BY name"),
      byHand('PRAGMA user_version'),
      byHand('PRAGMA application_id'),
    ];
    const before = own();

    await one.createEnvironment();
    await other.createEnvironment();
    await fill(one);
    await fill(other);
    await one.removeEnvironment();

    expect(own()).toEqual(before);
    expect(byHand('SELECT name FROM tsgiEnvironments')).toEqual([{ name: 'two' }]);
    expect(await one.completeEnvironment()).toBe(false);
    expect((await other.load(KEY))?.values).toEqual(VALUES);
  });

  it('that are not there cannot be removed, unless errors are ignored', async () => {
    const one = await driver();

    await expect(one.removeEnvironment()).rejects.toMatchObject({ code: 'NO_TABLES' });
    await one.removeEnvironment({ ignoreErrors: true });

    expect(contents()).toEqual([]);
  });

  it('may be removed and made again under the driver that has used them', async () => {
    const one = await driver();
    await one.createEnvironment();
    await fill(one);

    await one.removeEnvironment();
    await expect(one.load(KEY)).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
    await one.createEnvironment();

    expect(await one.load(KEY)).toBeUndefined();
    await fill(one);
    expect((await one.load(KEY))?.values).toEqual(VALUES);
  });

  it('are made under every name that an environment may have, and naughty strings are refused as names', async () => {
    const application = () => text('hello');
    let made = 0;

    for (const name of naughtyStrings) {
      const make = () => environment(application, { name, storage: 'memory' });
      if (!/^(?!sqlite_|tsgi)[a-z]\w{0,63}$/i.test(name)) {
        expect(make).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
        continue;
      }
      expect(make).not.toThrow();
      const database = await SqliteDatabase.open({ database: ':memory:' });
      const one = SqliteDriver.of(database, name);
      await one.createEnvironment();
      await fill(one);
      expect((await one.load(KEY))?.values).toEqual(VALUES);
      await one.removeEnvironment();
      await database.close();
      made += 1;
    }

    if (naughtyStrings.length > 0) expect(made).toBeGreaterThan(10);
  });

  it.each(['select', 'table', 'index', 'where', 'null', 'order', 'x', 'a'.repeat(64)])(
    'are made for an environment called %s',
    async (name) => {
      const one = await driver(name);
      await one.createEnvironment();
      await fill(one);

      expect((await one.load(KEY))?.values).toEqual(VALUES);
      expect(await one.completeEnvironment()).toBe(true);
    },
  );

  it('are made by several processes at once, with the file itself', async () => {
    const programs = [1, 2, 3].map(() => start('test/support/database-program.ts', 'create', file));
    await Promise.all(programs.map((program) => program.line()));

    for (const { process } of programs) process.stdin?.write('go\n');

    expect(await Promise.all(programs.map((program) => program.line()))).toEqual(['done', 'done', 'done']);
    expect(await (await driver()).completeEnvironment()).toBe(true);
  }, 60_000);
});
