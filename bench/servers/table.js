// @ts-check
import { hash } from 'node:crypto';
import Database from 'better-sqlite3';

/** The life of a session in seconds: the default of `session()`. */
export const LIFETIME = 86_400;

/** The name of the cookie: that of the environment in `tsgi.js`. */
export const COOKIE = 'testEnv';

/**
 * The sessions of the servers beside ours: one table with a row for each session, its values as JSON, and its moments in
 * seconds. `accessed` is for servers that keep the last use apart from the end.
 * @param {string} file
 * @param {import('./options.js').Options['durability']} [durability] Default: as that of `database()`.
 */
export function openTable(file, durability = 'power') {
  const database = openDatabase(file, durability);
  database.exec(
    `CREATE TABLE IF NOT EXISTS sessions (
      key TEXT PRIMARY KEY,
      expires REAL NOT NULL,
      accessed REAL NOT NULL DEFAULT 0,
      data TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
  );
  return database;
}

/**
 * @param {string} file
 * @param {import('./options.js').Options['durability']} durability
 */
export function openDatabase(file, durability) {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`);
  return database;
}

/**
 * What a session is stored under, so that a stolen database opens none.
 * @param {string} id
 */
export function keyOf(id) {
  return hash('sha256', id, 'base64url');
}
