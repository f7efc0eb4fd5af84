// @ts-check
import { hash } from 'node:crypto';
import Database from 'better-sqlite3';

/** The life of a session in seconds: the default of `session()`. */
export const LIFETIME = 86_400;

/** The name of the cookie: that of the environment in `tsgi.js`. */
export const COOKIE = 'testEnv';

/**
 * The sessions of the servers beside ours: one table, a row for a session, its values as JSON. As durable as the default
 * of `database()`: every commit survives the loss of power.
 * @param {string} file
 */
export function openTable(file) {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(
    'CREATE TABLE IF NOT EXISTS sessions (key TEXT PRIMARY KEY, expires REAL NOT NULL, data TEXT NOT NULL) STRICT, WITHOUT ROWID',
  );
  return database;
}

/**
 * What a session is stored under, so that a stolen database opens none.
 * @param {string} id
 */
export function keyOf(id) {
  return hash('sha256', id, 'base64url');
}
