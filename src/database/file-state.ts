import type { SqliteHandle, SqliteStatement } from './sqlite-handle.js';

/**
 * A number for the state of a database file as one connection sees it, which stays the same while that connection's drivers
 * alone change it. SQLite tells of the commits of others, `note` of all else.
 */
export class FileState {
  readonly #version: SqliteStatement;
  #seen: unknown;
  #number = 0;
  #isCurrent = false;

  constructor(handle: SqliteHandle) {
    this.#version = handle.prepare('PRAGMA data_version').pluck();
  }

  /** A transaction has begun, which may see another state than the one before. */
  begin(): void {
    this.#isCurrent = false;
  }

  /** Something else has changed the file, or a driver's change was undone. */
  note(): void {
    this.#number += 1;
  }

  /** Within a transaction. */
  get number(): number {
    if (!this.#isCurrent) this.#look();
    return this.#number;
  }

  #look(): void {
    const seen = this.#version.get();
    if (seen !== this.#seen) this.note();
    this.#seen = seen;
    this.#isCurrent = true;
  }
}
