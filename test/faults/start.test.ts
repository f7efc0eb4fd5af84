import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import { temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  folder.remove();
});

describe('a new file that another process is setting up', () => {
  it('is waited for, so that processes may start at once', async () => {
    const file = folder.file('sessions.db');
    const other = new BetterSqlite3(file);
    other.exec('BEGIN EXCLUSIVE; CREATE TABLE theirs (number)');

    const opening = SqliteDatabase.open({ database: file, autoCreate: true });
    other.exec('COMMIT'); // it has met the lock by now: the first attempt is made at once
    other.close();

    const database = await opening;
    expect(database.handle.prepare('SELECT count(*) FROM theirs').pluck().get()).toBe(0);
    await database.close();
  });
});
