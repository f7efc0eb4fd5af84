import { setImmediate as nextPass } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { runTurn } from '../../src/app/turn.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import { SqliteConnection } from '../../src/database/sqlite-connection.js';
import { temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let database: SqliteDatabase;
let connection: SqliteConnection;
let said: string[] = [];
let elsewhere: BetterSqlite3.Database;

beforeEach(async () => {
  folder = temporaryFolder();
  const file = folder.file('notes.db');
  const verbose = (sql: unknown) => said.push(String(sql));
  database = await SqliteDatabase.open({ database: file, autoCreate: true, verbose });
  connection = new SqliteConnection(database);
  connection.execute('CREATE TABLE notes (text TEXT)');
  connection.execute("INSERT INTO notes VALUES ('old')");
  elsewhere = new BetterSqlite3(file);
  said = [];
});

afterEach(async () => {
  elsewhere.close();
  await database.close();
  folder.remove();
});

const SELECT = 'SELECT text FROM notes';

/** As a driver reads. */
function read(): unknown[] {
  return database.read(() => database.statement(SELECT).pluck().all());
}

/** Runs a turn, and waits until it is over. */
async function turn(work: () => void): Promise<void> {
  runTurn(2, work);
  await nextPass();
}

describe('the reads of a turn', () => {
  it('share a transaction', async () => {
    await turn(() => {
      read();
      read();
      void Promise.resolve().then(read);
    });

    expect(said).toEqual(['BEGIN', SELECT, SELECT, SELECT, 'COMMIT']);
  });

  it('stand alone outside a turn', async () => {
    read();
    await turn(() => undefined);
    read();

    expect(said).toEqual([SELECT, SELECT]);
  });

  it('see what was there when the first of them began', async () => {
    const seen: unknown[] = [];

    await turn(() => {
      seen.push(read());
      elsewhere.exec("INSERT INTO notes VALUES ('new')");
      seen.push(read());
    });
    seen.push(read());

    expect(seen).toEqual([['old'], ['old'], ['old', 'new']]);
  });

  it('are over before the writes of the turn, whoever came first', async () => {
    await turn(() => {
      void database.write(() => connection.execute("INSERT INTO notes VALUES ('new')"));
      read();
    });

    expect(said).toEqual([
      'BEGIN',
      SELECT,
      'COMMIT',
      'BEGIN IMMEDIATE',
      expect.stringContaining('INSERT'),
      'COMMIT',
    ]);
    expect(read()).toEqual(['old', 'new']);
  });
});

describe('statements of the application', () => {
  it('are durable when they return, also between reads of a turn', async () => {
    let seenElsewhere: unknown;

    await turn(() => {
      read();
      connection.execute("INSERT INTO notes VALUES ('mine')");
      seenElsewhere = elsewhere.prepare(SELECT).pluck().all();
      read();
      read();
    });

    expect(seenElsewhere).toEqual(['old', 'mine']);
    expect(said.filter((sql) => sql === 'BEGIN')).toHaveLength(1); // the reads after it stand alone
  });

  it('find no transaction when the application holds the handle itself', async () => {
    const { handle } = connection;
    let found: boolean | undefined;

    await turn(() => {
      read();
      found = handle.inTransaction;
    });

    expect(found).toBe(false);
  });

  it('leave the turn when the handle is asked for within it', async () => {
    let found: boolean | undefined;

    await turn(() => {
      read();
      found = connection.handle.inTransaction;
    });

    expect(found).toBe(false);
    expect(said).toEqual(['BEGIN', SELECT, 'COMMIT']);
  });

  it('may have begun a transaction by hand, which reads are no part of', async () => {
    await turn(() => {
      connection.execute('BEGIN');
      read();
      connection.execute('ROLLBACK');
    });

    expect(said).toEqual(['BEGIN', SELECT, 'ROLLBACK']);
  });
});
