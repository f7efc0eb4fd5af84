import type { Finding, Finish, Parting, Sight, Step } from './schedule-steps.js';

/** After so many seconds a session is over; within a schedule time passes by less, or by more than this at once. */
const AGE = 5000;

type Values = Map<string, number>;
type Change = (values: Values) => void;

/** A stored session, as it has to be. */
interface StoredModel {
  readonly madeAt: number;
  values: Values;
  newest: string;
  ended: boolean;
}

/** What an id leads to, and until when. */
interface Id {
  readonly session: StoredModel;
  until: number;
  /** The id that took its place. */
  newer?: string;
}

/** One visit, as it has to see things. */
interface VisitModel {
  readonly cookie: string;
  looked: boolean;
  /** The session it has found or stored. */
  session: StoredModel | undefined;
  /** When it has begun a new session, which is not stored yet. */
  madeAt: number | undefined;
  /** The id that it knows its session by. */
  id: string | undefined;
  /** It came with an older id. */
  superseded: boolean;
  view: Values;
  changes: { readonly key: string; readonly apply: Change }[];
  /** The id that its session is to get. */
  next: { readonly id: string | undefined; readonly grace: number } | undefined;
  ending: string[];
  endings: number;
  /** Whether it has ended a session, before anybody else did. */
  hasEnded: boolean;
  /** Whether it has to send its id. */
  owesCookie: boolean;
  /** Whether another visit has given it that id, and sends it too. */
  hasAdopted: boolean;
}

/**
 * What must be stored, seen and sent, in plain Maps: it judges every step of a schedule of visits. The steps are done one
 * after the other, so at each there is one right answer.
 */
export class Model {
  readonly violations: string[] = [];
  /** The whole schedule, with what was answered. */
  readonly steps: string[] = [];
  /** What happened, for the figures. */
  readonly seen: { dropped: number; merged: number; ended: number; renamed: number; commits: number } = {
    dropped: 0,
    merged: 0,
    ended: 0,
    renamed: 0,
    commits: 0,
  };
  now: number;
  readonly #ids = new Map<string, Id>();
  readonly #visits = new Map<number, VisitModel>();

  constructor(now: number) {
    this.now = now;
  }

  /** Every id that was ever stored. */
  get ids(): string[] {
    return [...this.#ids.keys()];
  }

  /** The ids that lead to a live session and are no older ones. */
  get newest(): string[] {
    return this.ids.filter((id) => {
      const known = this.#ids.get(id);
      return known?.session.newest === id && this.#isLive(known.session);
    });
  }

  begin(visit: number, cookie: string): void {
    this.#note(`visit ${visit} begins with ${this.#nameOf(cookie)}`);
    this.#visits.set(visit, {
      cookie,
      looked: false,
      session: undefined,
      madeAt: undefined,
      id: undefined,
      superseded: false,
      view: new Map(),
      changes: [],
      next: undefined,
      ending: [],
      endings: 0,
      hasEnded: false,
      owesCookie: false,
      hasAdopted: false,
    });
  }

  /** The step that is to be done in place of one that would be an error, or whose expectation depends on what is seen. */
  adapted(number: number, step: Step): Step {
    const visit = this.#visit(number);
    if (step.do !== 'compareAndSet') return step;
    this.#look(visit);
    const isPlain = visit.session !== undefined && visit.changes.every(({ key }) => key !== step.key);
    if (!isPlain) return { do: 'look' };
    const seen = visit.view.get(step.key) ?? null;
    return { ...step, expected: step.value % 4 === 0 ? -1 : seen };
  }

  /** Judges what a visit saw after a step. */
  step(number: number, step: Step, sight: Sight): void {
    const visit = this.#visit(number);
    this.#note(`visit ${number}: ${JSON.stringify(step)} sees ${JSON.stringify(sight.values)}`);
    this.#look(visit);
    const swapped = this.#perform(visit, step, sight);
    const has = visit.session !== undefined || visit.madeAt !== undefined;
    this.#expect(`visit ${number} has a session after ${step.do}`, sight.id !== undefined, has);
    this.#expect(`visit ${number} sees after ${step.do}`, sight.values, Object.fromEntries(visit.view));
    this.#expect(`compareAndSet of visit ${number}`, sight.swapped, swapped);
  }

  /** Judges the answer to a visit. */
  finish(number: number, how: Finish, parting: Parting): void {
    const visit = this.#visit(number);
    if (how !== 'ok') this.#rollback(visit);
    this.#commit(visit);
    this.#visits.delete(number);
    this.#note(`visit ${number} ends: ${how}, ${parting.status}, sends ${this.#nameOf(parting.cookie)}`);
    this.#expect(`status of visit ${number}`, parting.status.startsWith('200'), how === 'ok');
    this.#judgeCookie(number, visit, how, parting.cookie);
  }

  /** Judges what later visitors find under every id, in the order of `ids`. */
  found(findings: readonly Finding[]): void {
    for (const [i, id] of this.ids.entries()) {
      const { session } = this.#ids.get(id) as Id;
      const leads = this.#isLive(session) && this.#isGood(id);
      const what = `id ${i} of ${this.ids.length} (${session.newest === id ? 'newest' : 'older'})`;
      const { created, exists, values } = findings[i] as Finding;
      this.#expect(`${what} leads to a session`, !created, leads);
      if (session.ended) this.#expect(`${what} of an ended session is stored`, exists, false);
      this.#expect(`${what} leads to the values`, values, leads ? Object.fromEntries(session.values) : {});
    }
  }

  #visit(number: number): VisitModel {
    const visit = this.#visits.get(number);
    if (visit === undefined) throw new Error(`There is no visit ${number}.`);
    return visit;
  }

  #isLive({ ended, madeAt }: StoredModel): boolean {
    return !ended && this.now - madeAt < AGE;
  }

  #look(visit: VisitModel): void {
    if (visit.looked) return;
    visit.looked = true;
    const known = this.#ids.get(visit.cookie);
    if (known === undefined || !this.#isLive(known.session) || !this.#isGood(visit.cookie)) return;
    visit.session = known.session;
    visit.id = visit.cookie;
    visit.superseded = known.session.newest !== visit.cookie;
    visit.view = new Map(known.session.values);
  }

  #perform(visit: VisitModel, step: Step, { id, swapped }: Sight): boolean | undefined {
    const { view } = visit;
    switch (step.do) {
      case 'set':
        this.#change(visit, step.key, (values) => values.set(step.key, step.value), id);
        return undefined;
      case 'increment':
        this.#change(visit, step.key, (to) => to.set(step.key, (to.get(step.key) ?? 0) + 1), id);
        return undefined;
      case 'double':
        this.#change(visit, step.key, (to) => to.set(step.key, (to.get(step.key) ?? 0) * 2 + 1), id);
        return undefined;
      case 'delete':
        if (view.has(step.key)) this.#change(visit, step.key, (values) => values.delete(step.key), id);
        return undefined;
      case 'compareAndSet':
        return this.#swap(visit, step);
      case 'save':
        this.#commit(visit);
        return undefined;
      case 'sweep':
        this.#sweep();
        return undefined;
      case 'look':
        return undefined;
      case 'regenerate':
        if (visit.session !== undefined)
          visit.next = { id: visit.superseded ? undefined : id, grace: step.grace };
        return undefined;
      default:
        this.#end(visit);
        return swapped;
    }
  }

  #change(visit: VisitModel, key: string, apply: Change, id: string | undefined): void {
    if (visit.session === undefined && visit.madeAt === undefined) {
      visit.madeAt = this.now;
      visit.id = id;
    }
    apply(visit.view);
    visit.changes.push({ key, apply });
  }

  #swap(visit: VisitModel, { key, expected, value }: Step & { do: 'compareAndSet' }): boolean {
    const { session, view } = visit;
    const isLive = session !== undefined && this.#isLive(session) && this.#isGood(visit.id);
    if (!isLive || visit.id !== session.newest) visit.owesCookie = false;
    if (!isLive) return false;
    const stored = session.values.get(key);
    const swapped = (stored ?? null) === expected;
    if (swapped) session.values.set(key, value);
    const after = session.values.get(key);
    if (after === undefined) view.delete(key);
    else view.set(key, after);
    return swapped;
  }

  #end(visit: VisitModel): void {
    if (visit.session !== undefined && visit.id !== undefined) {
      visit.ending.push(visit.id);
      visit.endings += 1;
    }
    this.#leave(visit);
  }

  #leave(visit: VisitModel): void {
    visit.session = visit.madeAt = visit.id = visit.next = undefined;
    visit.superseded = visit.owesCookie = false;
    visit.changes = [];
    visit.view = new Map();
  }

  #sweep(): void {
    for (const { session } of this.#ids.values()) if (!this.#isLive(session)) session.ended = true;
  }

  /** What is not saved is dropped, but for endings. */
  #rollback(visit: VisitModel): void {
    visit.changes = [];
    visit.next = undefined;
    if (visit.session === undefined) this.#leave(visit);
  }

  #commit(visit: VisitModel): void {
    for (const id of visit.ending.splice(0)) this.#commitEnding(visit, id);
    const { session, changes, next } = visit;
    visit.changes = [];
    visit.next = undefined;
    if (session === undefined) this.#commitNew(visit);
    else if (changes.length > 0 || next !== undefined) this.#commitChanges(visit, session, changes, next);
  }

  #commitEnding(visit: VisitModel, id: string): void {
    const session = this.#ids.get(id)?.session;
    if (session === undefined || session.ended) return;
    session.ended = visit.hasEnded = true;
    this.seen.ended += 1;
  }

  #commitNew(visit: VisitModel): void {
    const { madeAt, id, view } = visit;
    if (madeAt === undefined || id === undefined) return;
    const session = { madeAt, values: new Map(view), newest: id, ended: false };
    this.#ids.set(id, { session, until: Infinity });
    Object.assign(visit, { session, madeAt: undefined, owesCookie: true });
  }

  #commitChanges(
    visit: VisitModel,
    session: StoredModel,
    changes: VisitModel['changes'],
    next: VisitModel['next'],
  ): void {
    if (!this.#isLive(session) || !this.#isGood(visit.id)) {
      visit.owesCookie = false;
      if (changes.length > 0) this.seen.dropped += 1;
      return;
    }
    for (const { apply } of changes) apply(session.values);
    this.seen.commits += 1;
    if (visit.id === session.newest) this.#rename(visit, session, next);
    else this.#follow(visit, session, next);
  }

  #rename(visit: VisitModel, session: StoredModel, next: VisitModel['next']): void {
    if (next?.id === undefined) return;
    const before = this.#ids.get(session.newest) as Id;
    before.until = this.now + next.grace;
    before.newer = next.id;
    session.newest = visit.id = next.id;
    this.#ids.set(next.id, { session, until: Infinity });
    visit.owesCookie = true;
    this.seen.renamed += 1;
  }

  /** Another visit has given the session another id. One that wanted the same gets that. */
  #follow(visit: VisitModel, session: StoredModel, next: VisitModel['next']): void {
    this.seen.merged += 1;
    visit.owesCookie = false;
    if (next === undefined) return;
    visit.superseded = false;
    visit.id = session.newest;
    visit.owesCookie = visit.hasAdopted = true;
  }

  /** Whether neither its grace nor that of an id that followed it is over. */
  #isGood(id = ''): boolean {
    const { until, newer } = this.#ids.get(id) as Id;
    return newer === undefined || (this.now < until && this.#isGood(newer));
  }

  #judgeCookie(number: number, visit: VisitModel, how: Finish, cookie: string | undefined): void {
    const { session, id, owesCookie, hasEnded, endings } = visit;
    const isOwed = owesCookie && session !== undefined && how !== 'throw';
    const mayClear = hasEnded && how !== 'throw';
    if (cookie === '') {
      if (!mayClear) this.#violated(`visit ${number} clears the cookie of a session that it has not ended`);
    } else if (cookie !== undefined) {
      if (!isOwed || cookie !== id) this.#violated(`visit ${number} sends an id that is not its own to send`);
    } else {
      if (isOwed && (how === 'ok' || !visit.hasAdopted) && !this.#isMoot(visit))
        this.#violated(`visit ${number} does not send the id of its session`);
      if (mayClear && endings === 1 && session === undefined)
        this.#violated(`visit ${number} does not clear the cookie of the session that it has ended`);
    }
  }

  /** An id that was taken over from another visit need not be sent once it is not the session's any more. */
  #isMoot({ session, id, hasAdopted }: VisitModel): boolean {
    return hasAdopted && session !== undefined && (!this.#isLive(session) || session.newest !== id);
  }

  #expect(what: string, found: unknown, wanted: unknown): void {
    if (textOf(found) !== textOf(wanted))
      this.#violated(`${what}: ${textOf(found)} instead of ${textOf(wanted)}`);
  }

  #violated(what: string): void {
    this.violations.push(what);
    this.#note(`WRONG: ${what}`);
  }

  #note(what: string): void {
    this.steps.push(`${this.now % 1_000_000} s: ${what}`);
  }

  /** Ids are random, so a replayed schedule has others. */
  #nameOf(id: string | undefined): string {
    if (id === undefined) return 'no cookie';
    return id === '' ? 'an empty cookie' : `id ${this.ids.indexOf(id)}`;
  }
}

/** The same text for the same values, in whatever order their keys are. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value as Record<string, number>);
  return JSON.stringify(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
