import type { Environ } from '../app/environ.js';
import { allSettled } from '../app/promise.js';
import type { Connection } from '../database/connection.js';
import { transactionOpen } from '../database/write-queue.js';
import type { Commit, CommitResult, Ending } from './driver.js';
import { SessionError } from './errors.js';
import { deadlineOf } from './expiry.js';
import type { Notice } from './notices.js';
import type { Session, Taken } from './session.js';
import { keyOf, type SessionKey } from './session-id.js';
import type { SetCookies } from './set-cookies.js';
import type { VisitSettings } from './settings.js';
import { openNext } from './successor.js';
import type { Update } from './values.js';
import type { Ended } from './watcher.js';

/** What became of the request's changes. `dropped`: the session had ended, or the reply failed. */
export type Outcome = 'unchanged' | 'committed' | 'dropped';

/** How a session ends. */
export type Farewell = Pick<Ending, 'reason' | 'corrupt'>;

/** What commits need to know of the request. */
export interface Committing {
  readonly settings: VisitSettings;
  readonly environ: Environ;
  readonly cookies: SetCookies;
  readonly connection: Connection | undefined;
  /** The applications around this request that have an `onEnd`. */
  readonly listening: () => ReadonlySet<string> | undefined;
  /** The session that the request has by now. */
  readonly current: () => Session | undefined;
}

/** Brings one request's changes to the driver, one commit at a time, and keeps what failed for the next. */
export class Commits {
  readonly #of: Committing;
  /** Made when needed, as most requests end nothing. */
  #endings: Parting[] | undefined;
  /** Callbacks for the end of the session whose commit is to come. */
  #callbacks: Ended[] | undefined;
  #saving: Promise<void> | undefined;
  #outcome: Outcome = 'unchanged';
  /** Whether changes were dropped, whatever else was committed. */
  #lost = false;

  constructor(of: Committing) {
    this.#of = of;
  }

  get outcome(): Outcome {
    return this.#outcome;
  }

  /** Whether a commit is under way, or there is something for one. */
  get waiting(): boolean {
    if (this.#saving !== undefined || this.#callbacks !== undefined || this.ending) return true;
    return this.#of.current()?.changed === true;
  }

  /** Whether a session is to be ended. */
  get ending(): boolean {
    return this.#endings !== undefined && this.#endings.length > 0;
  }

  /** Resolves when no commit is under way; undefined when none is. */
  get idle(): Promise<void> | undefined {
    return this.#saving;
  }

  /** The session ends with the next commit. Its key is asked for then: a commit under way may change it. */
  end(of: { readonly key: SessionKey }, farewell: Farewell): void {
    (this.#endings ??= []).push({ of, farewell });
  }

  /** The session is watched from the next commit on. */
  watch(callback: Ended): void {
    (this.#callbacks ??= []).push(callback);
  }

  /** The session that was to be watched is left, or its changes are dropped. */
  forgetCallbacks(): void {
    this.#callbacks = undefined;
  }

  /** The changes were dropped, since the request failed. */
  noteFailure(): void {
    this.#lost = true;
    this.#outcome = 'dropped';
    this.#of.settings.notices.tell('drop', { reason: 'failed' });
  }

  save(): Promise<void> {
    return this.#inTurn(() => this.#commit());
  }

  /** Commits the change of one key by itself. Resolves with whether the session was still there. */
  alone(session: Session, app: string, key: string, update: Update): Promise<boolean> {
    const { settings, listening, cookies } = this.#of;
    return this.#inTurn(async () => {
      const taken = session.alone(settings.clock.now(), app, key, update, listening());
      const { commit } = taken;
      try {
        const result = await settings.driver.commit(commit);
        this.#note(session, commit, result);
        if (result === 'gone') return false;
      } catch (error) {
        taken.giveBack();
        throw error;
      }
      if (commit.create !== undefined) cookies.seal(); // what else waits belongs to changes that do
      taken.done();
      return true;
    });
  }

  /** One commit at a time: the next takes what has changed when the one before is done. */
  #inTurn<T>(commit: () => Promise<T>): Promise<T> {
    const before = this.#saving;
    const mine = before === undefined ? commit() : before.then(commit);
    const done = () => {
      if (this.#saving === settled) this.#saving = undefined;
    };
    const settled: Promise<void> = mine.then(done, done);
    this.#saving = settled;
    return mine;
  }

  /** Most commits are of changes alone, and need not wait for more. */
  #commit(): Promise<void> {
    const isPlain = this.#endings === undefined && this.#callbacks === undefined;
    return isPlain ? this.#commitChanges() : this.#commitAll();
  }

  /** The changes, the endings and the callbacks. */
  async #commitAll(): Promise<void> {
    this.#refuseOpenTransaction();
    const session = this.#of.current();
    const endings = this.#endings ?? [];
    const callbacks = this.#callbacks;
    this.#endings = this.#callbacks = undefined;
    const ending = endings.map((parting) => this.#commitEnding(parting));
    try {
      await allSettled([...ending, this.#commitChanges()]);
    } catch (error) {
      if (this.#of.current() === session) this.#keep(callbacks);
      throw error;
    }
    if (session !== undefined && callbacks !== undefined) this.#watch(session, callbacks);
  }

  /** They wait for the next commit, before those that were added since. */
  #keep(callbacks: readonly Ended[] | undefined): void {
    if (callbacks !== undefined) this.#callbacks = [...callbacks, ...(this.#callbacks ?? [])];
  }

  async #commitEnding(parting: Parting): Promise<void> {
    const { driver, clock } = this.#of.settings;
    const { of, farewell } = parting;
    const { key } = of;
    try {
      this.#noteEnding(key, farewell, await driver.end({ key, now: clock.now(), ...farewell }));
    } catch (error) {
      (this.#endings ??= []).push(parting);
      throw error;
    }
  }

  #refuseOpenTransaction(): void {
    if (this.#of.connection?.undoOpenTransaction() === true) throw transactionOpen();
  }

  async #commitChanges(): Promise<void> {
    this.#refuseOpenTransaction();
    const { settings, cookies, listening } = this.#of;
    const session = this.#of.current();
    const taken = session?.changed === true ? session.take(settings.clock.now(), listening()) : undefined;
    const unseal = cookies.seal();
    if (session === undefined || taken === undefined) return;
    let result: CommitResult;
    try {
      result = await settings.driver.commit(taken.commit);
      this.#note(session, taken.commit, result);
    } catch (error) {
      taken.giveBack();
      unseal();
      if (!isUseOnly(taken.commit)) throw error;
      settings.report(error); // a reader is to be answered although its use cannot be recorded
      return;
    }
    const looking = this.#noteCommitted(session, taken, result);
    if (looking !== undefined) await looking;
  }

  /** Undefined when nothing is to be looked up, which costs nobody a turn of waiting. */
  #noteCommitted(session: Session, taken: Taken, result: CommitResult): Promise<void> | undefined {
    const { notices, watcher } = this.#of.settings;
    if (taken.commit.move !== undefined) watcher.due(session.key, deadlineOf(session.moments));
    for (const app of taken.merged()) notices.tell('merge', { app });
    if (taken.left === undefined) return undefined;
    if (result !== 'gone') return this.#noteNext(session, taken, result);
    session.adopt(taken.left);
    return undefined;
  }

  #note(session: Session, commit: Commit, result: CommitResult): void {
    const { notices } = this.#of.settings;
    if (result === 'exists') throw idTaken();
    if (result !== 'committed') this.#of.cookies.refuse(commit.rename?.to ?? commit.key);
    if (result === 'gone') session.gone = true;
    if (isUseOnly(commit)) return;
    if (result === 'gone') {
      this.#lost = true;
      notices.tell('drop', { reason: 'ended' });
    } else if (notices.heard('commit')) notices.tell('commit', noticeOf(commit));
    this.#outcome = this.#lost ? 'dropped' : 'committed';
  }

  /** The session has another id: the one it was given here, or that another request was first to give it. */
  async #noteNext(session: Session, { commit, left = '' }: Taken, result: CommitResult): Promise<void> {
    const { cookies, environ, settings } = this.#of;
    const { watcher, carrier, clock } = settings;
    if (commit.rename !== undefined && result === 'committed') {
      watcher.moved(commit.key, commit.rename.to);
      return;
    }
    const id = await this.#newestIdOrNone(left);
    session.adopt(id ?? left);
    if (id === undefined) cookies.refuse(keyOf(left));
    else if (session.inCookie && session.id === id) {
      const { expireTime } = session.moments;
      cookies.add(carrier.cookie.write(id, isHttps(environ), expireTime, clock.now()), true, keyOf(id));
    }
  }

  /** The changes are committed by now: a failure here is nothing that the request could mend. */
  async #newestIdOrNone(older: string): Promise<string | undefined> {
    try {
      return await this.#newestId(older);
    } catch (error) {
      this.#of.settings.report(error);
      return undefined;
    }
  }

  /**
   * The id that a session has now, by one that it had: each leads to the next. Undefined when it has ended since, or when one
   * on the way is past its grace: who is late is not told.
   */
  async #newestId(older: string): Promise<string | undefined> {
    const { driver, clock } = this.#of.settings;
    const stored = await driver.load(keyOf(older));
    if (stored?.alias === undefined) return stored && older;
    if (clock.now() >= stored.alias.until) return undefined;
    return this.#newestId(openNext(older, stored.alias.next));
  }

  /** Somebody else may have ended it before: then only the line that clears its cookie is not ours to send. */
  #noteEnding(key: SessionKey, { reason }: Farewell, applied: boolean): void {
    const { notices, watcher } = this.#of.settings;
    if (applied) notices.tell('end', { reason });
    watcher.ended(key, applied ? reason : undefined);
    if (!applied) this.#of.cookies.refuse('ending');
    if (applied && !this.#lost) this.#outcome = 'committed';
    else if (this.#outcome === 'unchanged') this.#outcome = 'dropped';
  }

  #watch(session: Session, callbacks: readonly Ended[]): void {
    for (const callback of callbacks) {
      this.#of.settings.watcher.watch(session.key, deadlineOf(session.moments), callback);
    }
  }
}

/** A session that is to be ended. */
interface Parting {
  readonly of: { readonly key: SessionKey };
  readonly farewell: Farewell;
}

export function isHttps(environ: Environ): boolean {
  return environ['tsgi.url_scheme'] === 'https';
}

/** Whether it records that the session was used, and nothing that the request changed. */
function isUseOnly({ create, move, empty, changes, register, rename }: Commit): boolean {
  if (create !== undefined || empty === true || register !== undefined || rename !== undefined) return false;
  return changes.size === 0 && move?.accessed !== undefined && move.expireTime === undefined;
}

function noticeOf({ create, rename, changes }: Commit): Notice['commit'] {
  return { created: create !== undefined, regenerated: rename !== undefined, applications: changes.size };
}

function idTaken(): SessionError {
  return new SessionError(
    'ID_TAKEN',
    'A new session id is taken already. Check the random numbers of this machine.',
  );
}
