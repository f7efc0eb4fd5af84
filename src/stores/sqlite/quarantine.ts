import type { SqliteDatabase } from '../../database/sqlite.js';
import type { SqliteStatement } from '../../database/sqlite-handle.js';
import type { CorruptValue, QuarantinedValue } from '../driver.js';
import type { SqliteSchema } from './schema.js';

/** Values that could not be decoded. */
export class SqliteQuarantine {
  readonly #database: SqliteDatabase;
  readonly #add: SqliteStatement;
  readonly #list: SqliteStatement;
  readonly #clear: SqliteStatement;

  constructor(database: SqliteDatabase, { quarantine }: SqliteSchema) {
    this.#database = database;
    this.#add = database.prepare(`INSERT INTO ${quarantine} (app, key, value, foundAt) VALUES (?, ?, ?, ?)`);
    this.#list = database.prepare(
      `SELECT number, app, key, value, foundAt FROM ${quarantine} WHERE number > ? ORDER BY number LIMIT ?`,
    );
    this.#clear = database.prepare(`DELETE FROM ${quarantine}`);
  }

  /** Within a transaction. */
  add(values: readonly CorruptValue[], now: number): void {
    for (const { app, key, value } of values) this.#add.run(app, key, value, now);
  }

  list(after: number, limit: number): QuarantinedValue[] {
    return this.#database.read(() => this.#list.all(after, limit)) as QuarantinedValue[];
  }

  clear(): Promise<number> {
    return this.#database.write(() => this.#clear.run().changes);
  }
}
