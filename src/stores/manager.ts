import type { Header } from '../app/headers.js';
import type { Driver } from './driver.js';
import { SessionError, SessionWarning } from './errors.js';
import { judge, type Verdict } from './expiry.js';
import { isSessionId, keyOf } from './session-id.js';
import { Store } from './store.js';
import { sweepAll } from './sweeper.js';
import type { Outcome, Visit } from './visit.js';

export interface CreateOptions {
  /**
   * Whether the layer adds the cookie to the reply. Default true; false leaves it in `responseHeaders`. With
   * `useCookies: false` there is none in either case.
   */
  sendCookieHeaders?: boolean;
  /** The life of this session in seconds. Default: the layer's. */
  expire?: number;
}

export interface DestroyOptions {
  /** Ends the session although other applications hold values in it. Default false. */
  ignoreWarning?: boolean;
  /** As of `create`: whether the layer adds the cookie that clears the browser's. Default true. */
  sendCookieHeaders?: boolean;
}

/** Another session than the request's own. */
export interface Named {
  sessionID: string;
}

export interface CleanupOptions {
  /** Sessions that ended in [min, max], in seconds since the epoch. Defaults: 0 and now. */
  min?: number;
  max?: number;
  /** Allows a `max` in the future, which removes live sessions. Default false. */
  ignoreWarning?: boolean;
}

/**
 * Creates, finds, prolongs and ends the session of one request, and hands out its stores. PythonWeb's `Manager`.
 *
 * Members about the current session are synchronous; whatever names another session or must touch the storage now
 * answers a promise. A session is made when something is first kept in it, when its id is asked for, or by `create()`.
 */
export class Manager {
  readonly #visit: Visit;
  readonly #app: string;
  readonly #stores = new Map<string, Store>();

  /** Made by the session layer, one for each request and for each layer that shares it. */
  constructor(visit: Visit, app: string) {
    this.#visit = visit;
    this.#app = app;
  }

  /** The manager of the same session as another application has it: a session layer inside another one uses it. */
  forApp(app: string): Manager {
    return new Manager(this.#visit, app);
  }

  /** Whether the reply has been given, so that the session can be neither opened nor changed. */
  get closed(): boolean {
    return this.#visit.closed;
  }

  get driver(): Driver {
    return this.#visit.settings.driver;
  }

  /** The name of the cookie on this kind of request, http or https. Without cookies its plain name. */
  get key(): string {
    return this.#visit.settings.carrier.key(this.#visit.https);
  }

  /** True when this request came without a valid session, or has ended it. Makes nothing. */
  get created(): boolean {
    return this.#visit.created;
  }

  /**
   * The opaque id, Twisted's `uid`, without a signature. Makes the session when there is none. Show it to its owner only.
   */
  get sessionID(): string {
    return (this.#visit.look() ?? this.#visit.use()).id;
  }

  /**
   * The id as the option `id` is to find it in later requests: for the URLs of an application with `useCookies: false`. With a
   * `secret` it is signed, else it is `sessionID`. Makes the session when there is none.
   */
  get signedID(): string {
    return this.#visit.settings.carrier.sign(this.sessionID);
  }

  /** The life in seconds that the session was made with, or will be. Infinity: no fixed end. PythonWeb's `expire`. */
  get lifetime(): number {
    return this.#visit.look()?.moments.lifetime ?? this.#visit.settings.lifetime;
  }

  /** The moment of the fixed end, in seconds since the epoch. Infinity: none. Makes nothing. */
  get expireTime(): number {
    return this.#visit.expireTime;
  }

  /** Why the request's cookie led to no session; undefined when it led to one, or none came. */
  get error(): string | undefined {
    return sentenceOf(this.#visit.verdict);
  }

  /** What became of the changes, as far as they were committed. Makes nothing and looks at nothing. */
  get outcome(): Outcome {
    return this.#visit.outcome;
  }

  /** The Set-Cookie that waits for the reply: `.at(-1)` is what to send by hand. It is there as soon as it is decided. */
  get responseHeaders(): Header[] {
    return this.#visit.cookies.waiting;
  }

  /** The Set-Cookie that has left with the reply. */
  get sentHeaders(): readonly Header[] {
    return this.#visit.cookies.sent;
  }

  /**
   * The values of an application in this session.
   * @throws SessionError `BAD_APP` for a name outside `a-z A-Z 0-9 - _ .`, 1 to 255 characters.
   */
  store(app: string): Store {
    const known = this.#stores.get(app);
    if (known !== undefined) return known;
    const made = new Store(this.#visit, app);
    this.#stores.set(app, made);
    return made;
  }

  /**
   * Makes a session now. Most applications need not: the first change does.
   * @throws SessionError `SESSION_EXISTS` when the request has one; `BAD_EXPIRE`; `REPLY_SENT`.
   */
  create({ sendCookieHeaders = true, expire }: CreateOptions = {}): void {
    if (expire !== undefined) checkLifetime(expire);
    if (this.#visit.look() !== undefined) {
      throw new SessionError(
        'SESSION_EXISTS',
        'This request has a session already. End it first, or keep it.',
      );
    }
    this.#visit.make(expire, sendCookieHeaders);
  }

  /**
   * Reads a session again, or another one, and makes it the current one. True when it exists and is valid; the reason
   * otherwise is in `error`. Without an id: the current session, else the request's cookie.
   * @throws SessionError `UNSAVED` when the current session has changes: save them, or roll back.
   */
  async load(
    sessionID: string | undefined = this.#currentID() ?? this.#visit.cookieSessionID(),
  ): Promise<boolean> {
    await this.#visit.load(sessionID);
    return !this.#visit.created;
  }

  /** Whether the session is stored, also when it has expired and was not swept yet. Default: the current one. */
  async exists(sessionID: string | undefined = this.#currentID()): Promise<boolean> {
    return (await this.#stored(sessionID)) !== undefined;
  }

  /**
   * Whether the session is live. Default: the current one.
   * @throws SessionError `NO_SESSION` when it does not exist; `exists` asks that.
   */
  async valid(sessionID: string | undefined = this.#currentID()): Promise<boolean> {
    const stored = await this.#stored(sessionID);
    if (stored === undefined) throw noSession();
    return judge(stored, this.#visit.settings.clock.now()).state === 'live';
  }

  /**
   * Moves the fixed end to a moment in seconds since the epoch, and renews the cookie with it. Without a session it is
   * the end that the session will have when one is made.
   * @throws SessionError `EXPIRE_PAST` for a moment that is not in the future; with a `sessionID`, `NO_SESSION`.
   */
  setExpire(expireTime: number): void;
  setExpire(expireTime: number, session: Named): Promise<void>;
  setExpire(expireTime: number, session?: Named): Promise<void> | undefined {
    if (session !== undefined) return this.#setExpireOf(session.sessionID, expireTime);
    this.#checkFuture(expireTime);
    this.#visit.setExpire(expireTime);
    return undefined;
  }

  /**
   * Ends the session, its values in all applications with it, and clears the cookie. Without a session it does nothing.
   * What follows in this request is as after `expire()`.
   * @throws SessionWarning `OTHER_APPS` when other applications hold values in it, unless `ignoreWarning`.
   */
  destroy(options?: DestroyOptions): void;
  destroy(options: DestroyOptions & Named): Promise<void>;
  destroy({ sessionID, ...options }: DestroyOptions & Partial<Named> = {}): Promise<void> | undefined {
    if (sessionID !== undefined) return this.#destroyNamed(sessionID, options);
    if (options.ignoreWarning !== true) this.#warnOfOthers(this.#visit.look()?.appsWithValues() ?? []);
    this.#visit.end('destroyed', options.sendCookieHeaders);
    return undefined;
  }

  /**
   * Ends the session now, whoever holds values in it, and clears the cookie. Reads are empty then, and the first change
   * makes a new session with another id. Twisted's `expire()`.
   */
  expire(): void {
    this.#visit.end('expired');
  }

  /**
   * Commits what changed so far. Resolves when it is durable; a later throw does not drop it. The cookie of a session made
   * in this request leaves with the reply, so that a visitor whose request throws after this does not get it.
   * Myghty's `save()`.
   */
  save(): Promise<void> {
    return this.#visit.save();
  }

  /** Drops what changed since the last `save`. An ended session stays ended. */
  rollback(): void {
    this.#visit.rollback();
  }

  /**
   * Removes sessions that have ended, for administrators; the layer sweeps by itself. Resolves with how many.
   * @throws SessionWarning `CLEANUP_FUTURE` for a `max` in the future, unless `ignoreWarning`.
   */
  async cleanup({ min = 0, max, ignoreWarning = false }: CleanupOptions = {}): Promise<number> {
    const now = this.#visit.settings.clock.now();
    if (max !== undefined && max > now && !ignoreWarning) {
      throw new SessionWarning(
        'CLEANUP_FUTURE',
        'cleanup() got a max in the future, which removes live sessions. If that is meant, give ignoreWarning: true.',
      );
    }
    return sweepAll(this.driver, min, max ?? now);
  }

  /**
   * The id that the request came with, whether it leads to a session or not; `noSessionID` when none came. With a `secret` it
   * is without the signature, and '' when that is not valid.
   */
  cookieSessionID(noSessionID = ''): string {
    return this.#visit.cookieSessionID() ?? noSessionID;
  }

  /**
   * Queues the session's cookie again, making a session when there is none. Answers the header.
   * @throws SessionError `NO_COOKIES` with `useCookies: false`.
   */
  setCookie({ sendCookieHeaders = true }: Pick<CreateOptions, 'sendCookieHeaders'> = {}): Header {
    return this.#visit.setCookie(sendCookieHeaders);
  }

  /**
   * Queues a cookie that makes the browser forget the session's; the session itself stays. Answers the header.
   * @throws SessionError `NO_COOKIES` with `useCookies: false`.
   */
  deleteCookie({ sendCookieHeaders = true }: Pick<CreateOptions, 'sendCookieHeaders'> = {}): Header {
    return this.#visit.clearCookie(sendCookieHeaders);
  }

  #currentID(): string | undefined {
    return this.#visit.look()?.id;
  }

  async #stored(sessionID: string | undefined) {
    return sessionID !== undefined && isSessionId(sessionID) ? this.driver.load(keyOf(sessionID)) : undefined;
  }

  async #setExpireOf(sessionID: string, expireTime: number): Promise<void> {
    if (sessionID === this.#currentID()) {
      this.setExpire(expireTime);
      await this.#visit.save();
      return;
    }
    this.#checkFuture(expireTime);
    const now = this.#visit.settings.clock.now();
    const commit = { key: keyOf(sessionID), now, move: { expireTime }, changes: new Map() };
    if ((await this.driver.commit(commit)) === 'gone') throw noSession();
  }

  async #destroyNamed(sessionID: string, options: DestroyOptions): Promise<void> {
    if (sessionID === this.#currentID()) {
      this.destroy(options);
      await this.#visit.save();
      return;
    }
    const stored = await this.#stored(sessionID);
    if (stored === undefined) return;
    if (options.ignoreWarning !== true) this.#warnOfOthers([...stored.values.keys()]);
    await this.driver.end(keyOf(sessionID), 'destroyed');
  }

  #warnOfOthers(apps: readonly string[]): void {
    const others = apps.filter((app) => app !== this.#app);
    if (others.length === 0) return;
    throw new SessionWarning(
      'OTHER_APPS',
      `Other applications hold values in this session: ${others.join(', ')}. Use store.empty() to forget your own, or give ignoreWarning: true.`,
    );
  }

  #checkFuture(expireTime: number): void {
    if (expireTime > this.#visit.settings.clock.now()) return;
    throw new SessionError(
      'EXPIRE_PAST',
      `setExpire() got ${expireTime}, which is not in the future. It takes a moment in seconds since the epoch, not a length.`,
    );
  }
}

/** @throws SessionError `BAD_EXPIRE` */
export function checkLifetime(expire: number): void {
  if (typeof expire === 'number' && expire > 0) return;
  throw new SessionError(
    'BAD_EXPIRE',
    `expire is ${String(expire)}. It is a length in seconds, more than 0.`,
  );
}

function sentenceOf(verdict: Verdict): string | undefined {
  switch (verdict.state) {
    case 'none':
    case 'live':
      return undefined;
    case 'unknown':
      return 'The session does not exist: it has ended, or was never made here.';
    case 'idle':
      return `The session has expired: it was not used for too long, by ${Math.ceil(verdict.lateBy)} s.`;
    case 'expired':
      return `The session has expired ${Math.ceil(verdict.lateBy)} s ago.`;
  }
}

function noSession(): SessionError {
  return new SessionError('NO_SESSION', 'There is no such session: it has ended, or was never made here.');
}
