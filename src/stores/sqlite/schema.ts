import { SessionError } from '../errors.js';
import type { SqliteDatabase } from '../../database/sqlite.js';

/** The version of the tables below. A change to them counts it up and adds the statements that upgrade the one before. */
const VERSION = 2;

/** Which environments a file holds, and at which version. The file may hold the user's own tables as well. */
const REGISTER = 'tsgiEnvironments';

/** The tables of one environment in one file. Names follow PythonWeb: `<name>Sessions`, `<name>SessionStore`. */
export class SqliteSchema {
  readonly #database: SqliteDatabase;
  readonly #name: string;
  readonly sessions: string;
  readonly values: string;
  readonly aliases: string;
  readonly events: string;
  readonly locks: string;
  readonly quarantine: string;

  constructor(database: SqliteDatabase, name: string) {
    this.#database = database;
    this.#name = name;
    this.sessions = `${name}Sessions`;
    this.values = `${name}SessionStore`;
    this.aliases = `${name}SessionAliases`;
    this.events = `${name}SessionEvents`;
    this.locks = `${name}SessionLocks`;
    this.quarantine = `${name}SessionQuarantine`;
  }

  /** @throws SessionError `NEWER_SCHEMA`, `FOREIGN_SCHEMA` or `NAME_CASE` for tables that are not ours to touch. */
  isComplete(): boolean {
    return this.#version() === VERSION && this.#tables.every((table) => this.#has(table));
  }

  /** Within a transaction: creates what is missing and upgrades what is older. Nothing is ever dropped that holds data. */
  create(): void {
    if (this.isComplete()) return;
    const isFirst = this.#version() === 1;
    if (isFirst) this.#putAside();
    for (const statement of this.#statements()) this.#database.exec(statement);
    if (isFirst) this.#takeOver();
    this.#database
      .prepare(`INSERT OR REPLACE INTO ${REGISTER} (name, version) VALUES (?, ?)`)
      .run(this.#name, VERSION);
  }

  /** Within a transaction. @throws SessionError `NO_TABLES` when the environment is not there. */
  remove(): void {
    if (this.#version() === undefined) throw this.#refuse('NO_TABLES', 'has no tables. Nothing was removed.');
    for (const table of this.#tables) this.#database.exec(`DROP TABLE IF EXISTS ${table}`);
    this.#database.prepare(`DELETE FROM ${REGISTER} WHERE name = ?`).run(this.#name);
  }

  /** What makes the table of locks, where it is not there. */
  get lockStatements(): string[] {
    return [
      `CREATE TABLE IF NOT EXISTS ${this.locks} (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE INDEX IF NOT EXISTS ${this.locks}Owner ON ${this.locks} (owner)`,
      `CREATE INDEX IF NOT EXISTS ${this.locks}Until ON ${this.locks} (until)`,
    ];
  }

  get #tables(): string[] {
    return [this.sessions, this.values, this.aliases, this.events, this.locks, this.quarantine];
  }

  /**
   * A session has a number of its own: values are found by it in few bytes, and a session that gets another id leaves them
   * where they are. `handlers` is a JSON list of registrations, or null for none.
   */
  #statements(): string[] {
    return [
      `CREATE TABLE IF NOT EXISTS ${REGISTER} (name TEXT PRIMARY KEY COLLATE NOCASE, version INTEGER NOT NULL)`,
      `CREATE TABLE IF NOT EXISTS ${this.sessions} (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, createdAt REAL NOT NULL, lifetime REAL NOT NULL,
        idle REAL NOT NULL, accessed REAL NOT NULL, expireTime REAL NOT NULL, handlers TEXT
      ) STRICT`,
      `CREATE TABLE IF NOT EXISTS ${this.values} (
        session INTEGER NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (session, app, key)
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE IF NOT EXISTS ${this.aliases} (
        id TEXT PRIMARY KEY, session INTEGER NOT NULL, until REAL NOT NULL, next TEXT NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE INDEX IF NOT EXISTS ${this.aliases}Session ON ${this.aliases} (session)`,
      `CREATE INDEX IF NOT EXISTS ${this.aliases}Until ON ${this.aliases} (until)`,
      `CREATE TABLE IF NOT EXISTS ${this.events} (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL, app TEXT NOT NULL, handler TEXT NOT NULL, detail TEXT,
        reason TEXT NOT NULL, createdAt REAL NOT NULL, endedAt REAL NOT NULL, "values" TEXT NOT NULL,
        attempt INTEGER NOT NULL, dueAt REAL NOT NULL, UNIQUE (id, app, handler)
      ) STRICT`,
      `CREATE INDEX IF NOT EXISTS ${this.events}Due ON ${this.events} (app, handler, dueAt)`,
      `CREATE INDEX IF NOT EXISTS ${this.events}Ended ON ${this.events} (endedAt)`,
      ...this.lockStatements,
      `CREATE TABLE IF NOT EXISTS ${this.quarantine} (
        number INTEGER PRIMARY KEY, app TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        foundAt REAL NOT NULL
      ) STRICT`,
    ];
  }

  /** Version 1 kept values by the session's id. */
  #putAside(): void {
    const added = [this.aliases, this.events, this.locks, this.quarantine];
    if (added.some((table) => this.#has(table))) throw this.#refuse('FOREIGN_SCHEMA', FOREIGN);
    this.#database.exec(`ALTER TABLE ${this.sessions} RENAME TO ${this.sessions}1`);
    this.#database.exec(`ALTER TABLE ${this.values} RENAME TO ${this.values}1`);
  }

  #takeOver(): void {
    const moments = 'createdAt, lifetime, idle, accessed, expireTime';
    this.#database.exec(
      `INSERT INTO ${this.sessions} (id, ${moments}) SELECT id, ${moments} FROM ${this.sessions}1;
       INSERT INTO ${this.values} (session, app, key, value)
         SELECT number, app, key, value FROM ${this.values}1 JOIN ${this.sessions} ON id = session;
       DROP TABLE ${this.values}1;
       DROP TABLE ${this.sessions}1;`,
    );
  }

  /** The version this environment has, undefined when there is none. */
  #version(): number | undefined {
    const found = this.#has(REGISTER) ? this.#registered() : undefined;
    if (found === undefined) {
      if (this.#tables.some((table) => this.#has(table))) throw this.#refuse('FOREIGN_SCHEMA', FOREIGN);
      return undefined;
    }
    if (found.name !== this.#name)
      throw this.#refuse('NAME_CASE', `is written "${found.name}" there. ${SAME_NAME}`);
    if (found.version > VERSION) throw this.#refuse('NEWER_SCHEMA', `has version ${found.version}. ${NEWER}`);
    return found.version;
  }

  #registered(): { name: string; version: number } | undefined {
    const sql = `SELECT name, version FROM ${REGISTER} WHERE name = ?`;
    return this.#database.prepare(sql).get(this.#name) as { name: string; version: number } | undefined;
  }

  /** Whatever has the name, a view too: no table could be created beside it. */
  #has(name: string): boolean {
    const sql = 'SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE';
    return this.#database.prepare(sql).get(name) !== undefined;
  }

  #refuse(code: string, found: string): SessionError {
    return new SessionError(code, `The environment "${this.#name}" in ${this.#database.file} ${found}`);
  }
}

const FOREIGN = 'has tables of these names that another program made. Name the environment otherwise.';
const SAME_NAME = 'Names differ by more than case: use that spelling, or another name.';
const NEWER = `This version of the toolkit knows up to ${VERSION}. Install a newer one; nothing was changed.`;
