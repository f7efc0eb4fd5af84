import { isDeepStrictEqual } from 'node:util';
import type { Value } from './codec.js';
import { SessionError } from './errors.js';
import { Room } from './limits.js';
import { type Update, Values } from './values.js';
import type { Visit } from './visit.js';

/**
 * The values that one application keeps in the session. Reading makes no session; the first change does. Values come
 * back frozen, since a change in place would not be saved. PythonWeb's `Store`.
 *
 * Changes are committed as differences: what other requests change in other keys stays, and `update` and `increment`
 * apply to the value that is stored by then. After an ended session reads are empty, and a change makes a new session.
 */
export class Store implements Iterable<[key: string, value: Value]> {
  /** The application's name. */
  readonly app: string;
  readonly #visit: Visit;

  /** Made by `manager.store(app)`. @throws SessionError `BAD_APP` for a name outside `a-z A-Z 0-9 - _ .`, 1 to 255. */
  constructor(visit: Visit, app: string) {
    checkApp(app);
    this.app = app;
    this.#visit = visit;
  }

  /** How many keys there are. */
  get size(): number {
    return this.keys().length;
  }

  /** The value, undefined when absent. @throws SessionError `CORRUPT_VALUE` when what is stored cannot be decoded. */
  get(key: string): Value | undefined {
    return this.#read?.get(key);
  }

  has(key: string): boolean {
    return this.#read?.has(key) ?? false;
  }

  keys(): string[] {
    return this.#read?.keys() ?? [];
  }

  values(): Value[] {
    return this.items().map(([, value]) => value);
  }

  items(): [key: string, value: Value][] {
    return this.keys().map((key) => [key, this.get(key) as Value]);
  }

  [Symbol.iterator](): Iterator<[key: string, value: Value]> {
    return this.items()[Symbol.iterator]();
  }

  /**
   * Keeps a copy of the value. Of two requests that set one key, the last commit wins.
   * @throws SessionError `NOT_STORABLE` with the path of a part that cannot be kept; `TOO_LARGE` over one of the limits;
   * `BAD_KEY`; `REPLY_SENT`.
   */
  set(key: string, value: Value): void {
    checkKey(key);
    if (this.#read === undefined) this.#nobodys().set(key, value);
    this.#write.set(key, value);
  }

  /** Forgets the key. False when it was absent, which is no error and makes no session. */
  delete(key: string): boolean {
    return this.has(key) && this.#write.delete(key);
  }

  /** Forgets all values of this application; the session and other applications' values stay. */
  empty(): void {
    if (this.#visit.look() !== undefined) this.#write.empty();
  }

  /**
   * Changes a value by a function of it, which is applied to the value stored at the moment of the commit, so that
   * nothing is lost between parallel requests and nobody waits. It is synchronous and pure, since it may run again;
   * undefined stands for an absent key, in and out. Answers the value as this request sees it.
   */
  update(key: string, update: Update): Value | undefined {
    checkKey(key);
    if (this.#read === undefined && this.#nobodys().update(key, update) === undefined) return undefined;
    return this.#write.update(key, update);
  }

  /**
   * Adds to a number, from 0 when it is absent. Answers the sum as this request sees it.
   * @throws SessionError `NOT_A_NUMBER` when the key holds something else.
   */
  increment(key: string, by = 1): number {
    return this.update(key, (value = 0) => {
      if (typeof value === 'number') return value + by;
      throw new SessionError(
        'NOT_A_NUMBER',
        `increment() met a ${typeof value} in a session key. It adds to numbers.`,
      );
    }) as number;
  }

  /**
   * Sets the value if the stored one equals `expected` (undefined: absent) at this moment. Commits alone and at once,
   * and is not undone when the request fails. Resolves with whether it was set.
   * @throws SessionError `UNSAVED` when this request has changed the key before: save that, or roll back.
   */
  async compareAndSet(key: string, expected: Value | undefined, value: Value): Promise<boolean> {
    checkKey(key);
    const { codec } = this.#visit.settings;
    (this.#read ?? this.#nobodys()).assertKeeps(key, value);
    if (this.#read === undefined && expected !== undefined) return false;
    const wanted = expected === undefined ? undefined : codec.decode(codec.encode(expected));
    let swapped = false;
    const swap: Update = (stored) => {
      swapped = isDeepStrictEqual(stored, wanted);
      return swapped ? value : stored;
    };
    const applied = await this.#visit.commitAlone(this.app, key, swap);
    return applied && swapped;
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
