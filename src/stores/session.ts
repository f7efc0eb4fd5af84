import type { Codec } from './codec.js';
import type { Commit, Encoded } from './driver.js';
import { type Moments, type Move, moved } from './expiry.js';
import { type CheckedLimits, Room } from './limits.js';
import type { SessionKey } from './session-id.js';
import { type TakenChanges, type Update, Values } from './values.js';

/** A difference on its way to the driver. */
export interface Taken {
  readonly commit: Commit;
  /** The commit failed: its difference is to be committed again, with what has changed since. */
  readonly giveBack: () => void;
}

/** One session as one request sees it: its moments, and the values of every application that looked. */
export class Session {
  readonly id: string;
  readonly key: SessionKey;
  readonly #codec: Codec;
  readonly #loaded: ReadonlyMap<string, ReadonlyMap<string, Encoded>> | undefined;
  readonly #apps = new Map<string, Values>();
  readonly #room: Room;
  #moments: Moments;
  /** Without the move that was not taken yet. */
  #kept: Moments;
  #move: Move | undefined;
  #stored: boolean;

  /** `values` are what is stored; without them the session is a new one. */
  constructor(
    id: string,
    key: SessionKey,
    codec: Codec,
    limits: CheckedLimits,
    moments: Moments,
    values?: ReadonlyMap<string, ReadonlyMap<string, Encoded>>,
  ) {
    this.id = id;
    this.key = key;
    this.#codec = codec;
    this.#moments = this.#kept = moments;
    this.#loaded = values;
    this.#room = new Room(limits, this.#apps, values);
    this.#stored = values !== undefined;
  }

  get moments(): Moments {
    return this.#moments;
  }

  /** Whether it is stored, or on its way there. */
  get stored(): boolean {
    return this.#stored;
  }

  get changed(): boolean {
    if (!this.#stored || this.#move !== undefined) return true;
    for (const values of this.#apps.values()) if (values.changed) return true;
    return false;
  }

  values(app: string): Values {
    const known = this.#apps.get(app);
    if (known !== undefined) return known;
    const made = new Values(this.#codec, this.#room, this.#loaded?.get(app));
    this.#apps.set(app, made);
    return made;
  }

  /** The applications that keep values here. */
  appsWithValues(): string[] {
    const apps = new Set([...(this.#loaded?.keys() ?? []), ...this.#apps.keys()]);
    return [...apps].filter((app) => this.values(app).keys().length > 0);
  }

  move(move: Move): void {
    this.#move = { ...this.#move, ...move };
    this.#moments = moved(this.#moments, move);
  }

  /** Takes the difference for a commit. From here on this request sees it as stored. */
  take(now: number): Taken {
    const { key } = this;
    const taken = this.#takeValues();
    const changes = new Map(taken.map(({ app, difference }) => [app, difference]));
    const commit = this.#stored
      ? { key, now, changes, ...(this.#move && { move: this.#move }) }
      : { key, now, changes, create: this.#moments };
    const before = { stored: this.#stored, move: this.#move, kept: this.#kept };
    this.#stored = true;
    this.#move = undefined;
    this.#kept = this.#moments;
    return {
      commit,
      giveBack: () => {
        this.#stored = before.stored;
        if (before.move !== undefined) this.#move = { ...before.move, ...this.#move };
        this.#kept = before.kept;
        for (const { giveBack } of taken) giveBack();
      },
    };
  }

  /** A change of one key that is committed without the others, and what to do once it is. */
  alone(now: number, app: string, key: string, update: Update): { commit: Commit; done: () => void } {
    const { change, done } = this.values(app).alone(key, update);
    const changes = new Map([[app, { empty: false, keys: new Map([[key, change]]) }]]);
    const create = this.#stored ? {} : { create: this.#moments };
    return {
      commit: { key: this.key, now, changes, ...create },
      done: () => {
        if (!this.#stored) this.#kept = this.#moments;
        this.#stored = true;
        done();
      },
    };
  }

  /** Drops the changes that were not taken yet. */
  rollback(): void {
    for (const values of this.#apps.values()) values.rollback();
    this.#move = undefined;
    this.#moments = this.#kept;
  }

  #takeValues(): (TakenChanges & { app: string })[] {
    const changed = [...this.#apps].filter(([, values]) => values.changed);
    return changed.map(([app, values]) => ({ app, ...values.take() }));
  }
}
