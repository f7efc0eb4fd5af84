import { sessionAfter } from './applied.js';
import type {
  Alias,
  Claim,
  Commit,
  CommitResult,
  Driver,
  Ending,
  Lock,
  Power,
  QuarantinedValue,
  Rename,
  Settlement,
  StoredEvent,
  StoredSession,
  Sweep,
  SweepStep,
} from './driver.js';
import { eventsOf } from './events.js';
import { deadlineOf, endingOf } from './expiry.js';
import { MemoryOutbox } from './memory/outbox.js';
import type { SessionKey } from './session-id.js';

/** Where the older keys of a session lead: to its key, and nowhere after its end. */
interface Lead {
  key: SessionKey | undefined;
  readonly older: Set<SessionKey>;
}

interface OlderKey extends Alias {
  readonly lead: Lead;
}

/**
 * Sessions in this process's memory, gone when it ends: for tests, and for programs that want nothing more. A good
 * example for a new driver.
 */
export class MemoryDriver implements Driver {
  readonly powers: ReadonlySet<Power> = new Set<Power>(['aliases', 'events', 'locks', 'quarantine']);
  readonly #sessions = new Map<SessionKey, StoredSession>();
  readonly #olderKeys = new Map<SessionKey, OlderKey>();
  /** Of the sessions that have older keys. */
  readonly #leads = new Map<SessionKey, Lead>();
  readonly #outbox = new MemoryOutbox();
  readonly #locks = new Map<SessionKey, Lock>();
  #quarantine: QuarantinedValue[] = [];
  #quarantined = 0;
  /** Sweeps under way by the key they stopped at. A Map's iterator stays right whatever comes and goes meanwhile. */
  readonly #walks = new Map<string, Iterable<[SessionKey, StoredSession]>>();

  completeEnvironment(): Promise<boolean> {
    return Promise.resolve(true);
  }

  createEnvironment(): Promise<void> {
    return Promise.resolve();
  }

  removeEnvironment(): Promise<void> {
    this.#sessions.clear();
    this.#olderKeys.clear();
    this.#leads.clear();
    this.#locks.clear();
    this.#outbox.clear();
    this.#quarantine = [];
    return Promise.resolve();
  }

  load(key: SessionKey): Promise<StoredSession | undefined> {
    return Promise.resolve(this.loadNow(key));
  }

  loadNow(key: SessionKey): StoredSession | undefined {
    const stored = this.#sessions.get(key);
    if (stored !== undefined) return stored;
    const older = this.#olderKeys.get(key);
    const newer = older && this.#sessions.get(this.#newest(key));
    return newer && { ...newer, alias: { until: older.until, next: older.next } };
  }

  commit(commit: Commit): Promise<CommitResult> {
    return new Promise((resolve) => {
      resolve(this.#apply(commit));
    });
  }

  end({ key, reason, now, corrupt = [] }: Ending): Promise<boolean> {
    const ended = this.#end(this.#newest(key), reason, now);
    for (const value of ended ? corrupt : []) {
      this.#quarantine.push({ ...value, number: (this.#quarantined += 1), foundAt: now });
    }
    return Promise.resolve(ended);
  }

  sweep({ from, to, now, after, limit, aliasesBefore = 0, eventsBefore = 0 }: Sweep): Promise<SweepStep> {
    let removed = 0;
    let looked = 0;
    const lostEvents = this.#outbox.forget(eventsBefore);
    for (const [key, { until }] of this.#olderKeys) if (until < aliasesBefore) this.#forget(key);
    for (const [key, lock] of this.#locks) if (lock.until < now) this.#locks.delete(key);
    const walk = this.#goOn(after);
    for (const [key, stored] of walk) {
      const deadline = deadlineOf(stored);
      if (deadline >= from && deadline <= to && this.#end(key, endingOf(stored), now)) removed += 1;
      looked += 1;
      if (looked < limit) continue;
      this.#walks.set(key, walk);
      return Promise.resolve({ removed, lostEvents, next: key });
    }
    return Promise.resolve({ removed, lostEvents, next: undefined });
  }

  claim(claim: Claim): Promise<StoredEvent[]> {
    return Promise.resolve(this.#outbox.claim(claim));
  }

  settle(settlement: Settlement): Promise<boolean> {
    return Promise.resolve(this.#outbox.settle(settlement));
  }

  lock(lock: Lock): Promise<boolean> {
    const key = this.#newest(lock.key);
    const held = this.#locks.get(key);
    const isOwn = held?.owner === lock.owner;
    const isFree = isOwn || (lock.held !== true && (held === undefined || held.until <= lock.now));
    if (isFree) this.#locks.set(key, lock);
    return Promise.resolve(isFree);
  }

  unlock(owner: string): Promise<boolean> {
    const before = this.#locks.size;
    for (const [key, lock] of this.#locks) if (lock.owner === owner) this.#locks.delete(key);
    return Promise.resolve(this.#locks.size < before);
  }

  quarantined({ after = 0, limit }: { after?: number; limit: number }): Promise<QuarantinedValue[]> {
    return Promise.resolve(this.#quarantine.filter(({ number }) => number > after).slice(0, limit));
  }

  clearQuarantine(): Promise<number> {
    const { length } = this.#quarantine;
    this.#quarantine = [];
    return Promise.resolve(length);
  }

  #goOn(after: string | undefined): Iterable<[SessionKey, StoredSession]> {
    const walk = after && this.#walks.get(after);
    if (after !== undefined) this.#walks.delete(after);
    return walk || this.#sessions.entries();
  }

  #newest(key: SessionKey): SessionKey {
    return this.#sessions.has(key) ? key : (this.#olderKeys.get(key)?.lead.key ?? key);
  }

  #apply(commit: Commit): CommitResult {
    const { create, now } = commit;
    const key = this.#newest(commit.key);
    const stored = this.#sessions.get(key);
    const made = create && { key, ...create, handlers: [], values: NO_VALUES };
    if (made !== undefined) return stored === undefined ? this.#store(commit, made) : 'exists';
    if (stored === undefined || deadlineOf(stored) <= now) return 'gone';
    if (key !== commit.key && this.#isOver(commit)) return 'gone';
    return this.#store(commit, stored);
  }

  #isOver({ key, now }: Commit): boolean {
    const older = this.#olderKeys.get(key);
    return older !== undefined && older.until <= now;
  }

  #store(commit: Commit, before: StoredSession): CommitResult {
    const { key } = before;
    const { rename } = commit;
    this.#sessions.set(key, sessionAfter(before, commit));
    if (key !== commit.key) return 'superseded';
    if (rename !== undefined) this.#rename(key, rename);
    return 'committed';
  }

  #rename(key: SessionKey, { to, until, next }: Rename): void {
    const stored = this.#sessions.get(key);
    const lock = this.#locks.get(key);
    const lead = this.#leads.get(key) ?? { key, older: new Set() };
    lead.key = to;
    for (const older of lead.older) this.#shorten(older, until);
    lead.older.add(key);
    if (stored !== undefined) this.#sessions.set(to, { ...stored, key: to });
    if (lock !== undefined) this.#locks.set(to, lock);
    this.#sessions.delete(key);
    this.#locks.delete(key);
    this.#leads.delete(key);
    this.#leads.set(to, lead);
    this.#olderKeys.set(key, { lead, until, next });
  }

  #shorten(key: SessionKey, until: number): void {
    const alias = this.#olderKeys.get(key);
    if (alias !== undefined && alias.until > until) this.#olderKeys.set(key, { ...alias, until });
  }

  #forget(key: SessionKey): void {
    this.#olderKeys.get(key)?.lead.older.delete(key);
    this.#olderKeys.delete(key);
  }

  #end(key: SessionKey, reason: Ending['reason'], now: number): boolean {
    const stored = this.#sessions.get(key);
    const lead = this.#leads.get(key);
    if (stored !== undefined) this.#outbox.add(eventsOf(stored, { reason, now }));
    if (lead !== undefined) lead.key = undefined;
    this.#leads.delete(key);
    return this.#sessions.delete(key);
  }
}

const NO_VALUES: StoredSession['values'] = new Map();
