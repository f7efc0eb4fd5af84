import type {
  AppChanges,
  Change,
  Commit,
  CommitResult,
  Driver,
  Encoded,
  Power,
  StoredSession,
} from './driver.js';
import type { Sweep, SweepStep } from './driver.js';
import { deadlineOf, moved, type Moments } from './expiry.js';
import type { SessionKey } from './session-id.js';

type Values = ReadonlyMap<string, ReadonlyMap<string, Encoded>>;

/**
 * Sessions in this process's memory, gone when it ends: for tests, and for programs that want nothing more. A good
 * example for a new driver.
 */
export class MemoryDriver implements Driver {
  readonly powers: ReadonlySet<Power> = new Set();
  readonly #sessions = new Map<SessionKey, StoredSession>();
  /** Sweeps under way by the key they stopped at. A Map's iterator stays right whatever comes and goes meanwhile. */
  readonly #walks = new Map<SessionKey, Iterable<[SessionKey, StoredSession]>>();

  completeEnvironment(): Promise<boolean> {
    return Promise.resolve(true);
  }

  createEnvironment(): Promise<void> {
    return Promise.resolve();
  }

  removeEnvironment(): Promise<void> {
    this.#sessions.clear();
    return Promise.resolve();
  }

  load(key: SessionKey): Promise<StoredSession | undefined> {
    return Promise.resolve(this.loadNow(key));
  }

  loadNow(key: SessionKey): StoredSession | undefined {
    return this.#sessions.get(key);
  }

  commit(commit: Commit): Promise<CommitResult> {
    return new Promise((resolve) => {
      resolve(this.#apply(commit));
    });
  }

  end(key: SessionKey): Promise<boolean> {
    return Promise.resolve(this.#sessions.delete(key));
  }

  sweep({ from, to, after, limit }: Sweep): Promise<SweepStep> {
    let removed = 0;
    let looked = 0;
    const walk = this.#goOn(after);
    for (const [key, stored] of walk) {
      const deadline = deadlineOf(stored);
      if (deadline >= from && deadline <= to && this.#sessions.delete(key)) removed += 1;
      looked += 1;
      if (looked < limit) continue;
      this.#walks.set(key, walk);
      return Promise.resolve({ removed, next: key });
    }
    return Promise.resolve({ removed, next: undefined });
  }

  #goOn(after: SessionKey | undefined): Iterable<[SessionKey, StoredSession]> {
    const walk = after && this.#walks.get(after);
    if (after !== undefined) this.#walks.delete(after);
    return walk ?? this.#sessions.entries();
  }

  #apply(commit: Commit): CommitResult {
    const stored = this.#sessions.get(commit.key);
    if (commit.create !== undefined) {
      return stored === undefined ? this.#store(commit, commit.create, NONE) : 'exists';
    }
    if (stored === undefined || deadlineOf(stored) <= commit.now) return 'gone';
    return this.#store(commit, moved(stored, commit.move ?? {}), stored.values);
  }

  /** What is stored is never changed in place: a picture given to a manager stays as it was. */
  #store({ key, changes }: Commit, moments: Moments, before: Values): CommitResult {
    this.#sessions.set(key, { ...moments, values: applyChanges(before, changes) });
    return 'committed';
  }
}

const NONE: Values = new Map();

function applyChanges(before: Values, changes: ReadonlyMap<string, AppChanges>): Values {
  if (changes.size === 0) return before;
  const values = new Map(before);
  for (const [app, { empty, keys }] of changes) {
    const kept = new Map(empty ? undefined : before.get(app));
    for (const [key, change] of keys) applyChange(kept, key, change);
    if (kept.size === 0) values.delete(app);
    else values.set(app, kept);
  }
  return values;
}

function applyChange(kept: Map<string, Encoded>, key: string, change: Change): void {
  const value = valueAfter(change, kept.get(key));
  if (value === undefined) kept.delete(key);
  else kept.set(key, value);
}

function valueAfter(change: Change, stored: Encoded | undefined): Encoded | undefined {
  if (change.kind === 'update') return change.apply(stored);
  return change.kind === 'set' ? change.value : undefined;
}
