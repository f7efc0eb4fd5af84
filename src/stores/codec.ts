import { types } from 'node:util';
import { parse, stringify } from 'devalue';
import { SessionError } from './errors.js';

/**
 * What a session can keep. Read-only, since a change in place would not be saved: use `set` or `update`. A Buffer counts
 * as the Uint8Array that it is, and comes back as one.
 */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly Part[]
  | ReadonlyMap<Part, Part>
  | ReadonlySet<Part>
  | { readonly [key: string]: Part };

/** Inside a value there may be undefined; a key of a store that is undefined would be an absent one. */
export type Part = Value | undefined;

/** Turns values into text and back, without loss. What it cannot keep it refuses when the value is set. */
export interface Codec {
  /** @throws SessionError `NOT_STORABLE` with the path of the part that cannot be kept. */
  encode(value: Value): string;
  /**
   * The value, new for each call. One that is frozen is taken to be frozen all through, and shared by all who read it in
   * a request; any other is decoded for each of them.
   * @throws when the text is not what `encode` made.
   */
  decode(text: string): Value;
}

/**
 * JSON text for what JSON can hold, readable in the database and the same in every driver; it comes back frozen. A value
 * with a Date, Map, Set, Uint8Array, bigint or undefined somewhere in it becomes `~`, with which JSON never begins, and
 * text of the devalue package; it comes back as a copy for each reader, since a Date cannot be frozen.
 *
 * Minus zero comes back as zero, an object that stands in two places as two, and one without a prototype as an ordinary
 * one. What else would not come back as it was is refused.
 */
export const jsonCodec: Codec = {
  encode(value) {
    return isRich(value) ? RICH + stringify(value, undefined, WRITING) : JSON.stringify(value);
  },
  decode(text) {
    return text.startsWith(RICH) ? decodeRich(text.slice(RICH.length)) : freeze(JSON.parse(text) as Value);
  },
};

const RICH = '~';

/** JSON and what reads it would run out of stack far beyond this. */
const DEEPEST = 500;

/** Whether JSON would lose something. @throws SessionError `NOT_STORABLE` */
function isRich(value: unknown): boolean {
  if (isSimple(value)) return false;
  if (value === undefined) throw notStorable('', 'undefined, which stands for an absent key: use delete()');
  const inspection = new Inspection();
  inspection.part(value, '');
  return inspection.rich;
}

/** What is what it is, whatever else a value may hold. */
function isSimple(value: unknown): value is string | boolean | null {
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

/** The text may have been damaged: nothing comes of it that `encode` would not have taken. */
function decodeRich(text: string): Value {
  const value = parse(text, REVIVERS, READING) as unknown;
  const inspection = new Inspection({ tree: true });
  inspection.part(value, '');
  return inspection.rich && value !== undefined ? (value as Value) : refuse();
}

/** A property's name, a place in a list, or the way into a Map or Set. */
type Step = string | number | { readonly text: string };

/**
 * One pass over a value that refuses what would be changed in silence, as a class instance becomes a plain object and NaN
 * null, and finds whether JSON is enough.
 */
class Inspection {
  rich = false;
  readonly #tree: boolean;
  readonly #around = new Set<object>();
  readonly #steps: Step[] = [];
  #proto: string | undefined;

  /** In a tree no object stands in two places. */
  constructor({ tree = false }: { tree?: boolean } = {}) {
    this.#tree = tree;
  }

  part(value: unknown, step: Step): void {
    if (isSimple(value)) return;
    if (typeof value === 'object') this.#object(value, step);
    else if (typeof value === 'bigint' || value === undefined) this.#markRich();
    else if (typeof value !== 'number') throw this.#not(`a ${typeof value}`, step);
    else if (!Number.isFinite(value)) throw this.#not(String(value), step);
  }

  #object(value: object, step: Step): void {
    if (this.#around.has(value)) throw this.#not('a cycle', step);
    if (this.#steps.length === DEEPEST) throw notStorable('', `more than ${DEEPEST} levels deep`);
    this.#around.add(value);
    this.#steps.push(step);
    this.#inside(value);
    this.#steps.pop();
    if (!this.#tree) this.#around.delete(value);
  }

  #inside(value: object): void {
    if (Array.isArray(value)) this.#list(value);
    else if (isPlain(value)) this.#properties(value);
    else this.#richObject(value);
  }

  #list(list: readonly unknown[]): void {
    for (let i = 0; i < list.length; i += 1) {
      const part = list[i];
      if (part === undefined && !Object.hasOwn(list, i)) throw this.#not('a hole in a list', i);
      this.part(part, i);
    }
  }

  #properties(value: object): void {
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#not('an object with a symbol as a key');
    for (const key of Object.keys(value)) {
      if (key === '__proto__') this.#meetProto();
      this.part((value as Record<string, unknown>)[key], key);
    }
  }

  #richObject(value: object): void {
    this.#markRich();
    if (types.isDate(value) && levelsOf(value) === 2) this.#date(value);
    else if (types.isMap(value) && levelsOf(value) === 2) this.#map(value);
    else if (types.isSet(value) && levelsOf(value) === 2) this.#set(value);
    else if (isBytes(value)) this.#bytes(value);
    else throw this.#not(`a ${nameOf(value)}`);
  }

  #date(date: Date): void {
    if (Number.isNaN(date.getTime())) throw this.#not('an invalid Date');
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    let place = 0;
    for (const [key, value] of map) {
      this.part(key, { text: `.keys()[${place}]` });
      this.part(value, { text: `.values()[${place}]` });
      place += 1;
    }
  }

  #set(set: ReadonlySet<unknown>): void {
    let place = 0;
    for (const value of set) this.part(value, { text: `.values()[${place++}]` });
  }

  /** Bytes that another part can change are in two places too. */
  #bytes({ buffer }: Uint8Array): void {
    if (!this.#tree) return;
    if (this.#around.has(buffer)) throw this.#not('a view of shared bytes');
    this.#around.add(buffer);
  }

  #markRich(): void {
    this.rich = true;
    if (this.#proto !== undefined) throw protoBesideRich(this.#proto);
  }

  /** An ordinary key for JSON, but not for devalue. */
  #meetProto(): void {
    this.#proto = this.#path('__proto__');
    if (this.rich) throw protoBesideRich(this.#proto);
  }

  #not(found: string, step?: Step): SessionError {
    return notStorable(this.#path(step), found);
  }

  #path(step?: Step): string {
    const steps = step === undefined ? this.#steps : [...this.#steps, step];
    return steps.slice(1).map(spelled).join('').replace(/^\./, ''); // the first leads to the value itself
  }
}

function spelled(step: Step): string {
  if (typeof step === 'string') return `.${step}`;
  return typeof step === 'number' ? `[${step}]` : step.text;
}

/** Of another realm, Object.prototype is another object, but still one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** How many prototypes stand above: 2 over a Map of any realm, more over an object of a class that extends Map. */
function levelsOf(value: object): number {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null ? 0 : 1 + levelsOf(prototype);
}

function isBytes(value: object): value is Uint8Array {
  return types.isUint8Array(value) && (levelsOf(value) === 3 || Buffer.isBuffer(value));
}

function nameOf({ constructor }: object): string {
  return typeof constructor === 'function' ? constructor.name : 'object of its own kind';
}

function notStorable(path: string, found: string): SessionError {
  const where = path === '' ? 'The value' : `The value's part "${path}"`;
  return new SessionError(
    'NOT_STORABLE',
    `${where} is ${found}. A session keeps strings, finite numbers, bigints, booleans, null, valid Dates, Uint8Arrays, ` +
      'and lists, plain objects, Maps and Sets of them, with undefined inside.',
  );
}

function protoBesideRich(path: string): SessionError {
  return notStorable(path, 'a key that a value of more than plain JSON cannot have');
}

function freeze(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) freeze(part as Value);
  return Object.freeze(value);
}

/** How devalue writes a value that was inspected: as JSON would, and of bytes no more than are seen. */
const WRITING = {
  operations: {
    /** One object in two places is written twice, so that it comes back as from JSON. */
    identify: (value: unknown): unknown => (typeof value === 'object' && value !== null ? {} : value),
    toPrimitive: (value: Scalar): Scalar => (value === 0 ? 0 : value), // no minus zero
    shapeOf: (value: object) => ({ kind: 'plain' as const, keys: Object.keys(value) }),
    /** A view may show a small part of a large buffer, whose rest may be anybody's secret. */
    viewInfo: (view: Uint8Array) => {
      const { buffer, byteLength } = new Uint8Array(view);
      return { buffer, byteOffset: 0, byteLength, length: byteLength, bufferByteLength: byteLength };
    },
  },
};

type Scalar = string | number | bigint | boolean | null | undefined;

/** How devalue reads what WRITING wrote. What else it could make is refused here, or when the result is inspected. */
const READING = {
  operations: {
    createNullPrototypeObject: refuse,
    createSparseArray: refuse,
    fromISOString: (text: string): Date => {
      const date = new Date(text);
      return date.toISOString() === text ? date : refuse();
    },
    fromViewInfo: (tag: string, buffer: ArrayBuffer, offset?: number): Uint8Array =>
      tag === 'Uint8Array' && offset === undefined ? new Uint8Array(buffer) : refuse(),
  },
};

/** In place of devalue's own, which pass over what does not belong into the text. */
const REVIVERS = {
  BigInt: (text: string): bigint => {
    const value = BigInt(text);
    return String(value) === text ? value : refuse();
  },
  ArrayBuffer: (text: string): ArrayBuffer => {
    const bytes = Buffer.from(text, 'base64');
    return bytes.toString('base64') === text ? Uint8Array.from(bytes).buffer : refuse();
  },
};

function refuse(): never {
  throw new SyntaxError('This is not the text of a value.');
}
