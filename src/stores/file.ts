import { type Dir, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Alias, Commit, CommitResult, Driver, Ending, Lock, Power, Rename } from './driver.js';
import type { StoredSession, Sweep, SweepStep } from './driver.js';
import { deadlineOf, moved } from './expiry.js';
import { FolderLock } from './file/folder-lock.js';
import { isRecordName, isTemporaryName, SessionFolder } from './file/folder.js';
import { FolderWrites, type Read, type Records, type Written } from './file/folder-writes.js';
import { changed, type FileRecord, type SessionRecord } from './file/record.js';
import { sessionLocks } from './file/session-locks.js';
import { keyOf, type SessionKey } from './session-id.js';

/**
 * Sessions in a folder, one JSON file for each. Several processes on one machine may use it at once. A file is named after
 * the SHA-256 of the session's id, is readable to this user only, and is replaced as a whole, so that it is never half
 * written. Made for POSIX file systems on a local disk. See decisions/012.
 *
 * Sessions that ended are removed by the session layer; deleting files does it as well, and fires no event, so that the
 * driver lacks the power `events`. With more days than a session lives after its last change:
 *
 * ```sh
 * find sessions/shop -name '*.json*' -mtime +30 -delete
 * ```
 */
export class FileDriver implements Driver {
  readonly powers: ReadonlySet<Power> = new Set<Power>(['persistent', 'shared', 'aliases', 'locks']);
  readonly #folder: SessionFolder;
  readonly #lock: FolderLock;
  readonly #writes: FolderWrites;
  /** Sweeps under way, by what their last step answered. */
  readonly #walks = new Map<string, Dir>();
  #steps = 0;
  #users = 0;

  /**
   * The driver of an environment, in the folder of its name in a directory: one for each in this process, whoever asks.
   * Whoever asked closes it.
   */
  static open(directory: string, environmentName: string): FileDriver {
    const path = canonical(join(resolve(directory), environmentName));
    const driver = drivers.get(path) ?? new FileDriver(path);
    drivers.set(path, driver);
    driver.#users += 1;
    return driver;
  }

  private constructor(path: string) {
    this.#folder = new SessionFolder(path);
    this.#lock = new FolderLock(path);
    this.#writes = new FolderWrites(this.#folder, this.#lock);
  }

  /** Resolves when everyone who opened it has closed it, and the waiting writes are done. */
  async close(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    drivers.delete(this.#folder.path);
    await this.#writes.done();
    await Promise.all([...this.#walks.values()].map((walk) => walk.close()));
    this.#walks.clear();
    await this.#lock.close();
  }

  /** The file of a session, by the id in its cookie; also where it would be. Myghty's `session.namespace.file.path`. */
  path(sessionID: string): string {
    return this.#folder.fileOf(keyOf(sessionID));
  }

  async completeEnvironment(): Promise<boolean> {
    if (!(await this.#folder.isThere())) return false;
    await this.#lock.hold(nothing); // finds out now, and not at the first request, whether it can be written
    return true;
  }

  async createEnvironment(): Promise<void> {
    await this.#folder.create();
    await this.#lock.hold(nothing);
  }

  async removeEnvironment({ ignoreErrors = false }: { ignoreErrors?: boolean } = {}): Promise<void> {
    const removal = this.#remove();
    await (ignoreErrors ? removal.catch(() => undefined) : removal);
  }

  load(key: SessionKey): Promise<StoredSession | undefined> {
    return new Promise((settle) => {
      settle(this.loadNow(key));
    });
  }

  /** A small file that was used lately is in memory: reading it at once costs less than having another thread read it. */
  loadNow(key: SessionKey): StoredSession | undefined {
    const found = this.#read(key);
    if (found?.newer === undefined) return found;
    const stored = newest(this.#read, found);
    return stored && { ...stored, alias: aliasOf(found) };
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#writes.add((read) =>
      commit.create === undefined ? change(read, commit) : make(read, commit),
    );
  }

  end({ key }: Ending): Promise<boolean> {
    return this.#writes.add((read) => {
      const stored = newest(read, read(key));
      if (stored === undefined) return { answer: false };
      return { answer: true, records: removals(stored) };
    });
  }

  /** Reads the names of the folder once for a whole sweep, some at each step. */
  async sweep(sweep: Sweep): Promise<SweepStep> {
    const walk = await this.#goOn(sweep.after);
    if (walk === undefined) return { removed: 0, lostEvents: 0, next: undefined };
    const past: SessionKey[] = [];
    const isEnd = await this.#look(walk, sweep.limit, (record) => {
      if (toRemove(quiet(this.#read), record, sweep).length > 0) past.push(record.key);
    });
    const removed = past.length === 0 ? 0 : await this.#removePast(past, sweep);
    return { removed, lostEvents: 0, next: isEnd ? undefined : this.#pause(walk) };
  }

  lock({ key, ...lock }: Lock): Promise<boolean> {
    return this.#lock.hold((database) => {
      const stored = newest(this.#read, this.#read(key));
      const locks = sessionLocks(database);
      locks.forget(lock.now - DAY);
      return locks.take(stored?.olderKeys[0] ?? stored?.key ?? key, { key, ...lock });
    });
  }

  unlock(owner: string): Promise<boolean> {
    return this.#lock.hold((database) => sessionLocks(database).release(owner));
  }

  readonly #read: Read = (key) => this.#folder.read(key);

  async #remove(): Promise<void> {
    await this.#lock.hold(() => this.#folder.remove());
    await this.#lock.close();
    await this.#folder.removeSelf();
  }

  /** One step further: true at the end of the folder. */
  async #look(walk: Dir, limit: number, found: (record: FileRecord) => void): Promise<boolean> {
    for (let i = 0; i < limit; i += 1) {
      const entry = await walk.read();
      if (entry === null) {
        await walk.close();
        return true;
      }
      const record = isRecordName(entry.name) ? await this.#folder.readNamed(entry.name) : undefined;
      if (record !== undefined) found(record);
      else if (isTemporaryName(entry.name)) await this.#folder.removeLeftOver(entry.name);
    }
    return false;
  }

  /** As they are by now: those that were prolonged meanwhile are kept. */
  #removePast(keys: readonly SessionKey[], sweep: Sweep): Promise<number> {
    return this.#writes.add((read) => {
      const gone = new Map<SessionKey, FileRecord>();
      for (const key of keys)
        for (const record of toRemove(read, read(key), sweep)) gone.set(record.key, record);
      const sessions = [...gone.values()].filter((record) => record.newer === undefined);
      const records = [...gone.values()].flatMap((record) => removals(record));
      return { answer: sessions.length, records };
    });
  }

  #goOn(after: string | undefined): Promise<Dir | undefined> {
    if (after === undefined) return this.#folder.walk();
    const walk = this.#walks.get(after);
    this.#walks.delete(after);
    return Promise.resolve(walk);
  }

  /** A sweep that never goes on must not keep the folder open for ever. */
  #pause(walk: Dir): string {
    this.#steps += 1;
    const step = String(this.#steps);
    this.#walks.set(step, walk);
    const [oldest] = this.#walks;
    if (this.#walks.size > MOST_WALKS && oldest !== undefined) {
      this.#walks.delete(oldest[0]);
      oldest[1].close().catch(() => undefined); // nobody reads on
    }
    return step;
  }
}

/** Every driver that is open in this process, by its folder. */
const drivers = new Map<string, FileDriver>();

const MOST_WALKS = 8;

/** In seconds: how long the lock of a session is remembered after its time. */
const DAY = 86_400;

/** What is not there yet is where its folder is. */
function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(canonical(dirname(path)), basename(path));
  }
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** The session that a record is, or leads to. Files that were damaged may lead in a circle, which is nowhere. */
function newest(read: Read, record: FileRecord | undefined): SessionRecord | undefined {
  if (record?.newer === undefined) return record;
  const passed = new Set<SessionKey>();
  let found: FileRecord | undefined = record;
  while (found?.newer !== undefined && !passed.has(found.key)) {
    passed.add(found.key);
    found = read(found.newer);
  }
  return found?.newer === undefined && found?.olderKeys.includes(record.key) === true ? found : undefined;
}

function aliasOf({ until, next }: Alias): Alias {
  return { until, next };
}

function make(read: Read, commit: Commit): Written<CommitResult> {
  const { key, create } = commit;
  if (create === undefined || newest(read, read(key)) !== undefined) return { answer: 'exists' };
  return { answer: 'committed', records: [[key, changed(key, create, commit)]] };
}

function change(read: Read, commit: Commit): Written<CommitResult> {
  const { key, now, move = {}, rename } = commit;
  const found = read(key);
  const stored = newest(read, found);
  if (stored === undefined || deadlineOf(stored) <= now) return { answer: 'gone' };
  if (found?.newer !== undefined && found.until <= now) return { answer: 'gone' };
  const after = changed(stored.key, moved(stored, move), commit, stored);
  if (stored.key !== key) return { answer: 'superseded', records: [[stored.key, after]] };
  const records = rename === undefined ? [[key, after] as const] : renamed(read, after, rename);
  return { answer: 'committed', records };
}

/** All older keys lead to the new one at once, so that each can be forgotten in its time. */
function renamed(read: Read, stored: SessionRecord, { to, until, next }: Rename): Records {
  const { key, olderKeys } = stored;
  const older = olderKeys.flatMap((one) => read(one) ?? []).filter((one) => one.newer !== undefined);
  const aliases = [...older, { key, until, next }].map((alias) => ({
    ...alias,
    newer: to,
    until: Math.min(alias.until, until),
  }));
  const first = olderKeys[0] ?? key; // stays, also when it is forgotten, since the lock is known by it
  const session = { ...stored, key: to, olderKeys: [...new Set([first, ...aliases.map((one) => one.key)])] };
  return [session, ...aliases].map((record) => [record.key, record] as const);
}

/** A session goes with the older keys that lead to it. */
function removals(record: FileRecord): Records {
  const older = record.newer === undefined ? record.olderKeys : [];
  return [record.key, ...older].map((key) => [key, undefined] as const);
}

/** A sweep goes on where a file cannot be read; whoever asks for its session hears what is wrong. */
function quiet(read: Read): Read {
  return (key) => {
    try {
      return read(key);
    } catch {
      return undefined;
    }
  };
}

/** What a sweep removes of what it finds: an alias that is no longer needed, a session past its deadline. */
function toRemove(read: Read, record: FileRecord | undefined, sweep: Sweep): FileRecord[] {
  const { from, to, aliasesBefore = 0 } = sweep;
  const stored = newest(read, record);
  const deadline = stored === undefined ? Infinity : deadlineOf(stored);
  const past = stored !== undefined && deadline >= from && deadline <= to ? [stored] : [];
  return record?.newer !== undefined && record.until < aliasesBefore ? [record, ...past] : past;
}
