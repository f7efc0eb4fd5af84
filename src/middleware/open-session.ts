import type { Header } from '../app/headers.js';
import type { Reply } from '../app/reply.js';
import { SqliteDatabase, type SqliteOptions } from '../database/sqlite.js';
import { EndHandlers } from '../stores/end-handlers.js';
import { SessionError } from '../stores/errors.js';
import { Manager } from '../stores/manager.js';
import { keptPrivate } from '../stores/set-cookies.js';
import type { Store } from '../stores/store.js';
import { Visit } from '../stores/visit.js';
import { checkEnvironment, type EnvironmentOptions, openStorage, typeOf } from './environment/storage.js';
import { environOf, type FetchRequest, type NodeRequest } from './open-session/request.js';
import { checkUnsent, headersIn, type NodeResponse, withHeaders } from './open-session/response.js';
import { dress, plainHttpWarning } from './session/dress.js';
import { checkOptions, type SessionOptions } from './session/options.js';
import { checkTables, reporter, settingsFor } from './session/settings.js';

/**
 * The options of `database()`, `environment()` and `session()` in one object. Make it once and give it to every call: what
 * is opened for it stays open.
 */
export interface OpenSessionOptions
  extends
    Partial<Pick<SqliteOptions, 'database' | 'autoCreate' | 'durability'>>,
    Partial<EnvironmentOptions>,
    Omit<SessionOptions, 'sweep' | 'commitOn'> {
  /** Default `session`, which is the cookie's name then too. */
  name?: string;
}

/**
 * The session of a request without the pipeline, for a `node:http` or a fetch request: PythonWeb's `web.session.start`,
 * Myghty's standalone `Session(req, data_dir=…, key=…)`. With storage `database`, the default, it needs the file.
 *
 * ```ts
 * const options = { app: 'shop', storage: 'file', setupEnvironment: true } as const;
 *
 * createServer(async (request, response) => {
 *   const session = await openSession(request, options);
 *   const visits = session.store.increment('visits');
 *   await session.save(response);
 *   response.end(`visit ${visits}`);
 * });
 * ```
 *
 * The session is the one that the layers of the same environment, cookie and storage would find. Whether it is one of https
 * follows from the connection, or from the URL of a fetch request; behind a proxy that ends https, give
 * `cookie: { secure: true }`.
 *
 * What is opened is kept for the options object until the process ends, and keeps no process alive. Nothing runs in the
 * background: ended sessions are removed, and end handlers called, by `manager.cleanup()`. Storage `memory` belongs to the
 * options object.
 * @throws the errors of the three layers, with the same codes; SessionError `NO_DATABASE` when the file is not named.
 */
export async function openSession(
  request: NodeRequest | FetchRequest,
  options: OpenSessionOptions,
): Promise<OpenedSession> {
  const { settings, managerOf, warn } = await opened(options);
  const visit = new Visit(settings, environOf(request));
  await visit.prepare();
  return new OpenedSession(visit, managerOf(visit), options.app, warn);
}

/** One request's session, from `openSession()`. */
export class OpenedSession implements AsyncDisposable {
  readonly manager: Manager;
  /** The values of the application in it. */
  readonly store: Store;
  readonly #visit: Visit;
  readonly #warn: Warn;
  #headers: readonly Header[] = [];

  /** @internal */
  constructor(visit: Visit, manager: Manager, app: string, warn: Warn) {
    this.manager = manager;
    this.store = manager.store(app);
    this.#visit = visit;
    this.#warn = warn;
  }

  /**
   * What the response has to say, once `save()` has resolved: Set-Cookie when there is one to set or to clear, `Vary` and
   * `Cache-Control`. `save(response)` puts them there, heeding what is there already.
   */
  get headers(): readonly Header[] {
    return this.#headers;
  }

  /**
   * Commits what changed so far; durable when it resolves. May be called again. Call it at the end of every request, also
   * where nothing changed: it records the use of a session that has `idle`. Sets the headers on a response when given one.
   * @throws SessionError `HEADERS_SENT`, before anything is saved, when it is too late for that.
   */
  save(response?: NodeResponse): Promise<void>;
  /** The same for fetch: answers the response with the headers. The one given is not to be used any more. */
  save(response: Response): Promise<Response>;
  async save(response?: NodeResponse | Response): Promise<unknown> {
    if (response !== undefined) checkUnsent(response);
    this.#visit.noteUse();
    await this.#visit.signAgain(this.#visit.save());
    this.#headers = this.#dressed([]);
    return response && withHeaders(response, this.#dressed(headersIn(response)));
  }

  /**
   * Ends the use of the session: it can be neither opened nor changed afterwards, and its lock is given back. What was not
   * saved is dropped, but a session that was ended stays ended, since a logout must not fail open.
   */
  async close(): Promise<void> {
    if (!this.#visit.closed) await this.#visit.finish(false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** These headers with those of the session. A cookie is queued once, and belongs to every response until a newer one. */
  #dressed(headers: readonly Header[]): readonly Header[] {
    const dressed = dress(this.#visit, { status: '200 OK', headers, body: '' }, this.#warn);
    const cookie = this.#visit.cookies.standing;
    return cookie === undefined || dressed.headers.includes(cookie)
      ? dressed.headers
      : keptPrivate(withCookie(dressed, cookie)).headers;
  }
}

type Warn = ReturnType<typeof plainHttpWarning>;

interface Opened {
  readonly settings: ReturnType<typeof settingsFor>;
  readonly managerOf: (visit: Visit) => Manager;
  readonly warn: Warn;
}

const openedFor = new WeakMap<OpenSessionOptions, Promise<Opened>>();

/** Opens once for each options object; what failed is tried again at the next request. */
function opened(options: OpenSessionOptions): Promise<Opened> {
  const known = openedFor.get(options);
  if (known !== undefined) return known;
  const opening = open(options);
  openedFor.set(options, opening);
  opening.catch(() => openedFor.delete(options));
  return opening;
}

async function open(given: OpenSessionOptions): Promise<Opened> {
  const { Manager: OwnManager = Manager, name = 'session' } = given;
  const options = { ...OwnManager.defaults, ...given, name };
  checkEnvironment(options);
  checkOptions(options);
  const handlers = new EndHandlers(options);
  const database = typeOf(options) === 'database' ? await openDatabase(options) : undefined;
  const { driver } = openStorage(options, () => database as SqliteDatabase);
  const resources = {
    'web.environment.name': name,
    'web.environment.driver': driver,
    'tsgi.errors': process.stderr,
  };
  const settings = settingsFor(options, resources);
  await checkTables(driver, options);
  handlers.open({ ...settings, onError: reporter(resources, 'an end handler failed') });
  const managerOf = (visit: Visit) => new OwnManager(visit, options.app, handlers);
  return { settings, managerOf, warn: plainHttpWarning() };
}

function openDatabase({ database, ...options }: OpenSessionOptions): Promise<SqliteDatabase> {
  if (typeof database === 'string' && database !== '') return SqliteDatabase.open({ ...options, database });
  throw new SessionError(
    'NO_DATABASE',
    "openSession() needs a file: { database: 'sessions.db' }, or another storage: { storage: 'file' }.",
  );
}

function withCookie({ status, headers, body }: Reply, cookie: Header): Reply {
  return { status, headers: [...headers, cookie], body };
}
