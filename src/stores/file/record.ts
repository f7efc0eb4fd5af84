import { valuesAfter } from '../applied.js';
import type { Alias, Commit, Encoded, Registration, StoredSession } from '../driver.js';
import { SessionError } from '../errors.js';
import { registered } from '../events.js';
import type { Moments } from '../expiry.js';
import type { SessionKey } from '../session-id.js';

/** What one file holds: a session, or under one of its older keys where that leads. */
export type FileRecord = SessionRecord | AliasRecord;

export interface SessionRecord extends StoredSession {
  readonly newer?: undefined;
  /** Those whose files lead here: no other older key does. */
  readonly olderKeys: readonly SessionKey[];
}

export interface AliasRecord extends Alias {
  readonly key: SessionKey;
  /** The key that followed. */
  readonly newer: SessionKey;
}

/** The version of the format below. A file says its own, so that a newer one is not taken for a damaged one. */
const VERSION = 1;

/** JSON. A length or an end that is Infinity is null there; values are as the codec wrote them. */
export function textOf(record: FileRecord): string {
  const { key } = record;
  if (record.newer !== undefined) {
    const { newer, until, next } = record;
    return JSON.stringify({ tsgi: VERSION, key, newer, until, next });
  }
  const { olderKeys, createdAt, accessed, lifetime, expireTime, idle, handlers } = record;
  const values = [...record.values].map(([app, keys]) => [app, Object.fromEntries(keys)] as const);
  const moments = { createdAt, accessed, lifetime, expireTime, idle };
  const rest = { handlers, values: Object.fromEntries(values) };
  return JSON.stringify({ tsgi: VERSION, key, olderKeys, ...moments, ...rest });
}

/**
 * The record in a file's text.
 * @throws SessionError `FILE_DAMAGED` for anything that was not written here for this file, `FILE_NEWER` for a later format.
 */
export function recordOf(text: string, file: string, fileOf: (key: SessionKey) => string): FileRecord {
  const found = parsed(text);
  if (!isObject(found) || typeof found['tsgi'] !== 'number') throw damaged(file, 'is no session');
  if (found['tsgi'] > VERSION) throw newer(file, found['tsgi']);
  const key = found['key'] as SessionKey;
  if (typeof key !== 'string' || fileOf(key) !== file)
    throw damaged(file, 'holds what belongs to another name');
  const record = found['newer'] === undefined ? sessionIn(found, key) : aliasIn(found, key);
  if (record === undefined) throw damaged(file, 'lacks a part, or has one that cannot be');
  return record;
}

/** What a commit makes of a session. What is stored is never changed in place. */
export function changed(
  key: SessionKey,
  moments: Moments,
  commit: Commit,
  before?: SessionRecord,
): SessionRecord {
  const { createdAt, accessed, lifetime, expireTime, idle } = moments;
  const handlers = registered(before?.handlers ?? [], commit.register ?? []);
  const values = valuesAfter(before?.values, commit);
  const { olderKeys = [] } = before ?? {};
  return { key, olderKeys, createdAt, accessed, lifetime, expireTime, idle, handlers, values };
}

type Values = StoredSession['values'];

type Json = Readonly<Record<string, unknown>>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function aliasIn({ newer, until, next }: Json, key: SessionKey): AliasRecord | undefined {
  if (typeof newer !== 'string' || typeof next !== 'string') return undefined;
  const end = moment(until);
  return end === undefined ? undefined : { key, newer: newer as SessionKey, until: end, next };
}

function sessionIn(found: Json, key: SessionKey): SessionRecord | undefined {
  const createdAt = moment(found['createdAt']);
  const accessed = moment(found['accessed']);
  const lifetime = moment(found['lifetime']);
  const expireTime = moment(found['expireTime']);
  const idle = moment(found['idle']);
  const { olderKeys, handlers } = found;
  const values = valuesIn(found['values']);
  if (createdAt === undefined || accessed === undefined || lifetime === undefined) return undefined;
  if (expireTime === undefined || idle === undefined || values === undefined) return undefined;
  if (!Array.isArray(handlers) || !handlers.every(isRegistration)) return undefined;
  if (!Array.isArray(olderKeys) || !olderKeys.every(isKey)) return undefined;
  return { key, olderKeys, createdAt, accessed, lifetime, expireTime, idle, handlers, values };
}

function moment(value: unknown): number | undefined {
  if (value === null) return Infinity;
  return typeof value === 'number' ? value : undefined;
}

function valuesIn(found: unknown): Values | undefined {
  if (!isObject(found)) return undefined;
  const values = new Map<string, ReadonlyMap<string, Encoded>>();
  for (const [app, keys] of Object.entries(found)) {
    if (!isObject(keys) || !Object.values(keys).every((value) => typeof value === 'string')) return undefined;
    values.set(app, new Map(Object.entries(keys as Readonly<Record<string, Encoded>>)));
  }
  return values;
}

function isKey(found: unknown): found is SessionKey {
  return typeof found === 'string';
}

function isRegistration(found: unknown): found is Registration {
  if (!isObject(found)) return false;
  const { app, handler, detail } = found;
  return typeof app === 'string' && typeof handler === 'string' && isTextOrNone(detail);
}

function isTextOrNone(found: unknown): boolean {
  return found === undefined || typeof found === 'string';
}

function isObject(found: unknown): found is Json {
  return typeof found === 'object' && found !== null && !Array.isArray(found);
}

function damaged(file: string, what: string): SessionError {
  return new SessionError(
    'FILE_DAMAGED',
    `${file} ${what}: it was damaged, or is not ours. Restore it, or delete it, which signs its visitor out.`,
  );
}

function newer(file: string, version: number): SessionError {
  return new SessionError(
    'FILE_NEWER',
    `${file} has version ${version}. This version of the toolkit knows up to ${VERSION}. Install a newer one.`,
  );
}
