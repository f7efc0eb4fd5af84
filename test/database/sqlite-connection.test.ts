import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Participant } from '../../src/database/connection.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import { SqliteConnection } from '../../src/database/sqlite-connection.js';
import { start, temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let database: SqliteDatabase;
let connection: SqliteConnection;

beforeEach(async () => {
  folder = temporaryFolder();
  database = await SqliteDatabase.open({ database: folder.file('notes.db'), autoCreate: true });
  connection = new SqliteConnection(database);
  connection.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
});

afterEach(async () => {
  await database.close();
  folder.remove();
});

function fill(...texts: readonly string[]): void {
  for (const text of texts) connection.execute('INSERT INTO notes (text) VALUES (?)', [text]);
}

function texts(): unknown[] {
  return connection
    .execute('SELECT text FROM notes ORDER BY id')
    .fetchAll()
    .map(({ text }) => text);
}

describe('execute', () => {
  it('takes parameters by place and by name', () => {
    connection.execute('INSERT INTO notes VALUES (?, ?)', [7, "it's"]);
    const found = connection.execute('SELECT id FROM notes WHERE text = :text', { text: "it's" });

    expect(found.fetchAll()).toEqual([{ id: 7 }]);
  });

  it('tells how many rows were changed and the id of the last', () => {
    fill('a', 'b');

    const inserted = connection.execute('INSERT INTO notes (text) VALUES (?)', ['c']);
    expect([inserted.rowCount, inserted.lastRowId, inserted.fetchAll()]).toEqual([1, 3, []]);

    const changed = connection.execute("UPDATE notes SET text = 'x'");
    expect(changed.rowCount).toBe(3);

    const read = connection.execute('SELECT * FROM notes');
    expect([read.rowCount, read.lastRowId]).toEqual([-1, undefined]);
  });

  it('answers the rows of an INSERT that returns some', () => {
    const made = connection.execute("INSERT INTO notes (text) VALUES ('a'), ('b') RETURNING id");

    expect(made.fetchAll()).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('is durable when it returns, and fails as SQLite says', () => {
    fill('a');

    expect(database.handle.inTransaction).toBe(false);
    expect(() => connection.execute('SELECT * FROM missing')).toThrow('no such table: missing');
  });

  it('does not wait for another process, and says that it is busy', async () => {
    const holder = start('test/support/lock-holder.ts', folder.file('notes.db'), '60000');
    expect(await holder.line()).toBe('locked');

    const write = () => connection.execute("INSERT INTO notes (text) VALUES ('a')");

    expect(write).toThrow(expect.objectContaining({ code: 'DATABASE_BUSY', status: 503 }));
    expect(texts()).toEqual([]);
    await holder.stop('SIGKILL');
  }, 30_000);
});

describe('a cursor', () => {
  it('walks through the rows of its last statement', () => {
    fill('a', 'b', 'c', 'd');
    const cursor = connection.cursor().execute('SELECT text FROM notes ORDER BY id');

    expect(cursor.fetchOne()).toEqual({ text: 'a' });
    expect(cursor.fetchMany(2)).toEqual([{ text: 'b' }, { text: 'c' }]);
    expect([...cursor]).toEqual([{ text: 'd' }]);
    expect([cursor.fetchOne(), cursor.fetchMany(2), cursor.fetchAll()]).toEqual([undefined, [], []]);
  });

  it('begins anew with the next statement', () => {
    fill('a');
    const cursor = connection.cursor();

    cursor.execute('SELECT text FROM notes').fetchAll();

    expect(cursor.execute('SELECT id FROM notes').fetchAll()).toEqual([{ id: 1 }]);
  });

  it('has no rows before its first statement', () => {
    const cursor = connection.cursor();

    expect([cursor.fetchAll(), cursor.rowCount, cursor.lastRowId]).toEqual([[], -1, undefined]);
  });

  it('shares nothing with another one', () => {
    fill('a', 'b');
    const [one, other] = [connection.cursor(), connection.cursor()];
    one.execute('SELECT text FROM notes ORDER BY id');
    other.execute('SELECT text FROM notes ORDER BY id DESC');

    expect([one.fetchOne(), other.fetchOne(), one.fetchOne()]).toEqual([
      { text: 'a' },
      { text: 'b' },
      { text: 'b' },
    ]);
  });
});

describe('transaction', () => {
  it('is kept as a whole, and resolves with what the function answers', async () => {
    const result = await connection.transaction(() => {
      fill('a', 'b');
      return 'kept';
    });

    expect([result, texts()]).toEqual(['kept', ['a', 'b']]);
  });

  it.each<[string, () => unknown, object]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
      { message: 'no' },
    ],
    ['answers a promise', () => Promise.resolve(), { code: 'ASYNC_TRANSACTION' }],
    ['answers a promise that fails', () => Promise.reject(new Error('later')), { code: 'ASYNC_TRANSACTION' }],
  ])('is undone when the function %s', async (_, fails, error) => {
    const failing = connection.transaction(() => {
      fill('a');
      return fails();
    });

    await expect(failing).rejects.toMatchObject(error);

    expect(texts()).toEqual([]);
  });

  it('answers nothing as it is', async () => {
    await expect(connection.transaction(() => undefined)).resolves.toBeUndefined();
    await expect(connection.transaction(() => null)).resolves.toBeNull();
  });
});

describe('what a request has changed', () => {
  function participant(log: string[], name: string): Participant {
    return {
      save: () => Promise.resolve(void log.push(`${name} saved`)),
      rollback: () => void log.push(`${name} rolled back`),
    };
  }

  it('is sealed by commit and dropped by rollback, for each participant once', async () => {
    const log: string[] = [];
    const [one, other] = [participant(log, 'one'), participant(log, 'other')];
    for (const joining of [one, other, one]) connection.enlist(joining);

    await connection.commit();
    connection.rollback();

    expect(log).toEqual(['one saved', 'other saved', 'one rolled back', 'other rolled back']);
  });

  it('may be nothing', async () => {
    await connection.commit();
    connection.rollback();
  });

  it('is not sealed when a participant fails, which commit says', async () => {
    const failing = { save: () => Promise.reject(new Error('full')), rollback: () => undefined };
    connection.enlist(failing);

    await expect(connection.commit()).rejects.toThrow('full');
  });

  it('is sealed for all who can, before commit says that one failed', async () => {
    const log: string[] = [];
    const failing = { save: () => Promise.reject(new Error('full')), rollback: () => undefined };
    const slow = { save: () => nextTurn().then(() => void log.push('saved')), rollback: () => undefined };
    connection.enlist(failing);
    connection.enlist(slow);

    await expect(connection.commit()).rejects.toThrow('full');

    expect(log).toEqual(['saved']);
  });
});

describe('a transaction left open', () => {
  let careless: SqliteConnection;

  it.each<[string, (sql: string) => unknown]>([
    ['execute', (sql) => careless.execute(sql)],
    ['a cursor', (sql) => careless.cursor().execute(sql)],
    ['the handle', (sql) => careless.handle.exec(sql)],
  ])('is found and undone: begun by %s', (_, run) => {
    careless = new SqliteConnection(database);
    run('BEGIN');
    run("INSERT INTO notes (text) VALUES ('a')");

    expect(careless.undoOpenTransaction()).toBe(true);
    expect(careless.undoOpenTransaction()).toBe(false);

    expect(texts()).toEqual([]);
  });

  it('is not looked for by a request that ran nothing', () => {
    const idle = new SqliteConnection(database);
    database.handle.exec('BEGIN');

    expect(idle.undoOpenTransaction()).toBe(false);
    expect(connection.undoOpenTransaction()).toBe(true);
  });
});
