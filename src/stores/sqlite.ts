import type { SqliteDatabase } from '../database/sqlite.js';
import { sessionAfter } from './applied.js';
import type { Claim, Commit, CommitResult, Driver, Ending, EndReason, Lock, Power } from './driver.js';
import type { QuarantinedValue, Registration } from './driver.js';
import type { Settlement, StoredEvent, StoredSession, Sweep, SweepStep } from './driver.js';
import { eventsOf, registered } from './events.js';
import { deadlineOf, endingOf, moved } from './expiry.js';
import type { SessionKey } from './session-id.js';
import { KnownSessions } from './sqlite/known.js';
import { SqliteLocks } from './sqlite/locks.js';
import { SqliteOutbox } from './sqlite/outbox.js';
import { SqliteQuarantine } from './sqlite/quarantine.js';
import { SqliteSchema } from './sqlite/schema.js';
import { handlersOf, type Row, SqliteSessions } from './sqlite/sessions.js';

/** Sessions in an SQLite file: one row for a session, one for each of its values. */
export class SqliteDriver implements Driver {
  readonly powers: ReadonlySet<Power> = new Set<Power>([
    'persistent',
    'shared',
    'aliases',
    'events',
    'locks',
    'quarantine',
  ]);
  readonly #database: SqliteDatabase;
  readonly #schema: SqliteSchema;
  readonly #known = new KnownSessions();
  #prepared: Tables | undefined;

  /** The driver of an environment: one for each name and database, whoever asks. */
  static of(database: SqliteDatabase, environmentName: string): SqliteDriver {
    const known = drivers.get(database) ?? new Map<string, SqliteDriver>();
    const driver = known.get(environmentName) ?? new SqliteDriver(database, environmentName);
    drivers.set(database, known.set(environmentName, driver));
    return driver;
  }

  private constructor(database: SqliteDatabase, environmentName: string) {
    this.#database = database;
    this.#schema = new SqliteSchema(database, environmentName);
  }

  completeEnvironment(): Promise<boolean> {
    return this.#database.transaction(() => this.#schema.isComplete());
  }

  createEnvironment(): Promise<void> {
    return this.#database.transaction(() => {
      this.#schema.create();
    });
  }

  async removeEnvironment({ ignoreErrors = false }: { ignoreErrors?: boolean } = {}): Promise<void> {
    this.#prepared = undefined;
    const removal = this.#database.transaction(() => {
      this.#schema.remove();
    });
    await (ignoreErrors ? removal.catch(() => undefined) : removal);
  }

  load(key: SessionKey): Promise<StoredSession | undefined> {
    return new Promise((resolve) => {
      resolve(this.loadNow(key));
    });
  }

  loadNow(key: SessionKey): StoredSession | undefined {
    return this.#database.read(() => this.#load(key));
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#database.write(() => this.#apply(commit));
  }

  end({ key, reason, now, corrupt = [] }: Ending): Promise<boolean> {
    return this.#database.write(() => {
      const { sessions, quarantine } = this.#tables;
      const row = sessions.find(key) ?? sessions.findOlder(key);
      if (row === undefined) return false;
      quarantine.add(corrupt, now);
      this.#end(row, reason, now);
      return true;
    });
  }

  /** Walks along the sessions: an index on the deadline would cost every commit more than it gives the sweep. */
  async sweep(sweep: Sweep): Promise<SweepStep> {
    const { from, to, now, after = '0', limit } = sweep;
    const { sessions } = this.#database.read(() => this.#tables);
    const isPast = (row: Row) => deadlineOf(row) >= from && deadlineOf(row) <= to;
    const seen = this.#database.read(() => sessions.walk(Number(after), limit));
    const past = seen.filter(isPast);
    const end = () => {
      // as they are by now: they may have been prolonged, renamed, or given a handler
      const ending = past.flatMap(({ number }) => sessions.at(number) ?? []).filter(isPast);
      for (const row of ending) this.#end(row, endingOf(row), now);
      return ending.length;
    };
    const removed = past.length === 0 ? 0 : await this.#database.writeGently(end);
    const { lostEvents, isAll } = await this.#forget(sweep);
    const next = seen.length < limit && isAll ? undefined : String(seen.at(-1)?.number ?? after);
    return { removed, next, lostEvents };
  }

  claim(claim: Claim): Promise<StoredEvent[]> {
    return this.#tables.outbox.claim(claim);
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#tables.outbox.settle(settlement);
  }

  lock(lock: Lock): Promise<boolean> {
    const { locks, sessions } = this.#tables;
    return this.#database.write(() => locks.take(sessions.findOlder(lock.key)?.key ?? lock.key, lock));
  }

  unlock(owner: string): Promise<boolean> {
    return this.#database.write(() => this.#tables.locks.release(owner));
  }

  quarantined({ after = 0, limit }: { after?: number; limit: number }): Promise<QuarantinedValue[]> {
    return new Promise((resolve) => {
      resolve(this.#tables.quarantine.list(after, limit));
    });
  }

  clearQuarantine(): Promise<number> {
    return this.#tables.quarantine.clear();
  }

  #load(key: SessionKey): StoredSession | undefined {
    const { state } = this.#database;
    const known = this.#known.get(key, state);
    if (known !== undefined) return known.stored;
    const { sessions } = this.#tables;
    const found = sessions.load(key);
    if (found === undefined) return sessions.loadOlder(key);
    this.#known.add(key, found, state);
    return found.stored;
  }

  #apply(commit: Commit): CommitResult {
    const { key, create } = commit;
    const { sessions } = this.#tables;
    if (create === undefined) return this.#changeKnown(commit) ?? this.#change(commit);
    const number = sessions.create(key, create, handlersAfter([], commit));
    if (number === undefined) return 'exists';
    sessions.change(number, commit.changes);
    return 'committed';
  }

  /** Reads nothing again. Undefined when the session is not known, or gets another key. */
  #changeKnown(commit: Commit): CommitResult | undefined {
    const { key, now, move, empty, changes, register, rename } = commit;
    const { state } = this.#database;
    const known = rename === undefined ? this.#known.get(key, state) : undefined;
    if (known === undefined) return undefined;
    const { sessions } = this.#tables;
    const { number, stored } = known;
    if (deadlineOf(stored) <= now) return 'gone';
    const after = sessionAfter(stored, commit);
    if (move !== undefined) sessions.move(number, after);
    if (register !== undefined) sessions.setHandlers(number, after.handlers);
    if (empty === true) sessions.empty(number);
    sessions.change(number, changes, after.values);
    const isStale = this.#database.state !== state; // an update has written, which it should not
    if (isStale || mayReorder(stored, commit))
      this.#known.forget(key); // which place new keys have is for SQLite to say
    else this.#known.change(key, known, after);
    return 'committed';
  }

  #change(commit: Commit): CommitResult {
    const { key, now, move, empty = false, changes, register, rename } = commit;
    const { sessions, locks } = this.#tables;
    const found = sessions.find(key);
    const row = found ?? sessions.findOlder(key, now);
    if (row === undefined || deadlineOf(row) <= now) return 'gone';
    this.#known.forget(row.key);
    if (move !== undefined) sessions.move(row.number, moved(row, move));
    if (register !== undefined)
      sessions.setHandlers(row.number, handlersAfter(handlersOf(row.handlers), commit));
    if (empty) sessions.empty(row.number);
    sessions.change(row.number, changes);
    if (found === undefined) return 'superseded';
    if (rename !== undefined) {
      sessions.rename(row.number, key, rename);
      locks.follow(key, rename.to);
    }
    return 'committed';
  }

  #end(row: Row, reason: EndReason, now: number): void {
    const { sessions, outbox } = this.#tables;
    const known = row.handlers !== null ? sessions.load(row.key) : undefined;
    if (known !== undefined) outbox.add(eventsOf(known.stored, { reason, now }));
    this.#known.forget(row.key);
    sessions.remove(row.number);
  }

  /**
   * Some of what only serves those who come late; the sweep goes on until that is all. Looks before it writes: most looks
   * find nothing, and cost no lock.
   */
  async #forget({ now, aliasesBefore = 0, eventsBefore = 0 }: Sweep): Promise<Forgotten> {
    const { sessions, outbox, locks } = this.#tables;
    const isThere = () =>
      sessions.hasAliases(aliasesBefore) || locks.hasOver(now) || outbox.hasOlder(eventsBefore);
    if (!this.#database.read(isThere)) return { lostEvents: 0, isAll: true };
    return this.#database.writeGently(() => {
      sessions.forgetAliases(aliasesBefore);
      locks.forget(now);
      const lostEvents = outbox.giveUp(eventsBefore);
      return { lostEvents, isAll: !isThere() };
    });
  }

  /** Prepared at the first use: before `createEnvironment` there are no tables to prepare them for. */
  get #tables(): Tables {
    return (this.#prepared ??= {
      sessions: new SqliteSessions(this.#database, this.#schema),
      outbox: new SqliteOutbox(this.#database, this.#schema),
      locks: new SqliteLocks(this.#database, this.#schema),
      quarantine: new SqliteQuarantine(this.#database, this.#schema),
    });
  }
}

const drivers = new WeakMap<SqliteDatabase, Map<string, SqliteDriver>>();

interface Tables {
  readonly sessions: SqliteSessions;
  readonly outbox: SqliteOutbox;
  readonly locks: SqliteLocks;
  readonly quarantine: SqliteQuarantine;
}

interface Forgotten {
  readonly lostEvents: number;
  readonly isAll: boolean;
}

/** Whether keys come to those that a session has, or come back. */
function mayReorder({ values }: StoredSession, { empty: isEmptied = false, changes }: Commit): boolean {
  for (const [app, { empty, keys }] of changes) {
    for (const key of keys.keys()) if (isEmptied || empty || values.get(app)?.has(key) !== true) return true;
  }
  return false;
}

function handlersAfter(known: readonly Registration[], { register = [] }: Commit): readonly Registration[] {
  return register.length === 0 ? known : registered(known, register);
}
