import { copyOf } from './applied.js';
import type { Codec, Value } from './codec.js';
import type { AppChanges, Change, Encoded } from './driver.js';
import { SessionError } from './errors.js';
import { type Counted, type Room, sizeOf } from './limits.js';

/** A pure function of a key's value; undefined stands for a missing key, in and out. */
export type Update = (value: Value | undefined) => Value | undefined;

/**
 * One application's values as this request sees them: what was loaded, and over it the difference this request makes.
 * The difference is kept as operations, so that it can be applied to what is stored at the moment of the commit.
 */
export class Values implements Counted {
  readonly #codec: Codec;
  readonly #room: Room;
  #loaded: ReadonlyMap<string, Encoded>;
  /** What was taken of this request's changes, until somebody asks what it has made of what was loaded: hardly anybody does. */
  #taken: LocalChanges | undefined;
  /** Made when needed, as the changes are: most requests read a value or two. */
  #decoded: Map<string, Value> | undefined;
  #emptied = false;
  #changes: Map<string, LocalChange> | undefined;
  /** What this request saw when changes were last taken, and whether an `update` of theirs has met something else since. */
  #before: ReadonlyMap<string, Encoded> | undefined;
  #merged = false;
  #bytes: number | undefined;

  constructor(codec: Codec, room: Room, loaded: ReadonlyMap<string, Encoded> = NONE) {
    this.#codec = codec;
    this.#room = room;
    this.#loaded = loaded;
  }

  get(key: string): Value | undefined {
    const encoded = this.#encoded(key);
    if (encoded === undefined) return undefined;
    const known = this.#decoded?.get(key);
    if (known !== undefined) return known;
    const value = this.#decode(key, encoded);
    if (Object.isFrozen(value)) (this.#decoded ??= new Map()).set(key, value); // what one reader can change is not for the next
    return value;
  }

  has(key: string): boolean {
    return this.#encoded(key) !== undefined;
  }

  keys(): string[] {
    return [...this.#seen().keys()];
  }

  /** Whether this request changes the key in a way that was not taken yet. */
  changes(key: string): boolean {
    return this.#emptied || this.#changes?.has(key) === true;
  }

  /** Of what this request sees. Counted when it is first asked for, and kept from then on. */
  get bytes(): number {
    return (this.#bytes ??= this.keys().reduce((sum, key) => sum + sizeOf(key, this.#encoded(key)), 0));
  }

  /** Refuses what `set` would refuse. @throws SessionError `TOO_LARGE` */
  assertKeeps(key: string, encoded: Encoded): void {
    this.#room.growth(this, key, this.#encoded(key), encoded);
  }

  /** Sets a value that the codec has encoded. */
  set(key: string, encoded: Encoded): void {
    this.#change(key, { kind: 'set', value: encoded });
  }

  delete(key: string): boolean {
    const had = this.has(key);
    this.#change(key, DELETE);
    return had;
  }

  empty(): void {
    this.rollback();
    this.#emptied = true;
  }

  update(key: string, update: Update): Value | undefined {
    const quiet = (stored: Encoded | undefined) => this.#apply(key, update, stored);
    const apply = (stored: Encoded | undefined) => {
      if (stored !== this.#before?.get(key)) this.#merged = true;
      return quiet(stored);
    };
    this.#change(key, { kind: 'update', apply, quiet, after: quiet(this.#encoded(key)) });
    return this.get(key);
  }

  /** Whether this request changes anything that was not taken yet. */
  get changed(): boolean {
    return this.#emptied || this.#changes !== undefined;
  }

  /** Takes the difference for a commit. From here on this request sees it as stored. */
  take(): TakenChanges {
    const before = this.#stored();
    const difference = this.#difference;
    this.rollback();
    this.#taken = difference;
    this.#before = before;
    this.#merged = false;
    const giveBack = () => {
      this.#taken = undefined;
      this.#loaded = before;
      this.#giveBack(difference);
      this.#bytes = undefined;
    };
    return { difference, giveBack, merged: () => this.#merged };
  }

  /** A change of one key that is committed without the others, and what to do once it is. */
  alone(key: string, update: Update): { change: Change; done: () => void } {
    let after: Encoded | undefined;
    const apply = (stored: Encoded | undefined) => (after = this.#apply(key, update, stored));
    const done = () => {
      const loaded = copyOf(this.#stored());
      if (after === undefined) loaded.delete(key);
      else loaded.set(key, after);
      this.#loaded = loaded;
      this.#decoded?.delete(key);
      this.#bytes = undefined;
    };
    return { change: { kind: 'update', apply }, done };
  }

  /** Drops the difference that was not taken yet. */
  rollback(): void {
    this.#changes = this.#decoded = undefined;
    this.#emptied = false;
    this.#bytes = undefined;
  }

  /** What is stored, once what was taken is. */
  #stored(): ReadonlyMap<string, Encoded> {
    if (this.#taken !== undefined) this.#loaded = withChanges(this.#loaded, this.#taken);
    this.#taken = undefined;
    return this.#loaded;
  }

  /** Stored keys in the driver's order, then new ones. */
  #seen(): ReadonlyMap<string, Encoded> {
    return this.changed ? withChanges(this.#stored(), this.#difference) : this.#stored();
  }

  get #difference(): LocalChanges {
    return { empty: this.#emptied, keys: this.#changes ?? NO_CHANGES };
  }

  /** Puts a difference below what has changed since. */
  #giveBack({ empty, keys }: LocalChanges): void {
    if (this.#emptied) return;
    for (const [key, change] of keys) {
      const since = this.#changes?.get(key);
      (this.#changes ??= new Map()).set(key, since === undefined ? change : compose(change, since));
    }
    this.#emptied = empty;
  }

  #encoded(key: string): Encoded | undefined {
    const change = this.#changes?.get(key);
    if (change !== undefined) return leftBy(change);
    return this.#emptied ? undefined : this.#stored().get(key);
  }

  #change(key: string, change: LocalChange): void {
    const growth = this.#room.growth(this, key, this.#encoded(key), leftBy(change));
    const before = this.#changes?.get(key) ?? (this.#emptied ? DELETE : undefined);
    this.#decoded?.delete(key);
    (this.#changes ??= new Map()).set(key, before === undefined ? change : compose(before, change));
    if (this.#bytes !== undefined) this.#bytes += growth;
  }

  #apply(key: string, update: Update, stored: Encoded | undefined): Encoded | undefined {
    const after = update(stored === undefined ? undefined : this.#decode(key, stored));
    return after === undefined ? undefined : this.#codec.encode(after);
  }

  #decode(key: string, encoded: Encoded): Value {
    try {
      return this.#codec.decode(encoded);
    } catch {
      throw corrupt(key); // without the cause, whose message may quote the value
    }
  }
}

/** One application's part of a difference on its way to the driver. */
export interface TakenChanges {
  readonly difference: AppChanges;
  /** The commit failed: the difference is to be committed again, below what has changed since. */
  readonly giveBack: () => void;
  /** Whether an `update` has met another value than the one that this request saw. Good until the next changes are taken. */
  readonly merged: () => boolean;
}

type LocalChange = Exclude<Change, ChangeByUpdate> | LocalUpdate;
type ChangeByUpdate = Extract<Change, { kind: 'update' }>;
type Apply = ChangeByUpdate['apply'];

interface LocalUpdate extends ChangeByUpdate {
  /** As `apply`, without noting what it is applied to: for what another change leaves. */
  readonly quiet: Apply;
  /** The value that it leaves as this request sees it. */
  readonly after: Encoded | undefined;
}

interface LocalChanges extends AppChanges {
  readonly keys: ReadonlyMap<string, LocalChange>;
}

const NONE: ReadonlyMap<string, Encoded> = new Map();
const NO_CHANGES: LocalChanges['keys'] = new Map();

const DELETE: LocalChange = { kind: 'delete' };

function withChanges(
  stored: ReadonlyMap<string, Encoded>,
  { empty, keys }: LocalChanges,
): Map<string, Encoded> {
  const seen = copyOf(empty ? NONE : stored);
  for (const [key, change] of keys) {
    const encoded = leftBy(change);
    if (encoded === undefined) seen.delete(key);
    else seen.set(key, encoded);
  }
  return seen;
}

function leftBy(change: LocalChange): Encoded | undefined {
  if (change.kind === 'update') return change.after;
  return change.kind === 'set' ? change.value : undefined;
}

/** Two changes of one key as one. After a `set` or `delete` an `update` is decided too. */
function compose(before: LocalChange, after: LocalChange): LocalChange {
  if (after.kind !== 'update') return after;
  if (before.kind === 'update') {
    const apply: Apply = (stored) => after.quiet(before.apply(stored));
    const quiet: Apply = (stored) => after.quiet(before.quiet(stored));
    return { ...after, apply, quiet };
  }
  const value = after.quiet(before.kind === 'set' ? before.value : undefined);
  return value === undefined ? DELETE : { kind: 'set', value };
}

function corrupt(key: string): SessionError {
  return new SessionError(
    'CORRUPT_VALUE',
    `The stored value of the key ${JSON.stringify(key)} cannot be decoded: it was damaged, or written with another codec. Set it anew, or end the session.`,
  );
}
