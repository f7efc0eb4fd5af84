import type { SqliteDatabase } from '../../database/sqlite.js';
import type { SqliteStatement } from '../../database/sqlite-handle.js';
import type { Lock } from '../driver.js';
import type { SessionKey } from '../session-id.js';
import { PART } from './part.js';
import type { SqliteSchema } from './schema.js';

/** Who holds the lock of a session, and until when. */
export class SqliteLocks {
  readonly #take: SqliteStatement;
  readonly #prolong: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #follow: SqliteStatement;
  readonly #hasOver: SqliteStatement;
  readonly #forget: SqliteStatement;

  constructor(database: SqliteDatabase, { locks }: SqliteSchema) {
    this.#take = database.prepare(
      `INSERT INTO ${locks} (id, owner, until) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
       SET owner = excluded.owner, until = excluded.until WHERE owner = excluded.owner OR until <= ?`,
    );
    this.#prolong = database.prepare(`UPDATE ${locks} SET until = ? WHERE id = ? AND owner = ?`);
    this.#release = database.prepare(`DELETE FROM ${locks} WHERE owner = ?`);
    this.#follow = database.prepare(`UPDATE ${locks} SET id = ? WHERE id = ?`);
    this.#hasOver = database.prepare(`SELECT 1 FROM ${locks} WHERE until < ?`);
    this.#forget = database.prepare(
      `DELETE FROM ${locks} WHERE id IN (SELECT id FROM ${locks} WHERE until < ? LIMIT ${PART})`,
    );
  }

  /** Within a transaction, each that writes. */
  take(key: SessionKey, { owner, now, until, held }: Lock): boolean {
    if (held === true) return this.#prolong.run(until, key, owner).changes > 0;
    return this.#take.run(key, owner, until, now).changes > 0;
  }

  release(owner: string): boolean {
    return this.#release.run(owner).changes > 0;
  }

  follow(from: SessionKey, to: SessionKey): void {
    this.#follow.run(to, from);
  }

  hasOver(before: number): boolean {
    return this.#hasOver.get(before) !== undefined;
  }

  /** Some of those whose time was over before a moment. */
  forget(before: number): void {
    this.#forget.run(before);
  }
}
