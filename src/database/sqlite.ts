import { closeSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { codeOfError } from '../app/errors.js';
import { BUSY_LIMIT, DatabaseError, databaseError } from './errors.js';
import { FileState } from './file-state.js';
import { FileWatch } from './file-watch.js';
import { SharedRead } from './shared-read.js';
import type { SqliteHandle, SqliteStatement } from './sqlite-handle.js';
import { checkSqliteVersion } from './sqlite-version.js';
import { undoOpenTransaction, WriteQueue } from './write-queue.js';

/** What a commit survives: `power` the loss of power (synchronous=FULL), `process` the end of the process (NORMAL). */
export type Durability = 'power' | 'process';

export interface SqliteOptions {
  /** The file, relative to the working directory, or `:memory:`. */
  database: string;
  /** Whether a missing file is created, with mode 0600. Default false: missing or empty is an error. */
  autoCreate?: boolean;
  /** Default `power`. */
  durability?: Durability;
  /** Called with every statement that is run: better-sqlite3's own option, for debugging and tests. */
  verbose?: (sql: unknown) => void;
}

/**
 * One open SQLite file of this process, in WAL mode: readers and one writer do not wait for each other. Other processes
 * and worker threads open the file themselves.
 */
export class SqliteDatabase {
  readonly file: string;
  readonly durability: Durability;
  readonly #handle: SqliteHandle;
  readonly #statements = new Map<string, SqliteStatement>();
  /** Undefined for a database in memory. */
  readonly #watch: FileWatch | undefined;
  readonly #state: FileState;
  readonly #reads: SharedRead;
  readonly #writes: WriteQueue;
  #users = 0;
  #closing = false;

  private constructor(file: string, durability: Durability, handle: SqliteHandle) {
    this.file = file;
    this.durability = durability;
    this.#handle = handle;
    this.#watch = file === MEMORY ? undefined : new FileWatch(file);
    this.#state = new FileState(handle);
    this.#reads = new SharedRead(handle, this.#state);
    this.#writes = new WriteQueue(handle, file, this.#state, () => {
      this.#reads.leave();
      this.#watch?.check();
    });
  }

  /**
   * Opens a file, once for every path in this process: opening it again answers the same database.
   * @throws DatabaseError `DATABASE_MISSING`, `DATABASE_EMPTY`, `DIRECTORY_MISSING`, `NOT_A_FILE`, `NOT_A_DATABASE`,
   * `DATABASE_READ_ONLY`, `DATABASE_BUSY`, `DURABILITY_DIFFERS`, `OLD_SQLITE` and others, each with a sentence that says
   * what to do.
   */
  static async open(options: SqliteOptions): Promise<SqliteDatabase> {
    const { database: name, autoCreate = false, durability = 'power', verbose } = options;
    const file = locate(name);
    const shared = files.get(file);
    if (shared === undefined) checkFile(file, autoCreate);
    const opening =
      shared ?? connect(file, durability, verbose).then((handle) => new this(file, durability, handle));
    if (shared === undefined && file !== MEMORY) share(file, opening);
    const database = await opening;
    if (database.#closing) return this.open(options); // its last user has left meanwhile
    database.#join(durability);
    return database;
  }

  /** Closes the file once everyone who opened it has closed it and the waiting writes are done. */
  async close(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#closing = true;
    files.delete(this.file);
    await this.#writes.close();
    this.#handle.close();
  }

  /**
   * The real better-sqlite3 database. Whoever has it may use it at any time, so that from now on the reads of a turn no
   * longer share a transaction: sessions are then read more slowly.
   */
  get handle(): SqliteHandle {
    this.#reads.give();
    return this.#handle;
  }

  /**
   * A number that stays the same as long as drivers alone change the file through this handle: no other process or connection
   * has committed, the application has run no statement that writes, and no write has failed. What a driver has read or
   * written in a state is so while it lasts. Undefined outside the transactions that a turn shares, where finding it out
   * would cost as much as reading, and for good once the application has the handle itself.
   */
  get state(): number | undefined {
    const isShared = this.#reads.isOpen || this.#writes.isShared;
    return isShared && !this.#reads.isGiven ? this.#state.number : undefined;
  }

  /** For the application's own statements: one that writes is about to run. */
  noteChange(): void {
    this.#state.note();
  }

  /** A new prepared statement, for what drivers run in `read`, `write` and `transaction`. */
  prepare(sql: string): SqliteStatement {
    return this.#handle.prepare(sql);
  }

  /** Runs statements that answer nothing. For drivers: a transaction of `write` or of their own is around it. */
  exec(sql: string): void {
    this.#handle.exec(sql);
  }

  /** A prepared statement, kept with the handle. */
  statement(sql: string): SqliteStatement {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
    const made = this.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  /**
   * Runs an application's statements at once, with errors that say what to do.
   * @throws DatabaseError `DATABASE_REPLACED`, `DATABASE_EMPTY`, `DATABASE_DAMAGED`, `NOT_A_DATABASE` (503) when the file
   * is no longer the one that was opened, or no longer whole: found within a second.
   */
  run<T>(statements: () => T): T {
    return this.#guarded(statements, this.#leaveReads);
  }

  /** As `run`, for a driver's statements that only read: those of one turn of the event loop share a transaction. */
  read<T>(statements: () => T): T {
    return this.#guarded(statements, this.#joinReads);
  }

  readonly #leaveReads = () => {
    this.#reads.leave();
  };

  readonly #joinReads = () => {
    this.#reads.join();
  };

  #guarded<T>(statements: () => T, prepare: () => void): T {
    try {
      this.#watch?.glance();
      prepare();
      return statements();
    } catch (error) {
      this.#state.note(); // whatever is wrong with the file may be mended by another one
      throw databaseError(error, this.file);
    }
  }

  /** Undoes a transaction that was begun by hand and left open; true when there was one. */
  undoOpenTransaction(): boolean {
    this.#reads.leave(); // which is nobody's
    return undoOpenTransaction(this.#handle);
  }

  /**
   * Runs `statements` in the transaction of this turn of the event loop, and resolves when that is durable. When they
   * throw, only their own changes are undone. They may run again, so they change nothing but the database. Another
   * process's lock is waited for up to 4 s, without blocking the event loop.
   * @throws DatabaseError `DATABASE_BUSY` after that; `TRANSACTION_OPEN` when a transaction begun by hand was left open;
   * those of `run`, found at once.
   */
  write<T>(statements: () => T): Promise<T> {
    return this.#writes.add(statements, 'together');
  }

  /**
   * As `write`, for work that comes in many parts and touches pages all over the file: SQLite copies its log into the file
   * four times as often then, so that the copying never keeps the event loop for long.
   */
  async writeGently<T>(statements: () => T): Promise<T> {
    this.#handle.pragma(`wal_autocheckpoint = ${LOG_PAGES / 4}`);
    try {
      return await this.write(statements);
    } finally {
      this.#handle.pragma(`wal_autocheckpoint = ${LOG_PAGES}`);
    }
  }

  /** As `write`, in a transaction that nothing else shares; `statements` run once. */
  transaction<T>(statements: () => T): Promise<T> {
    return this.#writes.add(statements, 'alone');
  }

  #join(durability: Durability): void {
    if (durability !== this.durability) {
      throw new DatabaseError(
        'DURABILITY_DIFFERS',
        `${this.file} is open with durability '${this.durability}'; '${durability}' was asked for too. Give both the same.`,
      );
    }
    this.#users += 1;
  }
}

const MEMORY = ':memory:';

/** A statement text that is never the same twice must not fill the memory. */
const MOST_STATEMENTS = 500;

/**
 * How long SQLite itself may wait for a lock, in milliseconds, which blocks the event loop. Enough for a neighbour's short
 * commit; longer waits are the write queue's.
 */
const BLOCKING_WAIT_MS = 2;

/**
 * How long the -wal file stays when it was longer, as it grows while a reader keeps an old state for minutes. Four times
 * what SQLite writes to it between two checkpoints.
 */
const LOG_BYTES = 16 * 1024 * 1024;

/** How many pages SQLite's log has before they are copied into the file: its own default. */
const LOG_PAGES = 1000;

/** Every file that is open in this process, by its canonical path. */
const files = new Map<string, Promise<SqliteDatabase>>();

function share(file: string, opening: Promise<SqliteDatabase>): void {
  files.set(file, opening);
  opening.catch(() => files.delete(file));
}

function locate(name: string): string {
  if (name === MEMORY) return MEMORY;
  const path = resolve(name);
  try {
    return realpathSync(path);
  } catch {
    return join(realFolder(path), basename(path)); // not there yet
  }
}

function realFolder(path: string): string {
  try {
    return realpathSync(dirname(path));
  } catch (cause) {
    throw new DatabaseError(
      'DIRECTORY_MISSING',
      `There is no folder ${dirname(path)} for ${path}. Create it.`,
      { cause },
    );
  }
}

function checkFile(file: string, autoCreate: boolean): void {
  if (file === MEMORY) return;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined && autoCreate) createPrivately(file);
  else if (found === undefined) throw missing('DATABASE_MISSING', file, 'does not exist');
  else if (!found.isFile())
    throw new DatabaseError('NOT_A_FILE', `${file} is not a file. Name the database file itself.`);
  else if (found.size === 0 && !autoCreate)
    throw missing('DATABASE_EMPTY', file, 'is empty, as a truncated file is');
}

function missing(code: string, file: string, found: string): DatabaseError {
  const todo =
    'Check the name, restore it from a backup, or give database() autoCreate: true to start with nothing.';
  return new DatabaseError(code, `The database ${file} ${found}. ${todo}`);
}

/** SQLite gives its -wal and -shm files the mode of the database. Another process may have been first. */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (cause) {
    if (codeOfError(cause) === 'EEXIST') return;
    throw new DatabaseError(
      'DATABASE_CANNOT_OPEN',
      `${file} cannot be created. Check the rights of its folder.`,
      { cause },
    );
  }
}

/** Opens the handle and finds out now, not at the first request, whether it can be read and written. */
async function connect(
  file: string,
  durability: Durability,
  verbose: SqliteOptions['verbose'],
): Promise<SqliteHandle> {
  const handle = openHandle(file, verbose);
  try {
    await patiently(() => {
      checkSqliteVersion(handle.prepare('SELECT sqlite_version()').pluck().get() as string);
      checkJournal(file, handle.pragma('journal_mode = WAL', { simple: true }));
      handle.pragma(`journal_size_limit = ${LOG_BYTES}`);
      handle.pragma(`synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`);
      handle.exec('BEGIN IMMEDIATE; ROLLBACK');
    });
    return handle;
  } catch (error) {
    handle.close();
    throw databaseError(error, file);
  }
}

/** Where the file system has no shared memory, SQLite keeps another mode and says so only here. */
function checkJournal(file: string, mode: unknown): void {
  if (mode === 'wal' || file === MEMORY) return;
  throw new DatabaseError(
    'NO_WAL',
    `${file} cannot be used in WAL mode, which this file system may not allow. Keep it on a local disk.`,
  );
}

function openHandle(file: string, verbose: SqliteOptions['verbose']): SqliteHandle {
  try {
    return new BetterSqlite3(file, { timeout: BLOCKING_WAIT_MS, ...(verbose && { verbose }) });
  } catch (error) {
    throw databaseError(error, file);
  }
}

/** Tries again while another process has the file, as when several start at once. */
async function patiently(attempt: () => void): Promise<void> {
  const end = performance.now() + BUSY_LIMIT * 1000;
  for (;;) {
    try {
      attempt();
      return;
    } catch (error) {
      if (codeOfError(error)?.startsWith('SQLITE_BUSY') !== true || performance.now() > end) throw error;
    }
    await delay(BLOCKING_WAIT_MS * (1 + Math.random()));
  }
}
