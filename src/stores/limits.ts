import { clip } from '../app/visible.js';
import type { Encoded } from './driver.js';
import { SessionError } from './errors.js';

/**
 * How much may be kept in a session, in bytes of UTF-8: of a key and the text that the codec makes of its value. Each
 * limit holds by itself; Infinity is none.
 *
 * What counts is what a request sees, the values as it loaded them and its own changes: requests at the same time may
 * together go over by what each of them adds, and an `update` that is applied to another value at the commit is not
 * counted again. A change that makes a key and its value no larger is never refused.
 */
export interface Limits {
  /** Of a key alone. Default 1024: a key is a name, and every list of keys holds it. */
  key?: number;
  /** Of one value with its key. Default 65536: it is written anew whenever it changes. */
  value?: number;
  /** Of all that one application keeps. Default 262144, so that no application takes the room of the others. */
  app?: number;
  /** Of all applications together. Default 1048576: each request that looks at its session reads all of it. */
  session?: number;
}

export type CheckedLimits = Readonly<Required<Limits>>;

/** With the defaults filled in. @throws SessionError `BAD_LIMITS` */
export function checkedLimits(limits: Limits = {}): CheckedLimits {
  if (typeof limits !== 'object' || (limits as unknown) === null) throw badLimits('limits is no object');
  for (const [name, limit] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw badLimits(`limits has no "${name}"`);
    if (limit !== undefined && !isLimit(limit)) throw badLimits(`limits.${name} is ${String(limit)}`);
  }
  const {
    key = DEFAULTS.key,
    value = DEFAULTS.value,
    app = DEFAULTS.app,
    session = DEFAULTS.session,
  } = limits;
  return { key, value, app, session };
}

/** The values of one application, as a request sees them. */
export interface Counted {
  /** Of their keys and encoded values. */
  readonly bytes: number;
}

/**
 * What is left of a session's limits, shared by the values of all its applications. Nothing is counted before a value
 * grows, so that reading costs nothing.
 */
export class Room {
  readonly #limits: CheckedLimits;
  readonly #seen: ReadonlyMap<string, Counted>;
  readonly #loaded: ReadonlyMap<string, ReadonlyMap<string, Encoded>>;
  /** Made when needed, as most requests write little or nothing. */
  #unseen: Map<string, number> | undefined;

  /** `seen` are the applications that the request has looked at, of those that were `loaded` and new ones. */
  constructor(
    limits: CheckedLimits,
    seen: ReadonlyMap<string, Counted> = NONE_SEEN,
    loaded: ReadonlyMap<string, ReadonlyMap<string, Encoded>> = NONE_LOADED,
  ) {
    this.#limits = limits;
    this.#seen = seen;
    this.#loaded = loaded;
  }

  /**
   * By how many bytes the change of a key makes its application's values larger; undefined stands for an absent key.
   * @throws SessionError `TOO_LARGE`
   */
  growth(app: Counted, key: string, before: Encoded | undefined, after: Encoded | undefined): number {
    const size = sizeOf(key, after);
    const growth = size - sizeOf(key, before);
    if (growth > 0) this.#check(app, key, size, growth);
    return growth;
  }

  #check(app: Counted, key: string, size: number, growth: number): void {
    const limits = this.#limits;
    const keySize = Buffer.byteLength(key);
    if (keySize > limits.key) throw tooLarge('key', key, keySize, limits.key);
    if (size > limits.value) throw tooLarge('value', key, size, limits.value);
    const appSize = app.bytes + growth;
    if (appSize > limits.app) throw tooLarge('app', key, size, limits.app, appSize);
    const sessionSize = appSize + this.#besides(app);
    if (sessionSize > limits.session) throw tooLarge('session', key, size, limits.session, sessionSize);
  }

  #besides(app: Counted): number {
    let sum = 0;
    for (const other of this.#seen.values()) if (other !== app) sum += other.bytes;
    for (const [name, values] of this.#loaded)
      if (!this.#seen.has(name)) sum += this.#unseenBytes(name, values);
    return sum;
  }

  #unseenBytes(app: string, values: ReadonlyMap<string, Encoded>): number {
    let bytes = this.#unseen?.get(app);
    if (bytes === undefined) {
      bytes = 0;
      for (const [key, encoded] of values) bytes += sizeOf(key, encoded);
      (this.#unseen ??= new Map()).set(app, bytes);
    }
    return bytes;
  }
}

const NONE_SEEN: ReadonlyMap<string, Counted> = new Map();
const NONE_LOADED: ReadonlyMap<string, ReadonlyMap<string, Encoded>> = new Map();

/** In bytes; 0 for an absent key. */
export function sizeOf(key: string, encoded: Encoded | undefined): number {
  return encoded === undefined ? 0 : Buffer.byteLength(key) + Buffer.byteLength(encoded);
}

const KIB = 1024;

const DEFAULTS: CheckedLimits = {
  key: KIB,
  value: 64 * KIB,
  app: 256 * KIB,
  session: 1024 * KIB,
};

function isLimit(limit: unknown): boolean {
  return limit === Infinity || (Number.isInteger(limit) && (limit as number) > 0);
}

function badLimits(found: string): SessionError {
  const names = Object.keys(DEFAULTS).join(', ');
  return new SessionError(
    'BAD_LIMITS',
    `${found}. The limits of session() are ${names}: whole numbers of bytes above 0, or Infinity.`,
  );
}

function tooLarge(
  name: keyof Limits,
  key: string,
  size: number,
  limit: number,
  total: number = size,
): SessionError {
  const shown = JSON.stringify(clip(key, 100));
  return new SessionError(
    'TOO_LARGE',
    `${SENTENCES[name](shown, size, total)} ${limit}. ${adviceFor(name)}`,
    {
      status: 413, // what a visitor sends is what makes a session grow
    },
  );
}

const SENTENCES: Readonly<Record<keyof Limits, (key: string, size: number, total: number) => string>> = {
  key: (key, size) => `The key ${key} has ${size} bytes, and a key may have at most`,
  value: (key, size) => `The key ${key} and its value have ${size} bytes, and may have at most`,
  app: (key, size, total) =>
    `With the key ${key} and its value (${size} bytes) this application would keep ${total} bytes in the session, and may keep at most`,
  session: (key, size, total) =>
    `With the key ${key} and its value (${size} bytes) all applications would keep ${total} bytes in the session, and may keep at most`,
};

function adviceFor(name: keyof Limits): string {
  const less =
    name === 'key' ? 'Use a shorter one' : 'Keep large things elsewhere and their names in the session';
  return `${less}, or give session() a larger limits.${name}.`;
}
