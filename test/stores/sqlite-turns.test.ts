import { setImmediate as nextPass } from 'node:timers/promises';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Change, Commit, Driver, Power, StoredSession } from '../../src/stores/driver.js';
import { keyOf } from '../../src/stores/session-id.js';
import { type DriverStorage, driverSuite } from '../../src/testing/driver-suite.js';
import { temporaryFolder } from '../support/processes.js';

/** Drivers within the turns of a gateway, where they remember what they have read and written. */

const POWERS: readonly Power[] = ['persistent', 'shared', 'aliases', 'events', 'locks', 'quarantine'];
const NOW = 1000;
const MOMENTS = { createdAt: 0, accessed: 0, lifetime: 5000, expireTime: 5000, idle: Infinity };
const KEYS = ['a', 'b'].map(keyOf);

const folder = temporaryFolder();
const copies: Copy[] = [];

afterAll(async () => {
  for (const { database } of copies) await database.close();
  folder.remove();
});

/** A toolkit of its own, with a connection of its own, as another process has. */
interface Copy {
  readonly driver: Driver;
  readonly database: SqliteDatabase;
  /** What a request in a turn with others gets. */
  readonly inTurn: <T>(work: () => T | Promise<T>) => Promise<T>;
  readonly execute: (sql: string) => unknown;
}

async function copyOn(file: string, verbose?: (sql: unknown) => void): Promise<Copy> {
  jest.resetModules();
  const { SqliteDatabase } = await import('../../src/database/sqlite.js');
  const { SqliteConnection } = await import('../../src/database/sqlite-connection.js');
  const { SqliteDriver } = await import('../../src/stores/sqlite.js');
  const { runTurn } = await import('../../src/app/turn.js');
  const database = await SqliteDatabase.open({
    database: file,
    autoCreate: true,
    ...(verbose && { verbose }),
  });
  const inTurn = async <T>(work: () => T | Promise<T>) => {
    const results: (T | Promise<T>)[] = [];
    runTurn(2, () => results.push(work()));
    const [result] = results as [T | Promise<T>];
    const settled = await result;
    await nextPass();
    return settled;
  };
  return {
    driver: SqliteDriver.of(database, 'testEnv'),
    database,
    inTurn,
    execute: (sql) => new SqliteConnection(database).execute(sql),
  };
}

async function copy(name: string, verbose?: (sql: unknown) => void): Promise<Copy> {
  const made = await copyOn(folder.file(`${name}.db`), verbose);
  copies.push(made);
  await made.driver.createEnvironment();
  return made;
}

/** Calls every member within a turn, after the session that it names was looked at in one before. */
function turning({ driver, inTurn }: Copy): Driver {
  const look = (key: unknown) =>
    inTurn(() => (typeof key === 'string' ? driver.loadNow?.(key as never) : undefined));
  const around = (member: (...given: unknown[]) => unknown) => {
    return async (...given: { key?: unknown }[]) => {
      await look(given[0]?.key ?? given[0]);
      return inTurn(() => member.apply(driver, given));
    };
  };
  return new Proxy(driver, {
    get(_, name) {
      if (name === 'loadNow') return undefined;
      const member: unknown = Reflect.get(driver, name, driver);
      return typeof member === 'function' ? around(member as never) : member;
    },
  });
}

describe('the driver contract, in turns', () => {
  for (const { name, run } of driverSuite(inTurns, POWERS)) it(name, run);
});

function inTurns(): DriverStorage {
  const { file, remove } = temporaryFolder();
  const made: Copy[] = [];
  return {
    async open() {
      const opened = await copyOn(file('sessions.db'));
      made.push(opened);
      return turning(opened);
    },
    async close() {
      for (const { database } of made.splice(0)) await database.close();
    },
    remove,
  };
}

describe('what a driver remembers', () => {
  it('spares every statement but the write, for a session that was just read', async () => {
    const said: string[] = [];
    const { driver, inTurn } = await copy('spared', (sql) => said.push(String(sql)));
    const [key] = KEYS as [Commit['key']];
    await driver.commit(commitOf(key, { kind: 'set', value: '1' }, true));
    await inTurn(() => driver.loadNow?.(key));
    said.splice(0);

    const found = await inTurn(() => driver.loadNow?.(key));
    const read = said.splice(0);
    await inTurn(() => driver.commit(commitOf(key, { kind: 'update', apply: (one) => `${one ?? ''}1` })));

    expect(found?.values.get('shop')?.get('n')).toBe('1');
    expect(read).toEqual(['BEGIN', 'PRAGMA data_version', 'COMMIT']);
    expect(said.filter((sql) => !/^(?:BEGIN|PRAGMA|COMMIT)/.test(sql))).toEqual([
      expect.stringMatching(/^INSERT INTO testEnvSessionStore/),
    ]);
    expect((await inTurn(() => driver.loadNow?.(key)))?.values.get('shop')?.get('n')).toBe('11');
  });

  it('is changed once by an update that is undone and run again, since another one has failed', async () => {
    const { driver, inTurn } = await copy('twice');
    const [key] = KEYS as [Commit['key']];
    await driver.commit(commitOf(key, { kind: 'set', value: '1' }, true));
    await inTurn(() => driver.loadNow?.(key));

    await inTurn(() =>
      Promise.allSettled([
        driver.commit(commitOf(key, { kind: 'update', apply: (one) => `${one ?? ''}+` })),
        driver.commit(commitOf(key, { kind: 'update', apply: refuse })),
      ]),
    );

    const remembered = await inTurn(() => driver.loadNow?.(key));
    expect(remembered?.values.get('shop')?.get('n')).toBe('1+');
    expect(listed(remembered)).toEqual(listed(await driver.load(key)));
  });

  it('is what is stored also after an update that looks at the session, and writes, while it is applied', async () => {
    const { driver, inTurn, execute } = await copy('within');
    const [key] = KEYS as [Commit['key']];
    await driver.commit(commitOf(key, { kind: 'set', value: '1' }, true));
    await inTurn(() => driver.loadNow?.(key));
    const apply = (value: string | undefined) => {
      execute(`UPDATE testEnvSessionStore SET value = '9' WHERE app = 'none'`);
      driver.loadNow?.(key);
      return `${value ?? ''}+`;
    };

    await inTurn(() => driver.commit(commitOf(key, { kind: 'update', apply })));

    const remembered = await inTurn(() => driver.loadNow?.(key));
    expect(remembered?.values.get('shop')?.get('n')).toBe('1+');
  });

  it('is what is stored, whoever changes it and however', async () => {
    const mine = await copy('mine');
    const theirs = await copyOn(folder.file('mine.db'));
    copies.push(theirs);
    for (const key of KEYS) await mine.driver.end({ key, reason: 'destroyed', now: NOW });

    const step = fc.record({
      kind: fc.constantFrom<Kind>(
        'look',
        'create',
        'set',
        'add',
        'fail',
        'move',
        'empty',
        'end',
        'rename',
        'sql',
      ),
      key: fc.constantFrom(...KEYS),
      by: fc.constantFrom<'mine' | 'theirs'>('mine', 'theirs'),
      together: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        for (const { kind, key, by, together } of steps) {
          const who = by === 'mine' ? mine : theirs;
          const work = () => doing(who, kind, key);
          await (together ? who.inTurn(work) : work());
          for (const copy of [mine, theirs]) {
            for (const one of KEYS) {
              const remembered = await copy.inTurn(() => copy.driver.loadNow?.(one));
              expect(listed(remembered)).toEqual(listed(await copy.driver.load(one)));
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** With the order of what it keeps. */
function listed(stored: StoredSession | undefined): unknown {
  return stored && { ...stored, values: [...stored.values].map(([app, values]) => [app, [...values]]) };
}

type Kind = 'look' | 'create' | 'set' | 'add' | 'fail' | 'move' | 'empty' | 'end' | 'rename' | 'sql';

let renames = 0;

async function doing({ driver, execute }: Copy, kind: Kind, key: Commit['key']): Promise<unknown> {
  switch (kind) {
    case 'look':
      return driver.loadNow?.(key);
    case 'create':
      return driver.commit(commitOf(key, { kind: 'set', value: '"new"' }, true));
    case 'set':
      return driver.commit(
        commitOf(key, { kind: 'set', value: '"set"' }, false, Math.random() < 0.5 ? 'a' : 'z'),
      );
    case 'add':
      return driver.commit(commitOf(key, { kind: 'update', apply: (value) => `${value ?? ''}+` }));
    case 'fail':
      return Promise.allSettled([
        driver.commit(commitOf(key, { kind: 'update', apply: (value) => `${value ?? ''}-` })),
        driver.commit(commitOf(key, { kind: 'update', apply: refuse })),
      ]);
    case 'move':
      return driver.commit({ key, now: NOW, changes: new Map(), move: { expireTime: 4000 + Math.random() } });
    case 'empty':
      return driver.commit({ key, now: NOW, changes: new Map(), empty: true });
    case 'end':
      return driver.end({ key, reason: 'destroyed', now: NOW });
    case 'rename': {
      const to = keyOf(`renamed ${(renames += 1)}`);
      await driver.commit({ key, now: NOW, changes: new Map(), rename: { to, until: 2000, next: 'sealed' } });
      return driver.end({ key: to, reason: 'destroyed', now: NOW });
    }
    case 'sql':
      return execute(`UPDATE testEnvSessionStore SET value = '"${String(Math.random())}"'`);
  }
}

function refuse(): never {
  throw new Error('refused');
}

function commitOf(key: Commit['key'], change: Change, isNew = false, name = 'n'): Commit {
  const changes = new Map([
    [name === 'a' ? 'art' : 'shop', { empty: false, keys: new Map([[name, change]]) }],
  ]);
  return { key, now: NOW, changes, create: isNew ? MOMENTS : undefined };
}
