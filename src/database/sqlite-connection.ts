import { allSettled, isPromise } from '../app/promise.js';
import type { Connection, Participant } from './connection.js';
import { DatabaseError } from './errors.js';
import type { SqliteDatabase } from './sqlite.js';
import type { SqliteHandle } from './sqlite-handle.js';

/** Values for the `?` of a statement in order, or for its `:name` by name. */
export type SqliteParameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/**
 * A request's face of the SQLite database. The application's own statements run at once and, outside `transaction`, each
 * is durable when it returns; they never share a transaction with another request.
 */
export class SqliteConnection implements Connection {
  readonly #database: SqliteDatabase;
  #participants: Participant[] | undefined;
  #used = false;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /**
   * The real better-sqlite3 database of this process, for query builders. A transaction begun on it ends before the next
   * `await`, since all requests share it; `transaction` sees to that. Once somebody has it, sessions are read one by one and
   * never from memory, since nobody can tell when it is used: `execute` costs them nothing. Where one asks for the types of
   * that package, say `handle as unknown as BetterSqlite3.Database`.
   */
  get handle(): SqliteHandle {
    this.#used = true;
    return this.#database.handle;
  }

  cursor(): SqliteCursor {
    return new SqliteCursor(this);
  }

  /**
   * Runs one statement on a new cursor.
   * @throws DatabaseError `DATABASE_BUSY` (503) when another process writes at this moment; `transaction` waits instead.
   */
  execute(sql: string, parameters: SqliteParameters = []): SqliteCursor {
    return this.cursor().execute(sql, parameters);
  }

  /**
   * Runs a synchronous function in a transaction of its own and resolves with its result when that is durable. What the
   * function throws undoes the transaction. Another process's lock is waited for up to 4 s without blocking others.
   * @throws DatabaseError `ASYNC_TRANSACTION` when the function answers a promise: its later statements would not be in it.
   */
  transaction<T>(statements: () => T): Promise<T> {
    return this.#database.transaction(() => {
      const result = statements();
      if (!isPromise(result)) return result;
      result.catch(() => undefined); // what it would say is overtaken by what we say
      throw asyncTransaction();
    });
  }

  enlist(participant: Participant): void {
    this.#participants ??= [];
    if (!this.#participants.includes(participant)) this.#participants.push(participant);
  }

  commit(): Promise<void> {
    const saves = (this.#participants ?? []).map((participant) => participant.save());
    const saved = allSettled(saves);
    saved.catch(() => undefined); // the participants commit again at the end, so nobody has to wait for it here
    return saved;
  }

  rollback(): void {
    for (const participant of this.#participants ?? []) participant.rollback();
  }

  undoOpenTransaction(): boolean {
    return this.#used && this.#database.undoOpenTransaction();
  }

  /** For cursors: what `execute` runs. */
  prepare(sql: string, parameters: SqliteParameters): Execution {
    this.#used = true;
    const values = Array.isArray(parameters) ? (parameters as readonly unknown[]) : [parameters];
    return this.#database.run(() => {
      const statement = this.#database.statement(sql);
      if (!statement.readonly) this.#database.noteChange();
      if (statement.reader) return { rows: statement.all(...values), rowCount: -1, lastRowId: undefined };
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], rowCount: changes, lastRowId: lastInsertRowid };
    });
  }
}

interface Execution {
  readonly rows: unknown[];
  readonly rowCount: number;
  readonly lastRowId: number | bigint | undefined;
}

const NOTHING: Execution = { rows: [], rowCount: -1, lastRowId: undefined };

/** A row as an object, by column name. */
export type SqliteRow = Readonly<Record<string, unknown>>;

/** Runs statements and walks through the rows of the last one, as the cursor of Python's DB-API (PEP 249) does. */
export class SqliteCursor implements Iterable<SqliteRow> {
  readonly #connection: SqliteConnection;
  #last: Execution = NOTHING;
  #at = 0;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /** How many rows the last statement changed; -1 for one that answers rows. */
  get rowCount(): number {
    return this.#last.rowCount;
  }

  /** The rowid of the last insert, undefined after a statement that answers rows. */
  get lastRowId(): number | bigint | undefined {
    return this.#last.lastRowId;
  }

  execute(sql: string, parameters: SqliteParameters = []): this {
    this.#last = this.#connection.prepare(sql, parameters);
    this.#at = 0;
    return this;
  }

  /** The next row, undefined after the last. */
  fetchOne(): SqliteRow | undefined {
    return this.fetchMany(1)[0];
  }

  /** At most that many of the rows that are left. */
  fetchMany(count: number): SqliteRow[] {
    const rows = this.#last.rows.slice(this.#at, this.#at + count) as SqliteRow[];
    this.#at += rows.length;
    return rows;
  }

  /** All rows that are left. */
  fetchAll(): SqliteRow[] {
    return this.fetchMany(Infinity);
  }

  *[Symbol.iterator](): Iterator<SqliteRow> {
    yield* this.fetchAll();
  }
}

function asyncTransaction(): DatabaseError {
  return new DatabaseError(
    'ASYNC_TRANSACTION',
    'The function given to transaction() answered a promise. Await before it; inside, run statements only.',
  );
}
