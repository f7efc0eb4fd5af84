import type { Header } from '../app/headers.js';
import type { Codec, Value } from './codec.js';
import type { Outcome } from './commits.js';
import type { Driver, QuarantinedValue } from './driver.js';
import type { EndHandlers } from './end-handlers.js';
import { SessionError, SessionWarning } from './errors.js';
import { judge, type Verdict } from './expiry.js';
import type { LockOptions } from './lock.js';
import { powerless } from './powers.js';
import { isSessionId, keyOf } from './session-id.js';
import type { AnyValues, Storables } from './storable.js';
import { checkApp, Store } from './store.js';
import { sweepAll } from './sweeper.js';
import type { Visit } from './visit.js';
import type { Ended } from './watcher.js';

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

export interface RegenerateOptions {
  /**
   * How many seconds the older id still leads to the session, so that requests on their way are not signed out. Default 10;
   * 0 where somebody else may know the older id, as at a sign-in.
   */
  grace?: number;
}

export interface QuarantineOptions {
  /** The `number` of the last value of the page before. Default: from the first on. */
  after?: number;
  /** At most how many values. Default 100. */
  limit?: number;
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
  /**
   * What a subclass changes of the session layer's own defaults, as Twisted's `sessionTimeout` of a Session subclass does:
   * `static override readonly defaults = { idle: 60 }`. What the layer's options say comes first.
   */
  static readonly defaults: ManagerDefaults = {};

  /**
   * The manager of a request as an instance of a subclass: `ShortSession.of(environ)`.
   * @throws SessionError `OTHER_MANAGER` when the layer's option `Manager` is another class.
   */
  static of<M extends Manager>(
    this: abstract new (...parts: ConstructorParameters<typeof Manager>) => M,
    environ: { readonly 'web.session.manager': Manager },
  ): M {
    const manager = environ['web.session.manager'];
    if (manager instanceof this) return manager;
    throw otherManager(manager.constructor.name, this.name);
  }

  readonly #visit: Visit;
  readonly #app: string;
  readonly #handlers: EndHandlers;
  /** Made when needed, as the stores of other applications are: most requests use their own. */
  #own: Store | undefined;
  #others: Map<string, Store> | undefined;

  /** Made by the session layer, one for each request and for each layer that shares it. */
  constructor(visit: Visit, app: string, handlers: EndHandlers) {
    this.#visit = visit;
    this.#app = app;
    this.#handlers = handlers;
    if (handlers.listens) visit.listen(app);
  }

  /** For a session layer inside another one: the request whose session it shares. */
  get visit(): Visit {
    return this.#visit;
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

  /** How long the session lives without use, in seconds. Infinity: for ever. Twisted's `sessionTimeout`. */
  get idle(): number {
    return this.#visit.moments.idle;
  }

  /** The moment of the fixed end, in seconds since the epoch. Infinity: none. Makes nothing. */
  get expireTime(): number {
    return this.#visit.moments.expireTime;
  }

  /** When the session was made, in seconds since the epoch; now when there is none. Myghty's `created`. */
  get createdAt(): number {
    return this.#visit.moments.createdAt;
  }

  /**
   * The last use before this request, in seconds since the epoch; now when there is none. With `idle` a use is recorded at
   * most once in a tenth of it and once a minute; without, only by `touch()`. Twisted's `lastModified`.
   */
  get accessed(): number {
    return this.#visit.moments.accessed;
  }

  /**
   * Whether the request came with the id of a session that is not valid any more, or never was; also after `invalidate()`.
   * `created` is true then as well.
   */
  get wasInvalidated(): boolean {
    return this.#visit.wasInvalidated;
  }

  /** Whether ids travel signed. The secret itself is nothing to show, so that Myghty's member of this name is not. */
  get secret(): boolean {
    return this.#visit.settings.carrier.signs;
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
   * The values of an application in this session. A type, `store<Cart>('shop')`, says which keys there are and what they
   * hold.
   * @throws SessionError `BAD_APP` for a name outside `a-z A-Z 0-9 - _ .`, 1 to 255 characters.
   */
  store<T extends Storables<T> = AnyValues>(app: string): Store<T>;
  /**
   * The same values, seen with defaults for keys that are absent; optional keys may go without. Defaults are never stored
   * by themselves, and are those of the store that is answered only: another call may give others, or none.
   */
  store<T extends Storables<T>>(app: string, defaults: T): Store<T, never>;
  store<T extends Storables<T>>(app: string, defaults?: T): Store<T> | Store<T, never> {
    if (app !== this.#app) checkApp(app);
    if (defaults !== undefined) return new Store<T, never>(this.#visit, app, defaults);
    return (app === this.#app ? this.#ownStore : this.#otherStore(app)) as unknown as Store<T>;
  }

  get #ownStore(): Store {
    return (this.#own ??= new Store(this.#visit, this.#app));
  }

  #otherStore(app: string): Store {
    const known = this.#others?.get(app) ?? new Store(this.#visit, app);
    (this.#others ??= new Map()).set(app, known);
    return known;
  }

  /**
   * Makes a session now. Most applications need not: the first change does.
   * @throws SessionError `SESSION_EXISTS` when the request has one; `BAD_EXPIRE`; `REPLY_SENT`.
   */
  create({ sendCookieHeaders = true, expire }: CreateOptions = {}): void {
    if (expire !== undefined) checkLength('expire', expire);
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
   * Ends the session now, whoever holds values in it. It is as if the request had come without a valid one: `created` and
   * `wasInvalidated` are true, and the next use makes a new session with a new id. Without a use the cookie is cleared.
   * Myghty's `invalidate()`.
   */
  invalidate(): void {
    this.#visit.end('invalidated');
  }

  /**
   * Removes the values of all applications, at once. The session stays, with its id and its moments; what is set afterwards
   * is kept. What this request changed before and did not save is dropped. Resolves when it is durable. Myghty's `delete()`.
   */
  delete(): Promise<void> {
    return this.#visit.empty();
  }

  /** Records that the session is used now, also when another use was recorded shortly before. Twisted's `touch()`. */
  touch(): void {
    this.#visit.touch();
  }

  /**
   * Gives the session another id and keeps its values: at a sign-in, so that an id that somebody else has planted or seen
   * leads nowhere. The older id leads to the session for the grace, and is unknown then; its use is told as `reuse`. Of two
   * requests at once the first wins, and the second gets its id once that is committed. Without a session it does nothing.
   * @throws SessionError `BAD_GRACE`; `NO_POWER` when the storage cannot.
   */
  regenerate({ grace = 10 }: RegenerateOptions = {}): void {
    if (typeof grace !== 'number' || !(grace >= 0)) {
      throw new SessionError('BAD_GRACE', `grace is ${String(grace)}. It is a number of seconds, 0 or more.`);
    }
    this.#visit.regenerate(grace);
  }

  /**
   * Calls back when the session has ended, whatever the reason: by this process at once, otherwise when its end is due and
   * after reading it again, since another process may have prolonged or ended it. Twisted's `notifyOnExpire`.
   *
   * It belongs to this process: it is lost when that ends, and never runs in a CGI program. Until then the callback is kept
   * in memory with all it refers to. Register it once for a session, as when `created` is true.
   */
  notifyOnExpire(callback: Ended): void;
  /**
   * Has a handler of the layer's option `handlers` called when the session has ended, in whatever process: at least once,
   * and again until it succeeds. Registering it again replaces the detail. Resolves when that is durable.
   * @throws SessionError `NO_HANDLER` for a name that is not in `handlers`; `NO_SESSION` when the session has ended meanwhile;
   * `NO_POWER` when the storage cannot.
   */
  notifyOnExpire(handler: string, detail?: Value): Promise<void>;
  notifyOnExpire(handler: Ended | string, detail?: Value): Promise<void> | undefined {
    if (typeof handler !== 'string') {
      this.#visit.watch(handler);
      return undefined;
    }
    return this.#register(handler, detail);
  }

  /**
   * Takes the lock of the session, which others that ask for it wait for, in all processes; then reads the session again.
   * Nobody who does not ask waits: changes need no lock, since they are committed as differences. It is given back at the
   * end of the request, by `unlock()`, or when its lease is over. Myghty's `lock()`.
   * @throws SessionError `BAD_LOCK`; `LOCK_TIMEOUT` (503); `UNSAVED` when the session has changes; `NO_POWER` when the storage cannot.
   */
  async lock(options: LockOptions = {}): Promise<void> {
    await this.#visit.lock(options);
  }

  /** Saves, and gives the lock back. Without a lock it saves. Myghty's `unlock()`. */
  unlock(): Promise<void> {
    return this.#visit.unlock();
  }

  /**
   * Takes the lock, runs the work, saves, and gives the lock back. Resolves with what the work answered. When the work
   * fails, its changes are dropped.
   * @throws SessionError as `lock`; `LOCK_LOST` (503) when the lease was over before the work, and another has the lock.
   */
  withLock<T>(work: () => T | Promise<T>, options: LockOptions = {}): Promise<T> {
    return this.#visit.withLock(work, options);
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
   * Removes sessions that have ended, for administrators; the layer sweeps by itself. Resolves with how many. The end
   * handlers of this layer then hear of what is due, which in a CGI program nobody else does.
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
    const { removed } = await sweepAll(this.driver, { from: min, to: max ?? now, now });
    await this.#handlers.deliver();
    return removed;
  }

  /**
   * The values that were put aside by `invalidateCorrupt: 'quarantine'`, the oldest first, as text, for administrators.
   * @throws SessionError `NO_POWER` when the storage cannot.
   */
  async quarantined({ after = 0, limit = 100 }: QuarantineOptions = {}): Promise<QuarantinedValue[]> {
    if (this.driver.quarantined === undefined) throw powerless('quarantine', 'quarantined()');
    return this.driver.quarantined({ after, limit });
  }

  /** Forgets what was put aside. Resolves with how many values. @throws SessionError `NO_POWER` when the storage cannot. */
  async clearQuarantine(): Promise<number> {
    if (this.driver.clearQuarantine === undefined) throw powerless('quarantine', 'clearQuarantine()');
    return this.driver.clearQuarantine();
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

  async #register(handler: string, detail: Value | undefined): Promise<void> {
    if (!this.#handlers.has(handler)) throw noHandler(handler);
    const { codec } = this.#visit.settings;
    const isThere = await this.#visit.register({ app: this.#app, handler, detail: encoded(codec, detail) });
    if (!isThere) throw noSession();
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
    const { clock, notices, watcher } = this.#visit.settings;
    const { key } = stored;
    if (!(await this.driver.end({ key, reason: 'destroyed', now: clock.now() }))) return;
    notices.tell('end', { reason: 'destroyed' });
    watcher.ended(key, 'destroyed');
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

/** The options of the session layer that a subclass of the manager has defaults for. */
export interface ManagerDefaults {
  readonly expire?: number;
  readonly idle?: number;
}

function encoded(codec: Codec, detail: Value | undefined): string | undefined {
  return detail === undefined ? undefined : codec.encode(detail);
}

function otherManager(found: string, wanted: string): SessionError {
  return new SessionError(
    'OTHER_MANAGER',
    `The manager of this request is a ${found}, not a ${wanted}. Give session() Manager: ${wanted}.`,
  );
}

function noHandler(handler: string): SessionError {
  return new SessionError(
    'NO_HANDLER',
    `notifyOnExpire() names ${JSON.stringify(handler)}, which is not in the layer's option handlers. Give session() one.`,
  );
}

/** @throws SessionError `BAD_EXPIRE` or `BAD_IDLE` */
export function checkLength(name: 'expire' | 'idle', seconds: number): void {
  if (typeof seconds === 'number' && seconds > 0) return;
  throw new SessionError(
    `BAD_${name.toUpperCase()}`,
    `${name} is ${String(seconds)}. It is a length in seconds, more than 0.`,
  );
}

function sentenceOf(verdict: Verdict): string | undefined {
  switch (verdict.state) {
    case 'none':
    case 'live':
      return undefined;
    case 'unknown':
    case 'superseded':
      return 'The session does not exist: it has ended, or was never made here.';
    case 'corrupt':
      return 'The session was ended, since what it kept cannot be read.';
    case 'idle':
      return `The session has expired: it was not used for too long, by ${Math.ceil(verdict.lateBy)} s.`;
    case 'expired':
      return `The session has expired ${Math.ceil(verdict.lateBy)} s ago.`;
  }
}

function noSession(): SessionError {
  return new SessionError('NO_SESSION', 'There is no such session: it has ended, or was never made here.');
}
