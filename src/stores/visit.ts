import type { Environ } from '../app/environ.js';
import { allSettled } from '../app/promise.js';
import type { Header } from '../app/headers.js';
import type { Connection, Participant } from '../database/connection.js';
import { transactionOpen } from '../database/write-queue.js';
import type { Carried, Carrier } from './carrier.js';
import type { Clock } from './clock.js';
import type { Codec } from './codec.js';
import type { Commit, Driver, EndReason, StoredSession } from './driver.js';
import { SessionError } from './errors.js';
import { judge, type Verdict } from './expiry.js';
import { Session, type Taken } from './session.js';
import { isSessionId, keyOf, newSessionId, type SessionKey } from './session-id.js';
import { SetCookies } from './set-cookies.js';
import type { Update } from './values.js';

/** What one session layer gives to all its visits. */
export interface VisitSettings {
  readonly driver: Driver;
  readonly carrier: Carrier;
  readonly codec: Codec;
  readonly clock: Clock;
  /** The life of a new session in seconds. Infinity: no fixed end. */
  readonly lifetime: number;
}

/** What became of the request's changes. `dropped`: the session had ended, or the reply failed. */
export type Outcome = 'unchanged' | 'committed' | 'dropped';

/**
 * One request's use of its session: found at the first look, made at the first use, committed at the end. The manager
 * and its stores are faces of it; the session layer opens and finishes it.
 */
export class Visit implements Participant {
  readonly settings: VisitSettings;
  readonly environ: Environ;
  readonly cookies: SetCookies = new SetCookies();
  readonly #connection: Connection | undefined;
  /** What the request came with; null until somebody asks. */
  #carried: Carried | undefined | null = null;
  /** Made when needed, as most requests end nothing. */
  #endings: Map<SessionKey, EndReason> | undefined;
  #session: Session | undefined;
  #verdict: Verdict | undefined;
  /** What this request has ended, committed or not. */
  #ended: Set<SessionKey> | undefined;
  #created = true;
  #chosenEnd: number | undefined;
  #clearByHand = false;
  /** Whether the cookie is, or is to be, that of the session that was ended. */
  #clears = true;
  #saving: Promise<void> | undefined;
  #outcome: Outcome = 'unchanged';
  /** Whether changes were dropped, whatever else was committed. */
  #lost = false;
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
    return id !== undefined && isSessionId(id) ? this.load(id) : undefined;
  }

  get https(): boolean {
    return this.environ['tsgi.url_scheme'] === 'https';
  }

  /** Whether the reply has been given. */
  get closed(): boolean {
    return this.#closed;
  }

  get outcome(): Outcome {
    return this.#outcome;
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

  /** The end that the session has, or will have when it is made. */
  get expireTime(): number {
    const { clock, lifetime } = this.settings;
    return this.look()?.moments.expireTime ?? this.#chosenEnd ?? clock.now() + lifetime;
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
    const now = this.settings.clock.now();
    const lifetime = ownLifetime ?? this.settings.lifetime;
    const expireTime = (ownLifetime === undefined ? this.#chosenEnd : undefined) ?? now + lifetime;
    this.#chosenEnd = undefined;
    const moments = { createdAt: now, accessed: now, lifetime, expireTime, idle: Infinity };
    const id = newSessionId();
    this.#session = new Session(id, keyOf(id), this.settings.codec, moments);
    this.#connection?.enlist(this);
    if (this.settings.carrier.usesCookies) this.setCookie(sendCookie);
    return this.#session;
  }

  /** Makes a stored session the current one; without an id, none. One that this request has ended stays ended. */
  async load(id: string | undefined): Promise<void> {
    const before = this.#session;
    this.#assertLoadable(before);
    if (id === undefined || !isSessionId(id)) {
      this.#goWithout(id);
      return;
    }
    const key = keyOf(id);
    const stored = await this.settings.driver.load(key);
    this.#assertLoadable(before);
    this.#adopt(id, key, this.#ended?.has(key) === true ? undefined : stored);
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
    if (this.settings.carrier.followsSession && this.#isInCookie(session)) this.setCookie(true);
  }

  /** Ends the session for this request now; the driver hears of it with the commit. */
  end(reason: EndReason, sendCookie = true): void {
    this.#assertOpen();
    const session = this.look();
    if (session === undefined) return;
    if (session.stored) {
      (this.#endings ??= new Map()).set(session.key, reason);
      (this.#ended ??= new Set()).add(session.key);
    }
    this.#clearByHand = !sendCookie;
    this.#clears = this.#isInCookie(session);
    this.#leave();
  }

  /** Queues the cookie of the session, making one when there is none. */
  setCookie(send: boolean): Header {
    const { carrier, clock } = this.settings;
    const { cookie } = carrier;
    const { id, key, moments } = this.use();
    return this.cookies.add(cookie.write(id, this.https, moments.expireTime, clock.now()), send, key);
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
    return this.#inTurn(async () => {
      const { commit, done } = session.alone(this.settings.clock.now(), app, key, update);
      if (!(await this.#send(commit))) return false;
      this.cookies.seal();
      done();
      return true;
    });
  }

  /** Drops the values that changed since the last `save`. An ended session stays ended. */
  rollback(): void {
    const session = this.#session;
    if (session === undefined || this.#closed) return;
    session.rollback();
    if (session.stored) this.cookies.rollback();
    else this.#leave();
  }

  /**
   * For the session layer: the last thing of a request. Unless it may keep its changes, they are dropped, but for
   * endings: a logout must not fail open. Undefined when there is nothing to wait for.
   */
  finish(keep: boolean): Promise<void> | undefined {
    if (!keep && this.#session?.changed === true) {
      this.rollback();
      this.#lost = true;
      this.#outcome = 'dropped';
    }
    this.#closed = true;
    const saving = this.#saving === undefined && !this.#changed ? undefined : this.#save();
    return this.#carried?.aged === true && this.#carried.by === 'cookie'
      ? this.#signAgain(this.#carried.id, saving)
      : saving;
  }

  /**
   * The cookie was signed by an older secret. It is sent anew when nothing else is, and when the session is still there: what
   * has ended meanwhile may have left a newer cookie in the browser.
   */
  async #signAgain(id: string, saving: Promise<void> | undefined): Promise<void> {
    await saving;
    if (this.cookies.waiting.length > 0) return;
    const { driver, carrier, clock } = this.settings;
    const key = keyOf(id);
    const stored = await driver.load(key).catch(() => undefined); // then the next request tries again
    if (stored === undefined || judge(stored, clock.now()).state !== 'live') return;
    this.cookies.add(carrier.cookie.write(id, this.https, stored.expireTime, clock.now()), true, key);
  }

  /** Whether the browser has this session in its cookie, or is to have it. One that came by the option `id` it has not. */
  #isInCookie(session: Session): boolean {
    if (!this.settings.carrier.usesCookies) return false;
    return this.#carried?.by !== 'id' || this.#carried.id !== session.id;
  }

  async #saveOpen(): Promise<void> {
    if (this.#saving === undefined && !this.#changed) return;
    this.#assertOpen();
    await this.#save();
  }

  get #changed(): boolean {
    return this.#hasEndings || this.#session?.changed === true;
  }

  get #hasEndings(): boolean {
    return this.#endings !== undefined && this.#endings.size > 0;
  }

  #find(): void {
    this.#assertOpen();
    const id = this.cookieSessionID();
    if (id === undefined || !isSessionId(id)) {
      this.#goWithout(id);
      return;
    }
    const key = keyOf(id);
    this.#adopt(id, key, this.settings.driver.loadNow?.(key));
  }

  #adopt(id: string, key: SessionKey, stored: StoredSession | undefined): void {
    const { codec, clock } = this.settings;
    this.#verdict = judge(stored, clock.now());
    const live = this.#verdict.state === 'live' && stored !== undefined;
    this.#session = live ? new Session(id, key, codec, stored, stored.values) : undefined;
    this.#created = !live;
  }

  /** There is no id, or none that could be one of ours. */
  #goWithout(id: string | undefined): void {
    this.#verdict = id === undefined ? NONE : judge(undefined, 0);
    this.#session = undefined;
    this.#created = true;
  }

  /** Goes on without a session. A cookie that leads to an ended one is cleared. */
  #leave(): void {
    this.#session = undefined;
    this.#verdict = NONE;
    this.#created = true;
    this.cookies.rollback();
    if (this.#hasEndings && this.#clears) this.clearCookie(!this.#clearByHand);
  }

  #save(): Promise<void> {
    return this.#inTurn(() => this.#commit());
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
    const { clock } = this.settings;
    if (this.#connection?.undoOpenTransaction() === true) throw transactionOpen();
    const endings = [...(this.#endings ?? [])];
    this.#endings = undefined;
    const taken = this.#session?.changed === true ? this.#session.take(clock.now()) : undefined;
    const unseal = this.cookies.seal();
    await allSettled([
      ...endings.map((ending) => this.#commitEnding(...ending)),
      taken && this.#commitTaken(taken, unseal),
    ]);
  }

  async #commitEnding(key: SessionKey, reason: EndReason): Promise<void> {
    try {
      this.#noteEnding(await this.settings.driver.end(key, reason));
    } catch (error) {
      (this.#endings ??= new Map()).set(key, reason);
      throw error;
    }
  }

  async #commitTaken(taken: Taken, unseal: () => void): Promise<void> {
    try {
      await this.#send(taken.commit);
    } catch (error) {
      taken.giveBack();
      unseal();
      throw error;
    }
  }

  async #send(commit: Commit): Promise<boolean> {
    const result = await this.settings.driver.commit(commit);
    if (result === 'exists') throw idTaken();
    if (result === 'gone') {
      this.#lost = true;
      this.cookies.refuse(commit.key);
    }
    this.#outcome = this.#lost ? 'dropped' : 'committed';
    return result === 'committed';
  }

  /** Somebody else may have ended it before: then only the line that clears its cookie is not ours to send. */
  #noteEnding(applied: boolean): void {
    if (!applied) this.cookies.refuse('ending');
    if (applied && !this.#lost) this.#outcome = 'committed';
    else if (this.#outcome === 'unchanged') this.#outcome = 'dropped';
  }

  #assertLoadable(before: Session | undefined): void {
    this.#assertOpen();
    if (this.#session !== before || before?.changed === true) throw unsaved('load()');
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

function idTaken(): SessionError {
  return new SessionError(
    'ID_TAKEN',
    'A new session id is taken already. Check the random numbers of this machine.',
  );
}

function unsaved(what: string): SessionError {
  return new SessionError(
    'UNSAVED',
    `${what} met changes that are not saved. Call save() or rollback() before it.`,
  );
}
