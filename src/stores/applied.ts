import type { AppChanges, Change, Commit, Encoded, StoredSession } from './driver.js';
import { registered } from './events.js';
import { moved } from './expiry.js';

type Values = StoredSession['values'];

/** What a commit makes of a session. What is stored is never changed in place: a picture given to a manager stays. */
export function sessionAfter(before: StoredSession, commit: Commit): StoredSession {
  const { move, register } = commit;
  const { createdAt, accessed, lifetime, expireTime, idle } =
    move === undefined ? before : moved(before, move);
  const handlers = register === undefined ? before.handlers : registered(before.handlers, register);
  const values = valuesAfter(before.values, commit);
  return { key: before.key, createdAt, accessed, lifetime, expireTime, idle, handlers, values };
}

/** What a commit makes of the values of a session, for a driver that keeps them in Maps. What is stored is never changed. */
export function valuesAfter(
  before: Values | undefined,
  { empty = false, changes }: { empty?: boolean | undefined; changes: ReadonlyMap<string, AppChanges> },
): Values {
  return applyChanges(empty || before === undefined ? NONE : before, changes);
}

const NONE: Values = new Map();

function applyChanges(before: Values, changes: ReadonlyMap<string, AppChanges>): Values {
  if (changes.size === 0) return before;
  const values = copyOf(before);
  for (const [app, { empty, keys }] of changes) {
    const kept = copyOf(empty ? undefined : before.get(app));
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

/** Node 20 takes twice as long to make a Map from another one. */
export function copyOf<Name, Part>(map: ReadonlyMap<Name, Part> | undefined): Map<Name, Part> {
  const copy = new Map<Name, Part>();
  if (map !== undefined) for (const [name, part] of map) copy.set(name, part);
  return copy;
}
