// @ts-check
import { options } from '../servers/options.js';
import { openTable } from '../servers/table.js';

/** The sessions of the limits: statements that are prepared once. */

const database = openTable(options.database, options.durability);
const beginReading = database.prepare('BEGIN');
const beginWriting = database.prepare('BEGIN IMMEDIATE');
const end = database.prepare('COMMIT');

/** Data of a session that has not ended. */
export const select = database.prepare('SELECT data FROM sessions WHERE key = ? AND expires > ?').pluck();
export const selectWithEnd = database
  .prepare('SELECT data, expires FROM sessions WHERE key = ? AND expires > ?')
  .raw();
export const insert = database.prepare(
  'INSERT INTO sessions (key, expires, accessed, data) VALUES (?, ?, ?, ?)',
);
export const setData = database.prepare('UPDATE sessions SET data = ? WHERE key = ?');
export const setAccessed = database.prepare('UPDATE sessions SET accessed = ? WHERE key = ?');
export const setExpires = database.prepare('UPDATE sessions SET expires = ? WHERE key = ?');

/** @param {'reads' | 'writes'} use */
export function begin(use) {
  (use === 'writes' ? beginWriting : beginReading).run();
}

export function commit() {
  end.run();
}
