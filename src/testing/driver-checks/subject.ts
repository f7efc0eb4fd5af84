import assert from 'node:assert/strict';
import type {
  AppChanges,
  Change,
  Commit,
  CommitResult,
  Driver,
  Ending,
  Registration,
  Rename,
  StoredSession,
  Sweep,
  SweepStep,
} from '../../stores/driver.js';
import type { Moments } from '../../stores/expiry.js';
import { keyOf, newSessionId, type SessionKey } from '../../stores/session-id.js';

/** What a check works with: a driver on storage of its own, whose environment was created. */
export interface Subject {
  readonly driver: Driver;
  /** A second driver on the same storage, as another process would have. */
  readonly another: () => Promise<Driver>;
  /** A driver on the same storage after the others were closed. */
  readonly restart: () => Promise<Driver>;
}

/** Rejects when the driver breaks a promise. */
export type Check = (subject: Subject) => Promise<void>;

/**
 * Two drivers on the same storage: of two processes where the driver is shared, twice the same otherwise. Whatever
 * happens at once in one process must also go well between two.
 */
export async function bothOf({ driver, another }: Subject): Promise<[Driver, Driver]> {
  return [driver, driver.powers.has('shared') ? await another() : driver];
}

/** Checks by what is promised. */
export type Checks = Readonly<Record<string, Check>>;

/** A moment that no machine's clock shows, in seconds: 1 January 2100. Drivers go by the moments they are given. */
export const NOW = 4_102_444_800;

/** Of a session that is made now and ends in an hour. */
export const MOMENTS: Moments = {
  createdAt: NOW,
  accessed: NOW,
  lifetime: 3600,
  expireTime: NOW + 3600,
  idle: Infinity,
};

export function newKey(): SessionKey {
  return keyOf(newSessionId());
}

/** Changes by application and key. A text is set; null deletes; a function updates. */
export type Difference = Readonly<Record<string, Readonly<Record<string, Wanted>>>>;

type Wanted = string | null | ((stored: string | undefined) => string | undefined);

export function changesOf(difference: Difference, empty = false): Map<string, AppChanges> {
  const apps = Object.entries(difference).map(([app, keys]): [string, AppChanges] => [
    app,
    { empty, keys: new Map(Object.entries(keys).map(([key, wanted]) => [key, changeOf(wanted)])) },
  ]);
  return new Map(apps);
}

/** Commits a difference to a session that is there. */
export function commit(
  driver: Driver,
  key: SessionKey,
  difference: Difference,
  more: Partial<Commit> = {},
): Promise<CommitResult> {
  return driver.commit({ key, now: NOW, changes: changesOf(difference), ...more });
}

/** Makes a session with these values. */
export async function make(
  driver: Driver,
  difference: Difference = {},
  moments: Partial<Moments> = {},
  key: SessionKey = newKey(),
): Promise<SessionKey> {
  const made = await commit(driver, key, difference, { create: { ...MOMENTS, ...moments } });
  assert.equal(made, 'committed', 'A session could not be made.');
  return key;
}

/** Another key for a session; the one before is good for half a minute. */
export function renameTo(to: SessionKey, more: Partial<Rename> = {}): Rename {
  return { to, until: NOW + 30, next: 'the next, sealed', ...more };
}

/** A commit that gives a session another key. */
export function rename(
  driver: Driver,
  key: SessionKey,
  { to = newKey(), ...more }: Partial<Rename>,
  difference: Difference = {},
  now: number = NOW,
): Promise<CommitResult> {
  return commit(driver, key, difference, { now, rename: renameTo(to, more) });
}

/** Gives a session another key, and answers it. */
export async function renamed(
  driver: Driver,
  key: SessionKey,
  { to = newKey(), ...more }: Partial<Rename> = {},
  now: number = NOW,
): Promise<SessionKey> {
  const answer = await rename(driver, key, { to, ...more }, {}, now);
  assert.equal(answer, 'committed', 'A session could not get another key.');
  return to;
}

/** Ends a session. */
export function end(driver: Driver, key: SessionKey, more: Partial<Ending> = {}): Promise<boolean> {
  return driver.end({ key, reason: 'destroyed', now: NOW, ...more });
}

/** What an optional member answers. Fails where the driver does not have the member of a power that it has. */
export async function answered<T>(answer: Promise<T> | undefined, member: string): Promise<T> {
  assert.ok(answer, `The driver has no \`${member}\`, though it has the power.`);
  return answer;
}

/** The values of a session as plain data, by application and key; undefined when there is no session. */
export async function valuesOf(
  driver: Driver,
  key: SessionKey,
): Promise<Record<string, Record<string, string>> | undefined> {
  const stored = await driver.load(key);
  return stored && plainValues(stored);
}

export function plainValues({ values }: StoredSession): Record<string, Record<string, string>> {
  return Object.fromEntries([...values].map(([app, keys]) => [app, Object.fromEntries(keys)]));
}

/** The moments of a session; undefined when there is no session. */
export async function momentsOf(driver: Driver, key: SessionKey): Promise<Moments | undefined> {
  const stored = await driver.load(key);
  if (stored === undefined) return undefined;
  const { createdAt, accessed, lifetime, expireTime, idle } = stored;
  return { createdAt, accessed, lifetime, expireTime, idle };
}

/** The handlers registered with a session, in the order of their names: each as its application, name and detail. */
export async function handlersOf(
  driver: Driver,
  key: SessionKey,
): Promise<(readonly [app: string, handler: string, detail: string | undefined])[] | undefined> {
  const stored = await driver.load(key);
  return stored?.handlers
    .map(({ app, handler, detail }) => [app, handler, detail] as const)
    .toSorted(([app, handler], [otherApp, other]) =>
      `${app}\0${handler}` < `${otherApp}\0${other}` ? -1 : 1,
    );
}

/** A handler of an application, without a detail unless one is given. */
export function handler(app: string, name: string, detail?: string): Registration {
  return detail === undefined ? { app, handler: name } : { app, handler: name, detail };
}

/**
 * A list of plain objects, made anew. What a native module answers may be of another realm than the assertions: test
 * runners give each file a realm of its own, and strict equality tells their arrays apart.
 */
export function copyOf<T extends object>(list: readonly T[]): T[] {
  return Array.from(list, (one) => ({ ...one }));
}

/** Those of the sessions that are stored. */
export async function thereOf(driver: Driver, keys: readonly SessionKey[]): Promise<SessionKey[]> {
  const loaded = await Promise.all(keys.map((key) => driver.load(key)));
  return keys.filter((_, i) => loaded[i] !== undefined);
}

/** All steps of a sweep from `FROM` to `NOW`. Answers how many sessions and events they removed together. */
export async function sweepAll(
  driver: Driver,
  more: Partial<Sweep> = {},
  between?: () => Promise<void>,
): Promise<Omit<SweepStep, 'next'>> {
  const all = { removed: 0, lostEvents: 0 };
  let { after } = more;
  for (let steps = 0; steps < MOST_STEPS; steps += 1) {
    const { removed, lostEvents, next } = await driver.sweep({ ...ONE_STEP, ...more, after });
    all.removed += removed;
    all.lostEvents += lostEvents;
    if (next === undefined) return all;
    after = next;
    await between?.();
  }
  assert.fail(`A sweep of a few sessions did not end in ${MOST_STEPS} steps.`);
}

/** Where sweeps begin in these checks. */
export const FROM: number = NOW - 1000;

/** A step of a sweep that looks at all of a few sessions. */
export const ONE_STEP: Sweep = { from: FROM, to: NOW, limit: 100 };

/** The moment of a manager whose clock is a little behind the sweeper's: sessions that a sweep ends are live to it. */
export const BEHIND: number = NOW - 10;

const MOST_STEPS = 100;

/** A number as text, one more. */
export function oneMore(stored: string | undefined): string {
  return String(Number(stored ?? '0') + 1);
}

function changeOf(wanted: Wanted): Change {
  if (wanted === null) return { kind: 'delete' };
  return typeof wanted === 'string' ? { kind: 'set', value: wanted } : { kind: 'update', apply: wanted };
}
