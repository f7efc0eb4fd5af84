import { performance } from 'node:perf_hooks';
import { afterArrivals } from '../app/turn.js';
import { codeOfError } from '../app/errors.js';
import { BUSY_LIMIT, DatabaseError, databaseError } from './errors.js';
import type { FileState } from './file-state.js';
import type { SqliteHandle, SqliteStatement } from './sqlite-handle.js';

interface Write {
  readonly run: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly since: number;
  trial: Trial;
}

/**
 * How a write runs: with others; after they have failed, with others and under a savepoint; after that in a transaction of its
 * own, as the application's do from the start. See decisions/004.
 */
type Trial = 'together' | 'guarded' | 'alone';

/**
 * Puts all writes of one turn of the event loop into one transaction and answers each after its COMMIT: many writes, one
 * lock and one fsync. Waiting for another process's lock blocks nothing but the writes. See decisions/004.
 */
export class WriteQueue {
  readonly #handle: SqliteHandle;
  readonly #file: string;
  readonly #state: FileState;
  readonly #check: () => void;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;
  readonly #savepoint: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #waiting: Write[] = [];
  #scheduled = false;
  #running = false;
  #shared = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /** `check` throws when nothing may be written. */
  constructor(handle: SqliteHandle, file: string, state: FileState, check: () => void) {
    this.#handle = handle;
    this.#file = file;
    this.#state = state;
    this.#check = check;
    this.#begin = handle.prepare('BEGIN IMMEDIATE');
    this.#commit = handle.prepare('COMMIT');
    this.#savepoint = handle.prepare('SAVEPOINT tsgi');
    this.#release = handle.prepare('RELEASE tsgi');
  }

  /** Whether writes that may share their transaction, and so those of drivers alone, are running now. */
  get isShared(): boolean {
    return this.#shared;
  }

  /** See `SqliteDatabase.write` and `.transaction`. */
  add<T>(run: () => T, trial: 'together' | 'alone'): Promise<T> {
    if (this.#running) return Promise.reject(nestedTransaction());
    if (this.#closed) return Promise.reject(closed(this.#file));
    return new Promise<T>((resolve, reject) => {
      const since = performance.now();
      this.#waiting.push({ run, resolve, reject, since, trial });
      if (this.#scheduled) return;
      this.#scheduled = true;
      afterArrivals(this.#flush);
    });
  }

  /** Resolves when no write is waiting. Later ones are refused. */
  async close(): Promise<void> {
    while (this.#scheduled) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#closed = true;
  }

  /** A transaction that somebody began by hand is waited for as another process's is, and never joined. */
  readonly #flush = (): void => {
    let wait = 0;
    this.#running = true;
    try {
      this.#check();
      if (this.#handle.inTransaction) throw transactionOpen();
      this.#begin.run();
      this.#state.begin();
      this.#runTogether(this.#take());
    } catch (error) {
      wait = this.#refuse(error);
    }
    this.#running = false;
    this.#schedule(wait);
  };

  /** The next writes that may share a transaction, in the order they came. */
  #take(): Write[] {
    const group = this.#waiting.findIndex(({ trial }) => trial === 'alone');
    const together = group === -1 ? this.#waiting.length : group;
    return this.#waiting.splice(0, Math.min(Math.max(together, 1), MOST_TOGETHER));
  }

  /** All as the first: who joins those that have failed runs under a savepoint, too. */
  #runTogether(writes: readonly Write[]): void {
    const trial = writes[0]?.trial ?? 'together';
    this.#shared = trial !== 'alone';
    if (trial === 'alone') this.#state.note(); // it may be the application's
    try {
      const answers =
        trial === 'guarded' ? writes.map((write) => this.#runGuarded(write)) : writes.map(runPlain);
      this.#commit.run();
      for (const answer of answers) answer();
    } catch (error) {
      this.#lost(writes, trial === 'together' ? 'guarded' : 'alone', error);
    } finally {
      this.#shared = false;
    }
  }

  /** Runs a write so that, when it fails, only its own changes are undone. */
  #runGuarded(write: Write): () => void {
    this.#savepoint.run();
    try {
      const answer = runPlain(write);
      this.#release.run();
      return answer;
    } catch (error) {
      if (!this.#handle.inTransaction) throw error; // SQLite has undone the whole group: disk full, I/O error
      this.#handle.exec('ROLLBACK TO tsgi; RELEASE tsgi');
      this.#state.note();
      return () => {
        write.reject(databaseError(error, this.#file));
      };
    }
  }

  /**
   * A group that failed is run again in the next way, so that the one to blame fails alone. When the disk could not make it
   * durable nobody is to blame, and all fail: see decisions/010.
   */
  #lost(writes: readonly Write[], next: Trial, error: unknown): void {
    this.#state.note();
    const final = writes.length === 1 || codeOfError(error) === 'SQLITE_IOERR_FSYNC';
    if (final) for (const write of writes) write.reject(databaseError(error, this.#file));
    else this.#waiting.unshift(...writes.map((write) => Object.assign(write, { trial: next })));
    undoIfPossible(this.#handle);
  }

  /** No transaction could begin. Answers after how many milliseconds to try again. */
  #refuse(error: unknown): number {
    this.#state.note();
    const before = isPassing(error) ? performance.now() - BUSY_LIMIT * 1000 : Infinity;
    const refused = this.#waiting.filter((write) => write.since <= before);
    this.#waiting.splice(0, refused.length); // in the order they came, so these are the first
    for (const write of refused) write.reject(databaseError(error, this.#file));
    if (refused.length > 0) undoIfPossible(this.#handle); // nobody waits for it any longer
    return RETRY_MS * (0.5 + Math.random());
  }

  #schedule(wait: number): void {
    if (this.#waiting.length === 0) this.#rest();
    else if (wait > 0) setTimeout(this.#flush, wait);
    else setImmediate(this.#flush);
  }

  #rest(): void {
    this.#scheduled = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

/** Undoes a transaction that was begun by hand and left open; true when there was one. */
export function undoOpenTransaction(handle: SqliteHandle): boolean {
  if (!handle.inTransaction) return false;
  handle.exec('ROLLBACK');
  return true;
}

/** A statement that somebody has not read to its end keeps it open: the next write undoes it, or says why it cannot. */
export function undoIfPossible(handle: SqliteHandle): void {
  try {
    undoOpenTransaction(handle);
  } catch {
    // see above
  }
}

export function transactionOpen(): DatabaseError {
  return new DatabaseError(
    'TRANSACTION_OPEN',
    'A transaction that was begun by hand was left open, and has been undone. Use connection.transaction().',
  );
}

/** Bounds how long one transaction keeps the event loop and the lock. */
const MOST_TOGETHER = 256;

/** How long to leave a busy database alone, in milliseconds, before jitter. */
const RETRY_MS = 10;

/** Runs a write. Answers how it is told once the transaction is committed. */
function runPlain(write: Write): () => void {
  const value = write.run();
  return () => {
    write.resolve(value as never);
  };
}

/** What another process, or another request, may be done with in a moment. */
function isPassing(error: unknown): boolean {
  const code = codeOfError(error) ?? '';
  return code.startsWith('SQLITE_BUSY') || code === 'TRANSACTION_OPEN';
}

function nestedTransaction(): DatabaseError {
  return new DatabaseError('NESTED_TRANSACTION', 'A write was asked for inside a transaction. End it first.');
}

function closed(file: string): DatabaseError {
  return new DatabaseError('DATABASE_CLOSED', `${file} is closed. Write before the application closes.`);
}
