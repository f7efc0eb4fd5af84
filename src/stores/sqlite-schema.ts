import { SessionError } from './errors.js';
import type { SqliteDatabase } from '../database/sqlite.js';

/** The version of the tables below. A change to them counts it up and adds the statements that upgrade the one before. */
const VERSION = 1;

/** Which environments a file holds, and at which version. The file may hold the user's own tables as well. */
const REGISTER = 'tsgiEnvironments';

/** The tables of one environment in one file. Names follow PythonWeb: `<name>Sessions`, `<name>SessionStore`. */
export class SqliteSchema {
  readonly #database: SqliteDatabase;
  readonly #name: string;
  readonly sessions: string;
  readonly values: string;

  constructor(database: SqliteDatabase, name: string) {
    this.#database = database;
    this.#name = name;
    this.sessions = `${name}Sessions`;
    this.values = `${name}SessionStore`;
  }

  /** @throws SessionError `NEWER_SCHEMA`, `FOREIGN_SCHEMA` or `NAME_CASE` for tables that are not ours to touch. */
  isComplete(): boolean {
    const version = this.#version();
    return version === VERSION && this.#has(this.sessions) && this.#has(this.values);
  }

  /** Within a transaction: creates what is missing. Nothing is ever dropped. */
  create(): void {
    const { handle } = this.#database;
    if (this.isComplete()) return;
    handle.exec(
      `CREATE TABLE IF NOT EXISTS ${REGISTER} (name TEXT PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL)`,
    );
    handle.exec(`CREATE TABLE IF NOT EXISTS ${this.sessions} (
      id TEXT PRIMARY KEY, createdAt REAL NOT NULL, lifetime REAL NOT NULL, idle REAL NOT NULL,
      accessed REAL NOT NULL, expireTime REAL NOT NULL
    ) STRICT, WITHOUT ROWID`);
    handle.exec(`CREATE TABLE IF NOT EXISTS ${this.values} (
      session TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (session, app, key)
    ) STRICT, WITHOUT ROWID`);
    handle
      .prepare(`INSERT OR REPLACE INTO ${REGISTER} (name, version) VALUES (?, ?)`)
      .run(this.#name, VERSION);
  }

  /** Within a transaction. @throws SessionError `NO_TABLES` when the environment is not there. */
  remove(): void {
    const { handle } = this.#database;
    if (this.#version() === undefined) throw this.#refuse('NO_TABLES', 'has no tables. Nothing was removed.');
    handle.exec(`DROP TABLE IF EXISTS ${this.sessions}; DROP TABLE IF EXISTS ${this.values}`);
    handle.prepare(`DELETE FROM ${REGISTER} WHERE name = ?`).run(this.#name);
  }

  /** The version this environment has, undefined when there is none. */
  #version(): number | undefined {
    const found = this.#has(REGISTER) ? this.#registered() : undefined;
    if (found === undefined) {
      if (this.#has(this.sessions) || this.#has(this.values)) throw this.#refuse('FOREIGN_SCHEMA', FOREIGN);
      return undefined;
    }
    if (found.name !== this.#name)
      throw this.#refuse('NAME_CASE', `is written "${found.name}" there. ${SAME_NAME}`);
    if (found.version > VERSION) throw this.#refuse('NEWER_SCHEMA', `has version ${found.version}. ${NEWER}`);
    return found.version;
  }

  #registered(): { name: string; version: number } | undefined {
    const sql = `SELECT name, version FROM ${REGISTER} WHERE name = ?`;
    return this.#database.handle.prepare(sql).get(this.#name) as
      { name: string; version: number } | undefined;
  }

  /** Whatever has the name, a view too: no table could be created beside it. */
  #has(name: string): boolean {
    const sql = 'SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE';
    return this.#database.handle.prepare(sql).get(name) !== undefined;
  }

  #refuse(code: string, found: string): SessionError {
    return new SessionError(code, `The environment "${this.#name}" in ${this.#database.file} ${found}`);
  }
}

const FOREIGN = 'has tables of these names that another program made. Name the environment otherwise.';
const SAME_NAME = 'Names differ by more than case: use that spelling, or another name.';
const NEWER = `This version of the toolkit knows up to ${VERSION}. Install a newer one; nothing was changed.`;
