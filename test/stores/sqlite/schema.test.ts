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
  it('are those of PythonWeb, what events and keys need, and one that says which environments there are', async () => {
    const one = await driver();
    expect(await one.completeEnvironment()).toBe(false);

    await one.createEnvironment();

    expect(await one.completeEnvironment()).toBe(true);
    expect(byHand("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")).toEqual([
      { name: 'testEnvSessionAliases' },
      { name: 'testEnvSessionEvents' },
      { name: 'testEnvSessionLocks' },
      { name: 'testEnvSessionQuarantine' },
      { name: 'testEnvSessionStore' },
      { name: 'testEnvSessions' },
      { name: 'tsgiEnvironments' },
    ]);
    expect(byHand('SELECT * FROM tsgiEnvironments')).toEqual([{ name: 'testEnv', version: 2 }]);
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
    ['testEnvSessionAliases', 'testEnvSessionStore'],
    ['testEnvSessionEvents', 'testEnvSessions'],
    ['testEnvSessionLocks', 'testEnvSessions'],
    ['testEnvSessionQuarantine', 'testEnvSessions'],
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
    'CREATE TABLE testEnvSessionAliases (a)',
    'CREATE TABLE testEnvSessionEvents (a)',
    'CREATE TABLE testEnvSessionLocks (a)',
    'CREATE TABLE testEnvSessionQuarantine (a)',
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

describe('the tables of version 1', () => {
  const OLD = 'o'.repeat(43) as SessionKey;
  const EMPTY = 'e'.repeat(43) as SessionKey;

  /** A file as the first version made it, with two environments. */
  function makeVersion1(): void {
    const tables = (name: string) => [
      `CREATE TABLE ${name}Sessions (
        id TEXT PRIMARY KEY, createdAt REAL NOT NULL, lifetime REAL NOT NULL, idle REAL NOT NULL,
        accessed REAL NOT NULL, expireTime REAL NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE ${name}SessionStore (
        session TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (session, app, key)
      ) STRICT, WITHOUT ROWID`,
      `INSERT INTO tsgiEnvironments VALUES ('${name}', 1)`,
      `INSERT INTO ${name}Sessions VALUES ('${KEY}', 0, 60, 9e999, 0, 60)`,
      `INSERT INTO ${name}SessionStore VALUES ('${KEY}', 'shop', 'cart', '"tea"')`,
    ];
    byHand(
      'CREATE TABLE tsgiEnvironments (name TEXT PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL)',
      ...tables('other'),
      ...tables('testEnv'),
      `INSERT INTO testEnvSessions VALUES ('${OLD}', 1.25, 9e999, 900, 2.5, 9e999), ('${EMPTY}', 0, 60, 9e999, 0, 60)`,
      `INSERT INTO testEnvSessionStore VALUES ('${OLD}', 'shop', 'cart', '"a' || char(0) || 'b"'),
       ('${OLD}', 'shop', '', '""'), ('${OLD}', 'forum', 'name', '"Anna"')`,
    );
  }

  it('are brought up to date with all they hold', async () => {
    makeVersion1();
    const one = await driver();
    expect(await one.completeEnvironment()).toBe(false);

    await one.createEnvironment();

    expect(await one.completeEnvironment()).toBe(true);
    expect(byHand('SELECT * FROM tsgiEnvironments')).toEqual([
      { name: 'other', version: 1 },
      { name: 'testEnv', version: 2 },
    ]);
    expect(await one.load(KEY)).toEqual({ key: KEY, ...MOMENTS, handlers: [], values: VALUES });
    expect(await one.load(OLD)).toEqual({
      key: OLD,
      ...{ createdAt: 1.25, accessed: 2.5, lifetime: Infinity, expireTime: Infinity, idle: 900 },
      handlers: [],
      values: new Map([
        ['forum', new Map([['name', '"Anna"']])],
        ['shop', new Map(Object.entries({ cart: '"a\0b"', '': '""' }))],
      ]),
    });
    expect((await one.load(EMPTY))?.values).toEqual(new Map());
  });

  it('are those of today afterwards, with every value and none beside', async () => {
    makeVersion1();
    const [one, fresh] = [await driver(), await driver('fresh')];

    await one.createEnvironment();
    await fresh.createEnvironment();

    const definitions = (name: string) =>
      byHand(
        `SELECT replace(sql, '${name}', '') AS sql FROM sqlite_schema WHERE tbl_name LIKE '${name}%' AND sql NOT NULL ORDER BY name`,
      );
    expect(definitions('testEnv')).toEqual(definitions('fresh'));
    expect(byHand('SELECT count(*) AS n FROM testEnvSessionStore')).toEqual([{ n: 4 }]);
    expect(byHand('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it('may be used, changed and ended once they are brought up to date', async () => {
    makeVersion1();
    const one = await driver();
    await one.createEnvironment();
    const [to, handler] = ['n'.repeat(43) as SessionKey, { app: 'shop', handler: 'remind' }];

    const rename = { to, until: 30, next: 'next' };
    const commit = { key: KEY, now: 1, changes: new Map(), register: [handler], rename };
    expect(await one.commit(commit)).toBe('committed');
    expect(await one.end({ key: KEY, reason: 'destroyed', now: 2 })).toBe(true);

    const [event] = await one.claim({ app: 'shop', handlers: ['remind'], now: 2, until: 60, limit: 1 });
    expect(event?.values).toEqual(VALUES.get('shop'));
    expect(await one.load(to)).toBeUndefined();
    expect((await one.load(OLD))?.values.size).toBe(2);
  });

  it('are brought up to date once: doing it again changes nothing', async () => {
    makeVersion1();
    const one = await driver();
    await one.createEnvironment();
    const before = contents();

    await one.createEnvironment();
    await (await driver()).createEnvironment();

    expect(contents()).toEqual(before);
  });

  it('of another environment are left as they are', async () => {
    makeVersion1();
    const before = byHand('SELECT * FROM otherSessions');

    await (await driver()).createEnvironment();

    expect(byHand('SELECT * FROM otherSessions')).toEqual(before);
    expect(await (await driver('other')).completeEnvironment()).toBe(false);
  });

  it.each([
    ['at a table that is in the way', 'CREATE TABLE testEnvSessionEvents (a)'],
    ['at the first step', 'CREATE TABLE testEnvSessionStore1 (a)'],
    [
      'at the last step',
      `CREATE TRIGGER full BEFORE INSERT ON tsgiEnvironments
       BEGIN SELECT RAISE(ABORT, 'there is no space left'); END`,
    ],
  ])('stay as they were when bringing them up to date fails %s', async (_, obstacle) => {
    makeVersion1();
    byHand(obstacle);
    const before = contents();
    const one = await driver();

    await expect(one.createEnvironment()).rejects.toMatchObject({ code: expect.any(String) });

    expect(contents()).toEqual(before);
    expect(await one.completeEnvironment()).toBe(false);
  });

  it('are left where another program has taken one of the new names', async () => {
    makeVersion1();
    byHand('CREATE TABLE testEnvSessionLocks (mine)');
    const before = contents();

    await expect((await driver()).createEnvironment()).rejects.toMatchObject({ code: 'FOREIGN_SCHEMA' });

    expect(contents()).toEqual(before);
  });

  it('are brought up to date by several processes at once', async () => {
    makeVersion1();
    const programs = [1, 2, 3].map(() => start('test/support/database-program.ts', 'create', file));
    await Promise.all(programs.map((program) => program.line()));

    for (const { process } of programs) process.stdin?.write('go\n');

    expect(await Promise.all(programs.map((program) => program.line()))).toEqual(['done', 'done', 'done']);
    expect((await (await driver()).load(KEY))?.values).toEqual(VALUES);
  }, 60_000);
});
