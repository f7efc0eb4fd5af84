import { SessionError } from './errors.js';

/** What a session can keep. Read-only, since a change in place would not be saved: use `set` or `update`. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** Turns values into text and back, without loss. What it cannot keep it refuses when the value is set. */
export interface Codec {
  /** @throws SessionError `NOT_STORABLE` with the path of the part that cannot be kept. */
  encode(value: Value): string;
  /** @throws when the text is not what `encode` made. */
  decode(text: string): Value;
}

/** JSON text: readable in the database, and the same in every driver. Minus zero comes back as zero. */
export const jsonCodec: Codec = {
  encode(value) {
    if (typeof value === 'object' && value !== null) checkParts(value, '', new Set());
    else checkPlain(value, '');
    return JSON.stringify(value);
  },
  decode(text) {
    return freeze(JSON.parse(text) as Value);
  },
};

/** JSON and what reads it would run out of stack far beyond this. */
const DEEPEST = 500;

/** Refuses what JSON would change in silence: a Date becomes text, NaN null, an undefined property vanishes. */
function checkParts(value: object, path: string, around: Set<object>): void {
  if (around.has(value)) throw notStorable(path, 'a cycle');
  if (around.size === DEEPEST) throw notStorable('', `more than ${DEEPEST} levels deep`);
  if (!Array.isArray(value) && !isPlain(value)) throw notStorable(path, `a ${nameOf(value)}`);
  around.add(value);
  for (const [key, part] of entriesOf(value)) {
    if (typeof part === 'object' && part !== null) checkParts(part, path + key, around);
    else checkPlain(part, path + key);
  }
  around.delete(value);
}

function checkPlain(value: unknown, path: string): void {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return;
  if (typeof value !== 'number')
    throw notStorable(path, value === undefined ? 'undefined' : `a ${typeof value}`);
  if (!Number.isFinite(value)) throw notStorable(path, String(value));
}

/** Array holes are met as undefined, which `Object.entries` would pass over. */
function entriesOf(value: object): [string, unknown][] {
  if (!Array.isArray(value)) return Object.entries(value).map(([key, part]) => [`.${key}`, part]);
  return Array.from(value as unknown[], (part, i) => [`[${i}]`, part]);
}

function nameOf({ constructor }: object): string {
  return typeof constructor === 'function' ? constructor.name : 'object of its own kind';
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // of another realm, Object.prototype is another object, but still one without a prototype
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function notStorable(path: string, found: string): SessionError {
  const where = path === '' ? 'The value' : `The value's part "${path.replace(/^\./, '')}"`;
  return new SessionError(
    'NOT_STORABLE',
    `${where} is ${found}. A session keeps strings, finite numbers, booleans, null, and lists and plain objects of them.`,
  );
}

function freeze(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
