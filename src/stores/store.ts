import { isDeepStrictEqual } from 'node:util';
import type { Value } from './codec.js';
import { SessionError } from './errors.js';
import { Room } from './limits.js';
import type { AnyValues, ItemOf, Kept, NumberKeyOf, Storables } from './storable.js';
import { type Update, Values } from './values.js';
import type { Visit } from './visit.js';

/**
 * The values that one application keeps in the session. Reading makes no session; the first change does. Values come
 * back frozen or as copies, since a change in place would not be saved. PythonWeb's `Store`.
 *
 * Changes are committed as differences: what other requests change in other keys stays, and `update` and `increment`
 * apply to the value that is stored by then. After an ended session reads are empty, and a change makes a new session.
 *
 * A type says which keys there are and what they hold; declare lists in it `readonly`, as that is how they come back.
 * The compiler holds this program to it, but what an older one has stored may still be otherwise. `Absent` is what an
 * absent key has: undefined, or with defaults never.
 */
export class Store<T extends Storables<T> = AnyValues, Absent = undefined> implements Iterable<ItemOf<T>> {
  /** The application's name. */
  readonly app: string;
  readonly #visit: Visit;
  readonly #defaults: Partial<AnyValues> | undefined;

  /** Made by `manager.store(app)`, which has checked the name. */
  constructor(visit: Visit, app: string, defaults?: T) {
    this.app = app;
    this.#visit = visit;
    this.#defaults = defaults;
  }

  /** How many keys there are. Defaults do not count. */
  get size(): number {
    return this.keys().length;
  }

  /**
   * The value; when absent a copy of its default, or undefined.
   * @throws SessionError `CORRUPT_VALUE` when what is stored cannot be decoded; `NOT_STORABLE` for a default of such a kind.
   */
  get<K extends keyof T & string>(key: K): T[K] | Absent {
    return this.#orDefault(key, this.#read?.get(key)) as T[K] | Absent;
  }

  /** Whether there is a value, whatever the default. */
  has(key: keyof T & string): boolean {
    return this.#read?.has(key) ?? false;
  }

  /** Of the values that are there. Defaults have no part in this, nor in `values`, `items` and iteration. */
  keys(): (keyof T & string)[] {
    return (this.#read?.keys() ?? []) as (keyof T & string)[];
  }

  values(): Kept<T, keyof T & string>[] {
    return this.items().map(([, value]) => value);
  }

  items(): ItemOf<T>[] {
    return this.keys().map((key) => [key, this.get(key)] as ItemOf<T>);
  }

  [Symbol.iterator](): Iterator<ItemOf<T>> {
    return this.items()[Symbol.iterator]();
  }

  /**
   * Keeps a copy of the value. Of two requests that set one key, the last commit wins.
   * @throws SessionError `NOT_STORABLE` with the path of a part that cannot be kept; `TOO_LARGE` over one of the limits;
   * `BAD_KEY`; `REPLY_SENT`.
   */
  set<K extends keyof T & string>(key: K, value: Kept<T, K>): void {
    checkKey(key);
    const encoded = this.#encode(value as Value);
    if (this.#read === undefined) this.#nobodys().assertKeeps(key, encoded);
    this.#write.set(key, encoded);
  }

  /** Forgets the key. False when it was absent, which is no error and makes no session. */
  delete(key: keyof T & string): boolean {
    return this.has(key) && this.#write.delete(key);
  }

  /** Forgets all values of this application; the session and other applications' values stay. */
  empty(): void {
    if (this.#visit.look() !== undefined) this.#write.empty();
  }

  /**
   * Changes a value by a function of it, which is applied to the value stored at the moment of the commit, so that
   * nothing is lost between parallel requests and nobody waits. It is synchronous and pure, since it may run again. For
   * an absent key it gets the default, else undefined; when it answers undefined the key is forgotten. Answers what `get`
   * then does, the value as this request sees it.
   */
  update<K extends keyof T & string>(
    key: K,
    update: (value: T[K] | Absent) => T[K] | undefined,
  ): T[K] | Absent {
    checkKey(key);
    return this.#update(key, update as Update) as T[K] | Absent;
  }

  /**
   * Adds to a number; when it is absent to its default, else to 0. Answers the sum as this request sees it.
   * @throws SessionError `NOT_A_NUMBER` when the key holds something else.
   */
  increment(key: NumberKeyOf<T>, by = 1): number {
    checkKey(key);
    return this.#update(key, (value = 0) => {
      if (typeof value === 'number') return value + by;
      throw new SessionError(
        'NOT_A_NUMBER',
        `increment() met a ${typeof value} in a session key. It adds to numbers.`,
      );
    }) as number;
  }

  /**
   * Sets the value if the stored one equals `expected` at this moment. An absent key equals undefined, and its default
   * too, so that what `get` answered can be expected. Commits alone and at once, and is not undone when the request fails.
   * Resolves with whether it was set.
   * @throws SessionError `UNSAVED` when this request has changed the key before: save that, or roll back. What `set`
   * throws.
   */
  async compareAndSet<K extends keyof T & string>(
    key: K,
    expected: T[K] | undefined,
    value: Kept<T, K>,
  ): Promise<boolean> {
    checkKey(key);
    (this.#read ?? this.#nobodys()).assertKeeps(key, this.#encode(value as Value));
    const wanted = this.#copy(expected as Value | undefined);
    const matches = (stored: Value | undefined) =>
      isDeepStrictEqual(wanted === undefined ? stored : this.#orDefault(key, stored), wanted);
    if (this.#read === undefined && !matches(undefined)) return false;
    let swapped = false;
    const swap: Update = (stored) => {
      swapped = matches(stored);
      return swapped ? (value as Value) : stored;
    };
    const applied = await this.#visit.commitAlone(this.app, key, swap);
    return applied && swapped;
  }

  #update(key: string, update: Update): Value | undefined {
    const change: Update =
      this.#defaults === undefined ? update : (stored) => update(this.#orDefault(key, stored));
    const nothing = this.#read === undefined && this.#nobodys().update(key, change) === undefined;
    return this.#orDefault(key, nothing ? undefined : this.#write.update(key, change));
  }

  #orDefault(key: string, value: Value | undefined): Value | undefined {
    const defaults = this.#defaults;
    if (value !== undefined || defaults === undefined || !Object.hasOwn(defaults, key)) return value;
    return this.#copy(defaults[key]); // a program's defaults last longer than this request
  }

  /** As it would come back. */
  #copy(value: Value | undefined): Value | undefined {
    return value === undefined ? undefined : this.#visit.settings.codec.decode(this.#encode(value));
  }

  #encode(value: Value): string {
    return this.#visit.settings.codec.encode(value);
  }

  get #read(): Values | undefined {
    return this.#visit.look()?.values(this.app);
  }

  get #write(): Values {
    return this.#visit.use().values(this.app);
  }

  /** Values to try a change on, so that no session is made for one that is refused. */
  #nobodys(): Values {
    const { codec, limits } = this.#visit.settings;
    return new Values(codec, new Room(limits));
  }
}

/** @throws SessionError `BAD_APP` */
export function checkApp(app: string): void {
  if (typeof app === 'string' && /^[A-Za-z0-9._-]{1,255}$/.test(app)) return;
  throw new SessionError(
    'BAD_APP',
    `${JSON.stringify(app)} cannot name an application. A name has 1 to 255 of the characters a-z A-Z 0-9 - _ .`,
  );
}

/** A lone half of a surrogate pair would come back from the database as another character. */
function checkKey(key: string): void {
  if (typeof key === 'string' && !/\p{Cs}/u.test(key)) return;
  throw new SessionError(
    'BAD_KEY',
    `${JSON.stringify(key)} cannot be a key. A key is a string of whole characters.`,
  );
}
