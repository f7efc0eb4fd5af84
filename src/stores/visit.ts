import type { Environ } from '../app/environ.js';
import type { Header } from '../app/headers.js';
import type { Connection, Participant } from '../database/connection.js';
import type { Carried } from './carrier.js';
import { Commits, type Farewell, isHttps, type Outcome } from './commits.js';
import type { EndReason, Registration, StoredSession } from './driver.js';
import { corruptValuesOf } from './corrupt.js';
import { SessionError } from './errors.js';
import { isTouchDue, judge, type Moments, type Verdict } from './expiry.js';
import { refuseUnlessStill, sendAgain } from './late-cookies.js';
import { lockLost, type LockOptions, SessionLock } from './lock.js';
import { checkPower } from './powers.js';
import { Session } from './session.js';
import { isSessionId, keyOf, newSessionId, type SessionKey } from './session-id.js';
import { SetCookies } from './set-cookies.js';
import type { VisitSettings } from './settings.js';
import type { Update } from './values.js';
import type { Ended } from './watcher.js';

/**
 * One request's use of its session: found at the first look, made at the first use, committed at the end. The manager
 * and its stores are faces of it; the session layer opens and finishes it.
 */
export class Visit implements Participant {
  readonly settings: VisitSettings;
  readonly environ: Environ;
  readonly cookies: SetCookies = new SetCookies();
  readonly #connection: Connection | undefined;
  /** What was read before the application ran, for a driver that cannot read at once. */
  #readAhead: StoredSession | undefined;
  /** What the request came with; null until somebody asks. */
  #carried: Carried | undefined | null = null;
  /** Made when needed, as most requests change nothing. */
  #madeCommits: Commits | undefined;
  /** The applications around this request that have an `onEnd`. */
  #listening: Set<string> | undefined;
  #session: Session | undefined;
  #verdict: Verdict | undefined;
  /** When the session was last found. */
  #usedAt = 0;
  /** What this request has ended, committed or not. */
  #ended: Set<Session | StoredSession> | undefined;
  #lock: SessionLock | undefined;
  /** Locks of sessions that were left. */
  #leftLocks: SessionLock[] | undefined;
  #created = true;
  #wasInvalidated = false;
  #chosenEnd: number | undefined;
  #clearByHand = false;
  /** Whether the cookie is, or is to be, that of the session that was ended. */
  #clears = true;
  #closed = false;

  constructor(settings: VisitSettings, environ: Environ, connection?: Connection) {
    this.settings = settings;
    this.environ = environ;
    this.#connection = connection;
  }

  /** Reads ahead for a driver that cannot read at once; undefined when there is nothing to wait for. */
  prepare(): Promise<void> | undefined {
    if (this.settings.driver.loadNow !== undefined) return undefined;
    const id = this.cookieSessionID();
    return id !== undefined && isSessionId(id) ? this.#read(keyOf(id)) : undefined;
  }

  /** The application's `onEnd` is to hear of the end of the sessions that it uses here. */
  listen(app: string): void {
    (this.#listening ??= new Set()).add(app);
  }

  get https(): boolean {
    return isHttps(this.environ);
  }

  /** Whether the reply has been given. */
  get closed(): boolean {
    return this.#closed;
  }

  get outcome(): Outcome {
    return this.#madeCommits?.outcome ?? 'unchanged';
  }

  /** Whether anybody looked: the reply then depends on the cookie. */
  get looked(): boolean {
    return this.#verdict !== undefined;
  }

  get verdict(): Verdict {
    this.look();
    return this.#verdict ?? NONE;
  }

  /** Whether this request came without a valid session, or has ended it. */
  get created(): boolean {
    this.look();
    return this.#created;
  }

  /** Whether it came with an id that led to no valid session, or the session was invalidated. */
  get wasInvalidated(): boolean {
    this.look();
    return this.#wasInvalidated;
  }

  /** The moments that the session has, or would have if it were made now. */
  get moments(): Moments {
    return this.look()?.moments ?? this.#newMoments(this.settings.lifetime, this.#chosenEnd);
  }

  /** What the request came with. */
  get carried(): Carried | undefined {
    if (this.#carried === null) this.#carried = this.settings.carrier.read(this.environ);
    return this.#carried;
  }

  cookieSessionID(): string | undefined {
    return this.carried?.id;
  }

  /** The session this request has, if it has one. Finds it at the first look. */
  look(): Session | undefined {
    if (this.#verdict === undefined) this.#find();
    return this.#session;
  }

  /** The session this request changes. Makes one when there is none. */
  use(): Session {
    this.#assertOpen();
    const session = this.look() ?? this.make();
    this.#connection?.enlist(this);
    return session;
  }

  /** With a lifetime of its own, or the layer's and the end that was chosen. */
  make(ownLifetime?: number, sendCookie = true): Session {
    this.#assertOpen();
    const lifetime = ownLifetime ?? this.settings.lifetime;
    const moments = this.#newMoments(lifetime, ownLifetime === undefined ? this.#chosenEnd : undefined);
    this.#chosenEnd = undefined;
    const { usesCookies } = this.settings.carrier;
    this.#session = new Session(this.settings, newSessionId(), moments, usesCookies);
    this.#connection?.enlist(this);
    if (usesCookies) this.setCookie(sendCookie);
    return this.#session;
  }

  /** Makes a stored session the current one; without an id, none. One that this request has ended stays ended. */
  async load(id: string | undefined): Promise<void> {
    await this.#madeCommits?.idle;
    const before = this.#session;
    this.#assertLoadable('load()', before);
    if (id === undefined || !isSessionId(id)) {
      this.#goWithout(id);
      return;
    }
    const stored = await this.settings.driver.load(keyOf(id));
    this.#assertLoadable('load()', before);
    this.#adopt(id, stored !== undefined && this.#hasEnded(stored) ? undefined : stored);
  }

  setExpire(expireTime: number): void {
    this.#assertOpen();
    const session = this.look();
    if (session === undefined) {
      this.#chosenEnd = expireTime;
      return;
    }
    session.move({ expireTime });
    this.#connection?.enlist(this);
    if (this.settings.carrier.followsSession && session.inCookie) this.setCookie(true);
  }

  /** Records this use of the session, whether one was recorded shortly before or not. */
  touch(): void {
    this.#assertOpen();
    if (this.look()?.stored !== true) return;
    this.#usedAt = this.settings.clock.now();
    this.use().move({ accessed: this.#usedAt });
  }

  /** Gives the session another id. The older one leads to it for as many seconds. */
  regenerate(grace: number): void {
    this.#assertOpen();
    checkPower(this.settings.driver, 'aliases', 'regenerate()');
    if (this.look()?.stored !== true) return;
    const session = this.use();
    session.regenerate(grace);
    if (session.inCookie) this.setCookie(true);
  }

  /** Ends the session for this request now; the driver hears of it with the commit. */
  end(reason: EndReason, sendCookie = true): void {
    this.#assertOpen();
    const session = this.look();
    if (reason === 'invalidated') this.#wasInvalidated = true;
    if (session === undefined) return;
    if (session.stored) this.#farewell(session, { reason });
    this.#clearByHand = !sendCookie;
    this.#clears = session.inCookie;
    this.#leave();
  }

  /** Drops the values of all applications. The session stays. Resolves when that is durable. */
  async empty(): Promise<void> {
    this.#assertOpen();
    if (this.look() === undefined) return;
    this.use().empty();
    await this.save();
  }

  /**
   * Has a handler called at the session's end, wherever. Resolves when that is durable, with whether the session was still
   * there.
   */
  async register(registration: Registration): Promise<boolean> {
    checkPower(this.settings.driver, 'events', 'notifyOnExpire() with a name');
    const session = this.use();
    session.register(registration);
    await this.save();
    return !session.gone;
  }

  /** Has a callback called at the session's end, in this process. It counts once the session is stored. */
  watch(callback: Ended): void {
    this.use();
    this.#commits.watch(callback);
  }

  /** Waits for the lock of the session, and reads it again. Makes and saves one when there is none. */
  async lock(options: LockOptions): Promise<SessionLock> {
    await this.#madeCommits?.idle;
    const session = this.use();
    if (session.stored) this.#assertLoadable('lock()', session);
    else await this.save();
    const lock = (this.#lock ??= new SessionLock(this.settings));
    await lock.take(session.key, options, () => this.#closed);
    if (this.#closed) await lock.release();
    await this.load(session.id);
    return lock;
  }

  /** Saves, and gives the lock back. */
  async unlock(): Promise<void> {
    await this.save();
    await this.#lock?.release();
  }

  /** Runs what nobody else who asks for the lock runs meanwhile. What it changes is saved as a whole or not at all. */
  async withLock<T>(work: () => T | Promise<T>, options: LockOptions): Promise<T> {
    const isHeldAlready = this.#lock?.held === true;
    const lock = await this.lock(options);
    try {
      const result = await work();
      if (!(await lock.prolong(options))) throw lockLost();
      await this.save();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    } finally {
      if (!isHeldAlready) await lock.release();
    }
  }

  /** Queues the cookie of the session, making one when there is none. */
  setCookie(send: boolean): Header {
    const { carrier, clock } = this.settings;
    const { cookie } = carrier;
    const { id, moments } = this.use();
    return this.cookies.add(cookie.write(id, this.https, moments.expireTime, clock.now()), send, keyOf(id));
  }

  /** Queues a cookie that makes the browser forget the session's. */
  clearCookie(send: boolean): Header {
    this.#assertOpen();
    return this.cookies.add(this.settings.carrier.cookie.clear(this.https), send, 'ending');
  }

  /** Commits what changed so far. Resolves when it is durable; what then fails does not drop it. */
  save(): Promise<void> {
    const saving = this.#saveOpen();
    saving.catch(() => undefined); // what failed is committed again by finish(), so nobody has to wait for it here
    return saving;
  }

  /** Commits the change of one key by itself, at once. Resolves with whether the session was still there. */
  async commitAlone(app: string, key: string, update: Update): Promise<boolean> {
    const session = this.use();
    if (session.values(app).changes(key)) throw unsaved('compareAndSet() of a key');
    return this.#commits.alone(session, app, key, update);
  }

  /** Drops the values that changed since the last `save`. An ended session stays ended. */
  rollback(): void {
    const session = this.#session;
    if (session === undefined || this.#closed) return;
    this.#madeCommits?.forgetCallbacks();
    session.rollback();
    if (session.stored) this.cookies.rollback();
    else this.#leave();
  }

  /**
   * For the session layer: the last thing of a request. Unless it may keep its changes, they are dropped, but for
   * endings: a logout must not fail open. That the session was used is recorded in any case. Undefined when there is
   * nothing to wait for.
   */
  finish(keep: boolean): Promise<void> | undefined {
    if (!keep) this.#drop();
    this.noteUse();
    this.#closed = true;
    const saving = this.#isWaiting ? this.#commits.save() : this.#checkCookie();
    const ending = this.signAgain(saving);
    return this.#lock === undefined && this.#leftLocks === undefined ? ending : this.#releaseAfter(ending);
  }

  /**
   * The cookie was signed by an older secret. It is sent anew when nothing else is, and when the session is still there: what
   * has ended, or got another id meanwhile, may have left a newer cookie in the browser.
   */
  signAgain(saving: Promise<void> | undefined): Promise<void> | undefined {
    const carried = this.#carried;
    return carried?.aged === true && carried.by === 'cookie' ? sendAgain(this, carried.id, saving) : saving;
  }

  /** A line that no commit has judged is not sent for a session that has ended, or got another id, meanwhile. */
  #checkCookie(): Promise<void> | undefined {
    const session = this.#session;
    const isUnjudged = session?.stored === true && this.cookies.waitsUnsealed(session.key);
    return isUnjudged ? refuseUnlessStill(this, session.key) : undefined;
  }

  async #releaseAfter(ending: Promise<void> | undefined): Promise<void> {
    try {
      await ending;
    } finally {
      for (const lock of this.#leftLocks ?? []) await lock.release();
      await this.#lock?.release();
    }
  }

  #drop(): void {
    if (this.#session?.changed === true) {
      this.rollback();
      this.#commits.noteFailure();
    } else this.#madeCommits?.forgetCallbacks();
  }

  async #saveOpen(): Promise<void> {
    if (!this.#isWaiting) return;
    this.#assertOpen();
    await this.#commits.save();
  }

  get #commits(): Commits {
    return (this.#madeCommits ??= new Commits({
      settings: this.settings,
      environ: this.environ,
      cookies: this.cookies,
      connection: this.#connection,
      listening: () => this.#listening,
      current: () => this.#session,
    }));
  }

  /** Whether there is a commit to wait for, or to be made. */
  get #isWaiting(): boolean {
    return this.#madeCommits?.waiting ?? this.#session?.changed === true;
  }

  /**
   * Records that the session is used, for the next commit. A use shortly after one that was recorded needs no write: the
   * deadline leaves room for it.
   */
  noteUse(): void {
    const session = this.#session;
    if (session?.stored !== true || session.moments.idle === Infinity) return;
    if (isTouchDue(session.moments, this.#usedAt)) session.move({ accessed: this.#usedAt });
    else this.settings.notices.tell('touch-saved', {});
  }

  #newMoments(lifetime: number, chosenEnd: number | undefined): Moments {
    const now = this.settings.clock.now();
    const expireTime = chosenEnd ?? now + lifetime;
    return { createdAt: now, accessed: now, lifetime, expireTime, idle: this.settings.idle };
  }

  #find(): void {
    this.#assertOpen();
    const id = this.cookieSessionID();
    if (id === undefined || !isSessionId(id)) this.#goWithout(id);
    else this.#adopt(id, this.#readAhead ?? this.settings.driver.loadNow?.(keyOf(id)));
  }

  async #read(key: SessionKey): Promise<void> {
    this.#readAhead = await this.settings.driver.load(key);
  }

  #adopt(id: string, stored: StoredSession | undefined): void {
    this.#usedAt = this.settings.clock.now();
    const verdict = this.#judge(stored);
    const live = verdict.state === 'live' && stored !== undefined;
    this.#verdict = verdict;
    const isInCookie = this.#carried?.by === 'cookie' && this.#carried.id === id;
    this.#session = live ? new Session(this.settings, id, stored, isInCookie, stored) : undefined;
    this.#created = !live;
    this.#wasInvalidated = !live;
    if (live && stored.alias !== undefined) this.cookies.refuse(keyOf(id));
    if (verdict.state === 'corrupt' && isInCookie) this.clearCookie(true);
    this.settings.notices.tell('load', { state: verdict.state });
  }

  #judge(stored: StoredSession | undefined): Verdict {
    const { invalidateCorrupt, notices } = this.settings;
    const verdict = judge(stored, this.#usedAt);
    if (verdict.state === 'superseded') notices.tell('reuse', { lateBy: verdict.lateBy });
    if (verdict.state !== 'live' || stored === undefined || invalidateCorrupt === 'throw') return verdict;
    const corrupt = corruptValuesOf(stored, this.settings.codec);
    if (corrupt.length === 0) return verdict;
    const kept = invalidateCorrupt === 'quarantine';
    this.#farewell(stored, { reason: 'corrupt', ...(kept && { corrupt }) });
    notices.tell('quarantine', { values: corrupt.length, kept });
    return { state: 'corrupt' };
  }

  /** There is no id, or none that could be one of ours. */
  #goWithout(id: string | undefined): void {
    this.#verdict = id === undefined ? NONE : judge(undefined, 0);
    this.#session = undefined;
    this.#created = true;
    this.#wasInvalidated = id !== undefined;
    this.settings.notices.tell('load', { state: this.#verdict.state });
  }

  /** The session ends with the commit. */
  #farewell(of: Session | StoredSession, farewell: Farewell): void {
    this.#commits.end(of, farewell);
    (this.#ended ??= new Set()).add(of);
  }

  #hasEnded({ key }: StoredSession): boolean {
    for (const ended of this.#ended ?? []) if (ended.key === key) return true;
    return false;
  }

  /** Goes on without a session. A cookie that leads to an ended one is cleared. */
  #leave(): void {
    this.#session = undefined;
    this.#verdict = NONE;
    this.#created = true;
    if (this.#lock !== undefined) (this.#leftLocks ??= []).push(this.#lock);
    this.#lock = undefined;
    this.#madeCommits?.forgetCallbacks();
    this.cookies.rollback();
    if (this.#madeCommits?.ending === true && this.#clears) this.clearCookie(!this.#clearByHand);
  }

  #assertLoadable(what: string, before: Session | undefined): void {
    this.#assertOpen();
    if (this.#session !== before || before?.changed === true) throw unsaved(what);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new SessionError(
      'REPLY_SENT',
      'The reply has been given, so the session can be neither opened nor changed. Do it before answering.',
    );
  }
}

const NONE: Verdict = { state: 'none' };

function unsaved(what: string): SessionError {
  return new SessionError(
    'UNSAVED',
    `${what} met changes that are not saved. Call save() or rollback() before it.`,
  );
}
