import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  AppChanges,
  Change,
  Commit,
  Driver,
  Power,
  Registration,
  StoredSession,
} from '../../../src/stores/driver.js';
import { deadlineOf, type Moments } from '../../../src/stores/expiry.js';
import { MemoryDriver } from '../../../src/stores/memory.js';
import type { SessionKey } from '../../../src/stores/session-id.js';
import type { DriverStorage } from '../../../src/testing/driver-suite.js';

/** By the name of the case that has to catch it: a driver that breaks this one promise. */
export type Lies = Readonly<Record<string, () => DriverStorage>>;

const POWERS: readonly Power[] = ['persistent', 'shared', 'aliases', 'events', 'locks', 'quarantine'];

/** Every driver that is opened is another face of one memory, with its own lie. */
export function lying(lie: (honest: MemoryDriver) => Partial<Driver>): DriverStorage {
  const honest = new MemoryDriver();
  return { open: () => ({ ...faceOf(honest), ...lie(honest) }) };
}

/** The same, with a lie that begins when the drivers are closed. */
export function lyingLater(
  lie: (honest: MemoryDriver, isLater: () => boolean) => Partial<Driver>,
): DriverStorage {
  let isLater = false;
  const storage = lying((honest) => lie(honest, () => isLater));
  return { ...storage, close: () => (isLater = true) };
}

export function faceOf(honest: MemoryDriver): Driver {
  return {
    powers: new Set(POWERS),
    completeEnvironment: () => honest.completeEnvironment(),
    createEnvironment: () => honest.createEnvironment(),
    removeEnvironment: () => honest.removeEnvironment(),
    load: (key) => honest.load(key),
    commit: (commit) => honest.commit(commit),
    end: (ending) => honest.end(ending),
    sweep: (sweep) => honest.sweep(sweep),
    claim: (claim) => honest.claim(claim),
    settle: (settlement) => honest.settle(settlement),
    lock: (lock) => honest.lock(lock),
    unlock: (owner) => honest.unlock(owner),
    quarantined: (page) => honest.quarantined(page),
    clearQuarantine: () => honest.clearQuarantine(),
  };
}

export function loadAs(
  honest: MemoryDriver,
  as: (stored: StoredSession, key: SessionKey) => StoredSession | undefined,
): Driver['load'] {
  return async (key) => {
    const stored = await honest.load(key);
    return stored && as(stored, key);
  };
}

export function createAs(honest: MemoryDriver, as: (made: Moments) => Moments): Driver['commit'] {
  return (commit) => honest.commit(commit.create ? { ...commit, create: as(commit.create) } : commit);
}

export function registerAs(honest: MemoryDriver, as: (one: Registration) => Registration): Driver['commit'] {
  return ({ register = [], ...commit }) => honest.commit({ ...commit, register: register.map(as) });
}

export function moveAs(
  honest: MemoryDriver,
  as: (move: NonNullable<Commit['move']>, stored: StoredSession) => NonNullable<Commit['move']>,
): Driver['commit'] {
  return (commit) => {
    const stored = honest.loadNow(commit.key);
    return honest.commit(stored && commit.move ? { ...commit, move: as(commit.move, stored) } : commit);
  };
}

/** A commit to a session that is there, at another moment. */
export function commitAt(
  honest: MemoryDriver,
  at: (stored: StoredSession, now: number) => number,
): Driver['commit'] {
  return (commit) => {
    const stored = honest.loadNow(commit.key);
    const now = stored === undefined ? commit.now : at(stored, commit.now);
    return honest.commit({ ...commit, now });
  };
}

export function changesAs(honest: MemoryDriver, as: (changes: AppChanges) => AppChanges): Driver['commit'] {
  return (commit) => {
    const changes = new Map([...commit.changes].map(([app, before]) => [app, as(before)]));
    return honest.commit({ ...commit, changes });
  };
}

export function keysAs(honest: MemoryDriver, as: (change: Change, key: string) => Change): Driver['commit'] {
  return changesAs(honest, ({ empty, keys }) => ({
    empty,
    keys: new Map([...keys].map(([key, change]) => [key, as(change, key)])),
  }));
}

export function updating(
  { apply }: Change & { kind: 'update' },
  stored: (stored: string | undefined) => string | undefined,
): Change {
  return { kind: 'update', apply: (value) => apply(stored(value)) };
}

export function emptying(
  changes: Commit['changes'],
  empty: boolean,
  keys?: AppChanges['keys'],
): Map<string, AppChanges> {
  const all = [...changes].filter(([, before]) => !empty || before.empty);
  return new Map(all.map(([app, before]) => [app, { empty, keys: keys ?? before.keys }]));
}

export function refuseMissing(stored: string | undefined): undefined {
  if (stored === undefined) throw new Error('There is no such key.');
}

/** A commit as many, one for each change. */
export function* singleChanges(commit: Commit): Generator<Commit> {
  for (const [app, { empty, keys }] of commit.changes) {
    if (empty) yield { ...commit, changes: new Map([[app, { empty, keys: new Map() }]]) };
    for (const [key, change] of keys) {
      yield { ...commit, changes: new Map([[app, { empty: false, keys: new Map([[key, change]]) }]]) };
    }
  }
}

export function changeIn(commit: Commit): Change | undefined {
  return [...commit.changes.values()].flatMap(({ keys }) => [...keys.values()])[0];
}

/** What a commit would fail with. */
export function failureOf(honest: MemoryDriver, { key, changes }: Commit): Error | undefined {
  const stored = honest.loadNow(key);
  try {
    for (const [app, { keys }] of changes)
      for (const [name, change] of keys)
        if (change.kind === 'update') change.apply(stored?.values.get(app)?.get(name));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The lost update: what was read is changed and written after others may have written too. */
export async function readThenWrite(honest: MemoryDriver, commit: Commit) {
  const stored = honest.loadNow(commit.key);
  await nextTurn();
  const decided = (app: string, key: string, change: Change): Change => {
    if (change.kind !== 'update') return change;
    const value = change.apply(stored?.values.get(app)?.get(key));
    return value === undefined ? { kind: 'delete' } : { kind: 'set', value };
  };
  const changes = [...commit.changes].map(([app, { empty, keys }]): [string, AppChanges] => [
    app,
    { empty, keys: new Map([...keys].map(([key, change]) => [key, decided(app, key, change)])) },
  ]);
  return honest.commit({ ...commit, changes: new Map(changes) });
}

/** Writes back all values of an application as they were read. */
export async function writeWhole(honest: MemoryDriver, commit: Commit) {
  const stored = honest.loadNow(commit.key);
  await nextTurn();
  const changes = [...commit.changes].map(([app, { keys }]): [string, AppChanges] => {
    const kept = [...(stored?.values.get(app) ?? [])].map(([key, value]): [string, Change] => [
      key,
      { kind: 'set', value },
    ]);
    return [app, { empty: true, keys: new Map([...kept, ...keys]) }];
  });
  return honest.commit({ ...commit, changes: new Map(changes) });
}

/** Looks whether a session is there, and makes it later whatever has happened meanwhile. */
export function createInTwoSteps(honest: MemoryDriver): Driver['commit'] {
  return async (commit) => {
    if (commit.create === undefined) return honest.commit(commit);
    const isThere = honest.loadNow(commit.key) !== undefined;
    await nextTurn();
    if (isThere) return 'exists';
    await endNow(honest, commit.key);
    return honest.commit(commit);
  };
}

/** Makes a session just as given, whatever is stored. */
export async function rewrite(honest: MemoryDriver, key: SessionKey, stored: StoredSession): Promise<void> {
  const { values, handlers: register, ...create } = stored;
  const changes = [...values].map(([app, keys]): [string, AppChanges] => [
    app,
    { empty: false, keys: new Map([...keys].map(([name, value]) => [name, { kind: 'set', value }])) },
  ]);
  await endNow(honest, key);
  await honest.commit({ key, now: 0, create, register, changes: new Map(changes) });
}

export function endNow(honest: MemoryDriver, key: SessionKey): Promise<boolean> {
  return honest.end({ key, reason: 'destroyed', now: 0 });
}

/** A session that is made gets what an earlier one of its key has left. */
export function withLeftOver(
  honest: MemoryDriver,
  left: ReadonlyMap<SessionKey, StoredSession>,
): Driver['commit'] {
  return async (commit) => {
    const before = left.get(commit.key);
    const result = await honest.commit(commit);
    const made = honest.loadNow(commit.key);
    const isMade = commit.create !== undefined && result === 'committed';
    if (isMade && before !== undefined && made !== undefined) {
      await rewrite(honest, commit.key, { ...made, values: new Map([...before.values, ...made.values]) });
    }
    return result;
  };
}

export function withoutCreate({ key, now, changes }: Commit): Commit {
  return { key, now, changes };
}

export function momentsAt(now: number): Moments {
  return { createdAt: now, accessed: now, lifetime: 60, expireTime: now + 60, idle: Infinity };
}

export function isBetween(stored: StoredSession | undefined, from: number, to: number): boolean {
  return stored !== undefined && deadlineOf(stored) >= from && deadlineOf(stored) <= to;
}

export function mapValues(stored: StoredSession, as: (value: string) => string): StoredSession {
  const values = [...stored.values].map(([app, keys]): [string, Map<string, string>] => [
    app,
    new Map([...keys].map(([key, value]) => [key, as(value)])),
  ]);
  return { ...stored, values: new Map(values) };
}

export function mapKeys(keys: ReadonlyMap<string, string>, as: (key: string) => string): Map<string, string> {
  return new Map([...keys].map(([key, value]) => [as(key), value]));
}

export function cutAt1000(key: string): string {
  return key.slice(0, 1000);
}

export function lowerCase(key: SessionKey): SessionKey {
  return key.toLowerCase() as SessionKey;
}

/** Rejects while another call is under way. */
export function refusedWhileBusy(): () => Promise<void> {
  let busy = false;
  return async (): Promise<void> => {
    if (busy) throw new Error('table already exists');
    busy = true;
    await nextTurn();
    busy = false;
  };
}

/** Runs one after the other, as one process would. */
export function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(task);
    last = mine.catch(() => undefined);
    return mine;
  };
}
