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
  readonly listening: ReadonlySet<string> | undefined;
  /** Whether the session that the request came with is in the browser's cookie. */
  readonly inCookie: () => boolean;
  /** The session that the request has by now. */
  readonly current: () => Session | undefined;
}

/** Brings one request's changes to the driver, one commit at a time, and keeps what failed for the next. */
export class Commits {
  readonly #of: Committing;
  /** Made when needed, as most requests end nothing. */
  #endings: Map<SessionKey, Farewell> | undefined;
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
    return this.#endings !== undefined && this.#endings.size > 0;
  }

  /** The session ends with the next commit. */
  end(key: SessionKey, farewell: Farewell): void {
    (this.#endings ??= new Map()).set(key, farewell);
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
      const { commit, done } = session.alone(settings.clock.now(), app, key, update, listening);
      if ((await this.#send(commit)) === 'gone') return false;
      if (commit.create !== undefined) cookies.seal(); // what else waits belongs to changes that do
      done();
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

  async #commit(): Promise<void> {
    const { settings, connection, cookies, listening } = this.#of;
    if (connection?.undoOpenTransaction() === true) throw transactionOpen();
    const endings = [...(this.#endings ?? [])];
    this.#endings = undefined;
    const session = this.#of.current();
    const taken = session?.changed === true ? session.take(settings.clock.now(), listening) : undefined;
    const unseal = cookies.seal();
    const commits = endings.map((ending) => this.#commitEnding(...ending));
    if (session !== undefined && taken !== undefined) commits.push(this.#commitTaken(session, taken, unseal));
    await allSettled(commits);
    if (session !== undefined) this.#startWatching(session);
  }

  async #commitEnding(key: SessionKey, farewell: Farewell): Promise<void> {
    const { driver, clock } = this.#of.settings;
    try {
      this.#noteEnding(key, farewell, await driver.end({ key, now: clock.now(), ...farewell }));
    } catch (error) {
      (this.#endings ??= new Map()).set(key, farewell);
      throw error;
    }
  }

  async #commitTaken(session: Session, taken: Taken, unseal: () => void): Promise<void> {
    try {
      const result = await this.#send(taken.commit);
      for (const app of taken.merged()) this.#of.settings.notices.tell('merge', { app });
      if (taken.left !== undefined && result !== 'gone') await this.#noteNext(session, taken, result);
    } catch (error) {
      taken.giveBack();
      unseal();
      throw error;
    }
  }

  async #send(commit: Commit): Promise<CommitResult> {
    const { driver, notices } = this.#of.settings;
    const result = await driver.commit(commit);
    if (isUseOnly(commit)) return result;
    if (result === 'exists') throw idTaken();
    if (result !== 'committed') this.#of.cookies.refuse(commit.rename?.to ?? commit.key);
    if (result === 'gone') {
      this.#lost = true;
      notices.tell('drop', { reason: 'ended' });
    } else if (notices.heard('commit')) notices.tell('commit', noticeOf(commit));
    this.#outcome = this.#lost ? 'dropped' : 'committed';
    return result;
  }

  /** The session has another id: the one it was given here, or that another request was first to give it. */
  async #noteNext(session: Session, { commit, left = '' }: Taken, result: CommitResult): Promise<void> {
    const { cookies, environ, settings, inCookie } = this.#of;
    const { watcher, carrier, clock } = settings;
    if (commit.rename !== undefined && result === 'committed') {
      watcher.moved(commit.key, commit.rename.to);
      return;
    }
    const id = await this.#newestId(left);
    session.adopt(id ?? left);
    if (id === undefined) cookies.refuse(keyOf(left));
    else if (inCookie()) {
      const { expireTime } = session.moments;
      cookies.add(carrier.cookie.write(id, isHttps(environ), expireTime, clock.now()), true, keyOf(id));
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

  #startWatching(session: Session): void {
    const callbacks = this.#callbacks ?? [];
    this.#callbacks = undefined;
    for (const callback of callbacks) {
      this.#of.settings.watcher.watch(session.key, deadlineOf(session.moments), callback);
    }
  }
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
