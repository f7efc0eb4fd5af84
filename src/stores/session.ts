import type { Codec } from './codec.js';
import type { Alias, AppChanges, Commit, Encoded, Registration, Rename, StoredSession } from './driver.js';
import { registered } from './events.js';
import { type Moments, type Move, moved } from './expiry.js';
import { type CheckedLimits, Room } from './limits.js';
import { keyOf, newSessionId, type SessionKey } from './session-id.js';
import type { VisitSettings } from './settings.js';
import { sealNext } from './successor.js';
import { type TakenChanges, type Update, Values } from './values.js';

/** A difference on its way to the driver. */
export interface Taken {
  readonly commit: Commit;
  /** The id it had, when the session was to get another. */
  readonly left: string | undefined;
  /** The commit failed: its difference is to be committed again, with what has changed since. */
  readonly giveBack: () => void;
  /** The applications an `update` of which has met another value than the one that this request saw. */
  readonly merged: () => string[];
}

/** What is stored, as far as this request knows. */
interface Known {
  readonly id: string;
  readonly key: SessionKey;
  readonly alias: Alias | undefined;
  readonly isStored: boolean;
  readonly moments: Moments;
  readonly handlers: readonly Registration[];
  readonly values: ReadonlyMap<string, ReadonlyMap<string, Encoded>> | undefined;
}

/** What changes besides values, and was not taken yet. */
interface Pending {
  readonly move?: Move;
  /** All applications' values go. */
  readonly empty?: true;
  readonly register?: readonly Registration[];
  /** The id that the session is to get, and how long the one before stays good. */
  readonly next?: { readonly id: string; readonly grace: number };
}

/** One session as one request sees it: its id and moments, and the values of every application that looked. */
export class Session {
  /** Whether the browser has it in its cookie, or is to have it. */
  readonly inCookie: boolean;
  /** Whether a commit has met no such session any more. */
  gone = false;
  readonly #codec: Codec;
  readonly #limits: CheckedLimits;
  readonly #apps = new Map<string, Values>();
  #room: Room;
  #known: Known;
  #pending: Pending = NOTHING;

  /** `found` is what is stored; without it the session is a new one. */
  constructor(
    { codec, limits }: Pick<VisitSettings, 'codec' | 'limits'>,
    id: string,
    moments: Moments,
    inCookie: boolean,
    found?: StoredSession,
  ) {
    this.inCookie = inCookie;
    this.#codec = codec;
    this.#limits = limits;
    this.#room = new Room(limits, this.#apps, found?.values);
    this.#known = {
      id,
      key: found?.key ?? keyOf(id),
      alias: found?.alias,
      isStored: found !== undefined,
      moments,
      handlers: found?.handlers ?? [],
      values: found?.values,
    };
  }

  get id(): string {
    return this.superseded ? this.#known.id : (this.#pending.next?.id ?? this.#known.id);
  }

  /** What it is stored under, as far as this request knows. */
  get key(): SessionKey {
    return this.#known.key;
  }

  /** Whether the request came with an older id of it. Such a request is not told the newer one. */
  get superseded(): boolean {
    return this.#known.alias !== undefined;
  }

  get moments(): Moments {
    const { move } = this.#pending;
    return move === undefined ? this.#known.moments : moved(this.#known.moments, move);
  }

  /** Whether it is stored, or on its way there. */
  get stored(): boolean {
    return this.#known.isStored;
  }

  get changed(): boolean {
    if (!this.#known.isStored || this.#pending !== NOTHING) return true;
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
    this.#pending = { ...this.#pending, move: { ...this.#pending.move, ...move } };
  }

  /** Drops the values of all applications, here and where they are stored. */
  empty(): void {
    this.#pending = { ...this.#pending, empty: true };
    this.#forgetApps();
  }

  register(registration: Registration): void {
    this.#pending = { ...this.#pending, register: [...(this.#pending.register ?? []), registration] };
  }

  /** Gives it another id: for a session that is stored. */
  regenerate(grace: number): void {
    this.#pending = { ...this.#pending, next: { id: newSessionId(), grace } };
  }

  /** Another request has given it this id. */
  adopt(id: string): void {
    this.#known = { ...this.#known, id, key: keyOf(id), alias: undefined };
  }

  /**
   * Takes the difference for a commit. From here on this request sees it as stored. The applications in `listening` hear
   * of the end of a session that is made here, or that they keep something in.
   */
  take(now: number, listening?: ReadonlySet<string>): Taken {
    const before = { known: this.#known, pending: this.#pending };
    const taken: (TakenChanges & { readonly app: string })[] = [];
    const changes = new Map<string, AppChanges>();
    for (const [app, values] of this.#apps) {
      if (!values.changed) continue;
      const { difference, giveBack, merged } = values.take();
      taken.push({ app, difference, giveBack, merged });
      changes.set(app, difference);
    }
    const commit = this.#commit(now, changes, listening);
    this.#known = this.#after(commit);
    this.#pending = NOTHING;
    return {
      commit,
      left: before.pending.next && before.known.id,
      merged: () => taken.filter(({ merged }) => merged()).map(({ app }) => app),
      giveBack: () => {
        this.#known = before.known;
        this.#pending = together(before.pending, this.#pending);
        for (const { giveBack } of taken) giveBack();
      },
    };
  }

  /** A change of one key that is committed without the others. From here on this request sees the session as stored. */
  alone(now: number, app: string, key: string, update: Update, listening?: ReadonlySet<string>): Alone {
    const { change, done } = this.values(app).alone(key, update);
    const changes = new Map([[app, { empty: false, keys: new Map([[key, change]]) }]]);
    const commit = {
      key: this.#cameBy,
      now,
      changes,
      create: this.stored ? undefined : this.moments,
      register: this.#dueRegistrations(changes, listening),
    };
    const before = this.#known;
    this.#known = this.#after(commit);
    return {
      commit,
      done,
      giveBack: () => {
        this.#known = before;
      },
    };
  }

  /** Drops the changes that were not taken yet. */
  rollback(): void {
    const { empty } = this.#pending;
    this.#pending = NOTHING;
    if (empty === true) this.#forgetApps();
    for (const values of this.#apps.values()) values.rollback();
  }

  /** The applications are to look anew at what there is now. */
  #forgetApps(): void {
    this.#apps.clear();
    this.#room = new Room(this.#limits, this.#apps, this.#loaded);
  }

  get #loaded(): Known['values'] {
    return this.#pending.empty === true ? undefined : this.#known.values;
  }

  #commit(now: number, changes: Commit['changes'], listening: ReadonlySet<string> | undefined): Commit {
    const { isStored } = this.#known;
    const { move, empty } = this.#pending;
    return {
      key: this.#cameBy,
      now,
      changes,
      create: isStored ? undefined : this.moments,
      move: isStored ? move : undefined,
      empty,
      register: this.#registrations(changes, listening),
      rename: this.#rename(now),
    };
  }

  /** A session whose id another request has just changed gets no third one. */
  #rename(now: number): Rename | undefined {
    const { next } = this.#pending;
    if (next === undefined || this.superseded) return undefined;
    return { to: keyOf(next.id), until: now + next.grace, next: sealNext(this.#known.id, next.id) };
  }

  /** Who came with an older id commits by that, so that it changes nothing any more once its grace is over. */
  get #cameBy(): SessionKey {
    return this.superseded ? keyOf(this.#known.id) : this.#known.key;
  }

  /** What the request has registered, and what is due. */
  #registrations(changes: Commit['changes'], listening: ReadonlySet<string> | undefined): Commit['register'] {
    const { register } = this.#pending;
    const due = this.#dueRegistrations(changes, listening);
    return register === undefined ? due : [...register, ...(due ?? [])];
  }

  /** The applications that are to hear of the end, and are not registered yet. */
  #dueRegistrations(
    changes: Commit['changes'],
    listening: ReadonlySet<string> | undefined,
  ): Commit['register'] {
    if (listening === undefined) return undefined;
    const { isStored, handlers } = this.#known;
    const isKnown = (app: string) => handlers.some((one) => one.app === app && one.handler === ON_END);
    const isDue = (app: string) => (!isStored || changes.has(app)) && !isKnown(app);
    const due = [...listening].filter(isDue).map((app) => ({ app, handler: ON_END }));
    return due.length === 0 ? undefined : due;
  }

  #after({ create, move, empty, register, rename }: Commit): Known {
    const { id, key, alias, moments, handlers, values } = this.#known;
    return {
      id: rename === undefined ? id : this.id,
      key: rename?.to ?? key,
      alias,
      isStored: true,
      moments: create ?? (move === undefined ? moments : moved(moments, move)),
      handlers: register === undefined ? handlers : registered(handlers, register),
      values: empty === true ? undefined : values,
    };
  }
}

/** A change that is committed alone. */
interface Alone {
  readonly commit: Commit;
  /** It was committed. */
  readonly done: () => void;
  /** It was not. */
  readonly giveBack: () => void;
}

/** The name under which an application's `onEnd` is registered. */
export const ON_END = 'onEnd';

const NOTHING: Pending = {};

/** What was not committed, and what has changed since. */
function together(before: Pending, since: Pending): Pending {
  if (before === NOTHING) return since;
  const register = [...(before.register ?? []), ...(since.register ?? [])];
  return {
    ...before,
    ...since,
    ...((before.move ?? since.move) !== undefined && { move: { ...before.move, ...since.move } }),
    ...(register.length > 0 && { register }),
  };
}
