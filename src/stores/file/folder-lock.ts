import { statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { BUSY_LIMIT, databaseError } from '../../database/errors.js';
import { codeOfError } from '../../app/errors.js';
import { SqliteDatabase } from '../../database/sqlite.js';
import { SessionError } from '../errors.js';

/** The files of the lock. They hold no session, and are not to be deleted while a process works in the folder. */
export const LOCK_FILES: readonly string[] = ['lock', 'lock-shm', 'lock-wal'];

/**
 * The lock of a folder for all processes and threads: a write transaction on an SQLite file in it. The
 * system gives it back when its process ends, however that ends, so no lock is ever left over. See decisions/012.
 */
export class FolderLock {
  readonly #folder: string;
  #opened: Promise<OpenLock> | undefined;
  /** The last of those in this process that hold it one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Runs what nobody else runs at the same time in this folder. Waits for other processes without blocking the event loop,
   * 4 s at most.
   * @throws DatabaseError `DATABASE_BUSY` (503) after that, and those of `SqliteDatabase.open`.
   */
  hold<T>(work: (database: SqliteDatabase) => Promise<T> | T): Promise<T> {
    const held = this.#last.then(() => this.#hold(work));
    this.#last = held.catch(() => undefined);
    return held;
  }

  /** Resolves when nobody holds it any more. */
  async close(): Promise<void> {
    await this.#last;
    await this.#drop();
  }

  async #hold<T>(work: (database: SqliteDatabase) => Promise<T> | T): Promise<T> {
    const { database } = await this.#take();
    try {
      const result = await work(database);
      database.exec('COMMIT');
      return result;
    } catch (error) {
      throw databaseError(error, database.file);
    } finally {
      database.undoOpenTransaction();
    }
  }

  async #take(): Promise<OpenLock> {
    const end = performance.now() + BUSY_LIMIT * 1000;
    for (;;) {
      const lock = await this.#open();
      const failure = begin(lock);
      if (failure === undefined) return lock;
      if (codeOfError(failure) === DELETED) await this.#drop();
      if (!isPassing(failure) || performance.now() >= end) throw databaseError(failure, lock.database.file);
      await delay(RETRY_MS * (0.5 + Math.random()));
    }
  }

  #open(): Promise<OpenLock> {
    if (this.#opened !== undefined) return this.#opened;
    const opening = open(join(this.#folder, 'lock'));
    this.#opened = opening;
    opening.catch(() => (this.#opened = undefined));
    return opening;
  }

  async #drop(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    await opened?.database.close();
  }
}

/** How long to leave a busy lock alone, in milliseconds, before jitter: about as long as a commit takes. */
const RETRY_MS = 3;

interface OpenLock {
  readonly database: SqliteDatabase;
  /** What the path led to when it was opened; SQLite keeps the lock itself in the `-shm` file. */
  readonly files: readonly (string | undefined)[];
}

async function open(file: string): Promise<OpenLock> {
  const database = await SqliteDatabase.open({ database: file, autoCreate: true, durability: 'process' });
  return { database, files: identities(database.file) };
}

/**
 * What it failed with. Whoever deletes the file of the lock lets others open another one, so that two would hold it: the one
 * that is there by now counts.
 */
function begin({ database, files }: OpenLock): unknown {
  try {
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    return error;
  }
  const now = identities(database.file);
  if (files.every((identity, i) => identity !== undefined && identity === now[i])) return undefined;
  database.exec('ROLLBACK');
  return deleted(database.file);
}

/** Looks without opening: closing a file that SQLite has open would drop its locks. */
function identities(file: string): (string | undefined)[] {
  return [file, `${file}-shm`].map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  });
}

function isPassing(error: unknown): boolean {
  return codeOfError(error) === DELETED || codeOfError(error)?.startsWith('SQLITE_BUSY') === true;
}

const DELETED = 'LOCK_DELETED';

function deleted(file: string): SessionError {
  return new SessionError(
    DELETED,
    `${file} or its -shm file was deleted while processes use it. Restart them, and delete .json files only.`,
    { status: 503, headers: [['Retry-After', '1']] },
  );
}
