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
let elsewhere: BetterSqlite3.Database;

beforeEach(async () => {
  folder = temporaryFolder();
  const file = folder.file('notes.db');
  database = await SqliteDatabase.open({ database: file, autoCreate: true });
  connection = new SqliteConnection(database);
  connection.execute('CREATE TABLE notes (text TEXT NOT NULL)');
  elsewhere = new BetterSqlite3(file);
});

afterEach(async () => {
  elsewhere.close();
  await database.close();
  folder.remove();
});

const INSERT = "INSERT INTO notes VALUES ('new')";

/** As a driver writes. */
function write(sql: string = INSERT): Promise<unknown> {
  return database.write(() => database.statement(sql).run());
}

/** The state that a driver's read in a turn finds. */
async function stateInTurn(): Promise<number | undefined> {
  let state: number | undefined;
  runTurn(2, () => database.read(() => (state = database.state)));
  await nextPass();
  return state;
}

describe('the state of a file', () => {
  it('stays the same while drivers alone read and write', async () => {
    const before = await stateInTurn();

    await Promise.all([write(), write()]);

    expect(before).toEqual(expect.any(Number));
    expect(await stateInTurn()).toBe(before);
    expect(await database.write(() => database.state)).toBe(before);
  });

  it.each([
    ['another connection commits', () => elsewhere.exec(INSERT)],
    ['the application writes', () => connection.execute(INSERT)],
    ['the application writes and gets rows', () => connection.execute(`${INSERT} RETURNING text`)],
    ['the application has a transaction of its own', () => connection.transaction(() => undefined)],
    [
      'a write fails beside others',
      () => Promise.allSettled([write(), write('INSERT INTO notes VALUES (NULL)')]),
    ],
    ['a write fails alone', () => Promise.allSettled([write('INSERT INTO notes VALUES (NULL)')])],
  ])('is another one when %s', async (_, change) => {
    const before = await stateInTurn();

    await change();

    const after = await stateInTurn();
    expect(after).toEqual(expect.any(Number));
    expect(after).not.toBe(before);
  });

  it('stays the same when the application reads', async () => {
    const before = await stateInTurn();

    connection.execute('SELECT * FROM notes');

    expect(await stateInTurn()).toBe(before);
  });

  it('is not known outside the transactions that a turn shares', async () => {
    const states = [
      database.state,
      database.read(() => database.state),
      await database.transaction(() => database.state),
    ];

    expect(states).toEqual([undefined, undefined, undefined]);
  });

  it('is not known any more once the application has the handle itself', async () => {
    const { handle } = connection;

    expect(handle.inTransaction).toBe(false);
    expect(await stateInTurn()).toBeUndefined();
    expect(await database.write(() => database.state)).toBeUndefined();
  });
});
