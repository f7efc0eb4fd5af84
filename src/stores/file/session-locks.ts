import type { SqliteDatabase } from '../../database/sqlite.js';
import { SqliteLocks } from '../sqlite/locks.js';
import { SqliteSchema } from '../sqlite/schema.js';

/**
 * The locks of single sessions, kept in the file whose transaction is the lock of their folder. Called within that: the
 * table may have to be made, since the file is a new one when somebody has deleted it, and what fails is undone.
 */
export function sessionLocks(database: SqliteDatabase): SqliteLocks {
  const schema = new SqliteSchema(database, 'file');
  for (const statement of schema.lockStatements) database.exec(statement);
  const locks = made.get(database) ?? new SqliteLocks(database, schema);
  made.set(database, locks);
  return locks;
}

const made = new WeakMap<SqliteDatabase, SqliteLocks>();
