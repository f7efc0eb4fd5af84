import { type Stats, statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import BetterSqlite3 from 'better-sqlite3';
import { codeOfError } from '../app/errors.js';
import { DatabaseError, databaseError } from './errors.js';
import type { SqliteHandle } from './sqlite-handle.js';

/**
 * Finds out whether the path of an open database still leads to the file that was opened, and whether that is whole.
 * SQLite does not look: it would go on writing to a file that was removed, and those commits would be lost. The file is
 * never opened by `node:fs`, since closing it would drop SQLite's locks on it. See decisions/010.
 */
export class FileWatch {
  readonly #file: string;
  readonly #opened: Stats;
  /** What SQLite keeps beside it while it is open. */
  readonly #beside: readonly (readonly [path: string, opened: Stats])[];
  /** The file when it was last found whole, and damaged. */
  #whole: Stats;
  #damaged: { readonly stats: Stats; readonly error: unknown } | undefined;
  #nextGlance = 0;

  /** For a file that was just opened in WAL mode, so that its `-wal` and `-shm` files are there too. */
  constructor(file: string) {
    this.#file = file;
    this.#opened = this.#whole = stateOf(file);
    this.#beside = [`${file}-wal`, `${file}-shm`].map((path) => [path, stateOf(path)]);
  }

  /** Before a read: checks at most once a second while all is well, and each time when it is not. */
  glance(): void {
    if (performance.now() >= this.#nextGlance) this.check();
  }

  /**
   * Before a transaction: checks at once what would lose its commit, and the rest once a second.
   * @throws DatabaseError `DATABASE_REPLACED`, `DATABASE_EMPTY`, `DATABASE_DAMAGED`, `NOT_A_DATABASE` or
   * `DATABASE_CANNOT_OPEN` (503), until the cause has gone.
   */
  check(): void {
    const now = performance.now();
    const nextGlance = this.#nextGlance;
    this.#nextGlance = 0; // readers too look each time, until all is found well
    const found = same(this.#file, this.#opened);
    if (found.size === 0) throw emptied(this.#file);
    if (found.size < this.#whole.size) this.#examine(found, checkWhole);
    if (now >= nextGlance) this.#checkMore(found);
    this.#nextGlance = now >= nextGlance ? now + GLANCE_MS : nextGlance;
  }

  /** What is lost with the files beside it is lost in a crash, or with a new process, so that a second is soon enough. */
  #checkMore(found: Stats): void {
    for (const [path, opened] of this.#beside) same(path, opened);
    if (found.mtimeMs !== this.#whole.mtimeMs) this.#examine(found, checkHead);
  }

  /** A file that changed is read by a connection that remembers nothing of it: once for each change. */
  #examine(found: Stats, check: Check): void {
    if (this.#damaged === undefined || differ(found, this.#damaged.stats)) this.#lookInto(found, check);
    if (this.#damaged !== undefined) throw this.#damaged.error;
  }

  #lookInto(found: Stats, check: Check): void {
    try {
      readAfresh(this.#file, (handle) => check(handle, found));
      this.#whole = found;
      this.#damaged = undefined;
    } catch (error) {
      // another failure, a lock or no descriptor left, says nothing: the next check looks again
      if (isDamage(error)) this.#damaged = { stats: found, error: databaseError(error, this.#file) };
    }
  }
}

/** How long readers may trust the last check, in milliseconds. */
const GLANCE_MS = 1000;

/** @throws when the file is damaged, as SQLite does. */
type Check = (handle: SqliteHandle, found: Stats) => void;

/**
 * Whether all pages are there, of a file that has become shorter: cut off, or by a VACUUM. Pages that a shorter file lacks may
 * be in the log still: only then every page is read, which takes a second for each gigabyte or so.
 */
function checkWhole(handle: SqliteHandle, { size }: Stats): void {
  if (size >= numberIn(handle, 'page_count') * numberIn(handle, 'page_size')) return;
  const found = handle.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw damage(String(found));
}

/** Reads the first page only. */
function checkHead(handle: SqliteHandle): void {
  handle.pragma('schema_version');
}

function numberIn(handle: SqliteHandle, pragma: string): number {
  return Number(handle.pragma(pragma, { simple: true }));
}

function same(path: string, opened: Stats): Stats {
  const found = stateOf(path);
  if (found.ino === opened.ino && found.dev === opened.dev) return found;
  throw replaced(path, 'was replaced by another file');
}

function stateOf(path: string): Stats {
  const found = statOrThrow(path);
  if (found === undefined) throw replaced(path, 'was removed');
  return found;
}

function statOrThrow(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const sentence = `${path} cannot be found any more. Check the rights and links of its folder.`;
    throw unusable('DATABASE_CANNOT_OPEN', sentence, cause);
  }
}

function differ(one: Stats, other: Stats): boolean {
  return one.size !== other.size || one.mtimeMs !== other.mtimeMs;
}

/** A connection of its own has no pages in memory, as the open one may have. */
function readAfresh(file: string, check: (handle: SqliteHandle) => void): void {
  const handle = new BetterSqlite3(file, { readonly: true, timeout: 0 });
  try {
    check(handle);
  } finally {
    handle.close();
  }
}

function damage(found: string): Error {
  return Object.assign(new Error(found), { code: 'SQLITE_CORRUPT' });
}

function isDamage(error: unknown): boolean {
  return /^SQLITE_(?:CORRUPT|NOTADB)/.test(codeOfError(error) ?? '');
}

function replaced(path: string, what: string): DatabaseError {
  return unusable(
    'DATABASE_REPLACED',
    `${path} ${what} while it is open, and what is written now may be lost. Put the same file back, or stop this ` +
      'program, put the right file there without the -wal and -shm files of another, and start it again.',
  );
}

function emptied(file: string): DatabaseError {
  return unusable(
    'DATABASE_EMPTY',
    `${file} was emptied while it is open. Stop this program, restore the file from a backup, and start it again.`,
  );
}

function unusable(code: string, sentence: string, cause?: unknown): DatabaseError {
  return new DatabaseError(code, sentence, { status: 503, cause });
}
