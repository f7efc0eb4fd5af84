import type { Application } from '../app/application.js';
import type { Environ, ErrorStream } from '../app/environ.js';
import { layer, type Layer, type LayerLife, type Resources } from '../app/layer.js';
import { notOpen } from '../app/life.js';
import { logFailure, logSentence } from '../app/log.js';
import { callShadowing, isPromise } from '../app/promise.js';
import type { Reply } from '../app/reply.js';
import type { Connection } from '../database/connection.js';
import { Carrier, type CarrierOptions } from '../stores/carrier.js';
import { type Clock, systemClock } from '../stores/clock.js';
import { type Codec, jsonCodec } from '../stores/codec.js';
import type { Driver } from '../stores/driver.js';
import { SessionError } from '../stores/errors.js';
import { type EndHandler, EndHandlers } from '../stores/end-handlers.js';
import { checkedLimits, type Limits } from '../stores/limits.js';
import { checkLength, Manager } from '../stores/manager.js';
import { Notices, type SessionLog } from '../stores/notices.js';
import { checkPower } from '../stores/powers.js';
import { checkApp, type Store } from '../stores/store.js';
import { Sweeper } from '../stores/sweeper.js';
import type { InvalidateCorrupt, VisitSettings } from '../stores/settings.js';
import { Visit } from '../stores/visit.js';
import { Watcher } from '../stores/watcher.js';
import type { EnvironmentLayer } from './environment.js';

/** What `session()` sets. Nothing is read, written or sent until the application uses one of them. */
export interface SessionLayer {
  'web.session.driver': Driver;
  /** This request's session: creates, prolongs and ends it. */
  'web.session.manager': Manager;
  /** The values of the layer's own application in it. */
  'web.session.store': Store;
}

export interface SessionOptions extends CarrierOptions {
  /** Names the application, whose values other applications in the session do not see: `a-z A-Z 0-9 - _ .`, 1 to 255. */
  app: string;
  /**
   * The life of a session in seconds, from when it is made: a fixed end that `setExpire` moves. Default 86400, or none
   * (Infinity) when `idle` is given alone.
   */
  expire?: number;
  /**
   * How long a session lives without use, in seconds; any look at it is a use. It ends then at the earliest, and a tenth of
   * it (a minute at most) later at the latest, as most uses are not written. Default: for ever. Twisted's `sessionTimeout`.
   */
  idle?: number;
  /** Creates the environment's tables when they are missing; data is never dropped. Default false: that is an error. */
  setupEnvironment?: boolean;
  /**
   * What happens to a session with a value that cannot be decoded, as after a change of the codec. Default `throw`: reading
   * that value throws. `new`: the session ends, and the request goes on as without one. `quarantine`: so too, and such
   * values are kept aside for `manager.quarantined()`. Myghty's `session_invalidate_corrupt`.
   */
  invalidateCorrupt?: InvalidateCorrupt;
  /**
   * Called for every ended session that was made within this layer, or that its application kept something in: with the
   * reason and the application's last values, at least once, in one process or another. It is retried until it succeeds.
   */
  onEnd?: EndHandler;
  /** By name: what `manager.notifyOnExpire(name, detail)` has called when its session has ended. As `onEnd` otherwise. */
  handlers?: Readonly<Record<string, EndHandler>>;
  /** Where a line about each thing that happens to a session goes, without ids and values. Default: nowhere. */
  log?: SessionLog;
  /** A subclass with defaults or members of its own. Twisted's `sessionFactory`. */
  Manager?: typeof Manager;
  /** How values become text. Default JSON. */
  codec?: Codec;
  /** How much may be kept. Default: 64 KiB a value, 256 KiB an application, 1 MiB a session, 1 KiB a key. */
  limits?: Limits;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
  /** Seconds between clean-ups of ended sessions, with jitter; false leaves them to `manager.cleanup()`. Default 60. */
  sweep?: number | false;
  /** Whether a reply keeps the request's changes. Default: any status below 500. Endings are kept in any case. */
  commitOn?: (reply: Reply) => boolean;
}

/**
 * Gives each request its session. On the way out the request's changes are committed as a difference, and only when that
 * is durable the cookie is added and the reply goes on: nothing leaves before it is saved. When the application throws or
 * answers 5xx its changes are dropped, but an ended session stays ended. PythonWeb's `session.Session`.
 *
 * Inside another session layer of the same environment it shares session, cookie and commit, and adds its own store; what
 * it says of `expire`, `idle`, `limits`, `commitOn`, `clock`, `sweep`, `invalidateCorrupt` and `log` is then the outer layer's to say.
 * @throws SessionError `BAD_APP`, `BAD_EXPIRE`, `BAD_IDLE`, `BAD_LIMITS`, `BAD_SWEEP`, `BAD_COOKIE`, `BAD_SECRET`, `BAD_CARRIER`, `BAD_HANDLER`, `BAD_CORRUPT` or
 * `BAD_LOG` when the layer is made; `NO_TABLES`, `NO_POWER`, `COOKIE_DIFFERS` or `CODEC_DIFFERS` when the application opens.
 */
export const session: Layer<
  'session',
  SessionLayer,
  EnvironmentLayer,
  'environment',
  [options: SessionOptions]
> = layer(
  'session',
  {
    sets: ['web.session.driver', 'web.session.manager', 'web.session.store'],
    needs: { 'web.environment.name': 'environment', 'web.environment.driver': 'environment' },
  },
  makeSession,
);

type Inside = Environ & EnvironmentLayer & SessionLayer;

function makeSession(
  application: Application<Inside>,
  given: SessionOptions,
): LayerLife & { answer: Application<Environ & EnvironmentLayer> } {
  const { Manager: OwnManager = Manager } = given;
  const options = { ...OwnManager.defaults, ...given };
  checkOptions(options);
  const { app, commitOn = isNoFailure } = options;
  const handlers = new EndHandlers(options);
  const managerOf = (visit: Visit) => new OwnManager(visit, app, handlers);
  const warn = plainHttpWarning();
  let settings: VisitSettings | undefined;
  let sweeper: Sweeper | undefined;

  const finish = (visit: Visit, reply: Reply): Reply | Promise<Reply> => {
    let keep: boolean;
    try {
      keep = commitOn(reply);
    } catch (error) {
      return fail(visit, error);
    }
    const saving = visit.finish(keep);
    return saving === undefined ? dress(visit, reply, warn) : saving.then(() => dress(visit, reply, warn));
  };

  const run = (visit: Visit, environ: Environ): Reply | Promise<Reply> => {
    let reply: Reply | Promise<Reply>;
    try {
      reply = callWith(managerOf(visit), app, application, environ);
    } catch (error) {
      return fail(visit, error);
    }
    if (!isPromise(reply)) return finish(visit, reply);
    return reply.then(
      (value) => finish(visit, value),
      (error: unknown) => fail(visit, error),
    );
  };

  return {
    answer(environ) {
      const current = settings ?? notOpen();
      const outer = managerIn(environ);
      if (outer?.driver === current.driver && !outer.closed) {
        const manager = managerOf(outer.visit);
        const keys = { 'web.session.manager': manager, 'web.session.store': manager.store(app) };
        return callShadowing(application, environ, keys);
      }
      const visit = new Visit(current, environ, connectionOf(environ));
      const loading = visit.prepare();
      return loading === undefined ? run(visit, environ) : loading.then(() => run(visit, environ));
    },

    async open(resources) {
      const own = settingsFor(options, resources);
      const outer = resources['web.session.manager'] as VisitSettings | undefined;
      const isShared = outer?.driver === own.driver;
      if (isShared) checkShared(app, outer, own);
      settings = isShared ? outer : own;
      await checkTables(settings.driver, options);
      const onError = reporter(resources, 'an end handler failed, and will be called again');
      handlers.open({ ...settings, onError });
      if (resources['tsgi.run_once'] !== true) handlers.start();
      if (!isShared) sweeper = startSweeper(settings, options, resources);
      return { 'web.session.manager': settings };
    },

    async close() {
      await Promise.all([handlers.close(), sweeper?.stop()]);
      settings?.watcher.stop();
      sweeper = settings = undefined;
    },
  };
}

/** Calls the application with this visit's keys. */
function callWith(
  manager: Manager,
  app: string,
  application: Application<Inside>,
  environ: Environ,
): Reply | Promise<Reply> {
  const store = manager.store(app);
  const { driver } = manager;
  if (managerIn(environ) !== undefined) {
    const keys = { 'web.session.driver': driver, 'web.session.manager': manager, 'web.session.store': store };
    return callShadowing(application, environ, keys);
  }
  const inside = environ as Inside;
  inside['web.session.driver'] = driver;
  inside['web.session.manager'] = manager;
  inside['web.session.store'] = store;
  return application(inside);
}

/** The application threw: endings are committed all the same, and its error goes on. */
async function fail(visit: Visit, error: unknown): Promise<never> {
  try {
    await visit.finish(false);
  } catch (second) {
    const where = 'session() could not end a session after the application failed';
    logFailure(visit.environ['tsgi.errors'], where, second);
  }
  throw error;
}

/** The reply with the cookie that is to leave, and with what caches have to know. For `openSession` too, as what follows. */
export function dress(visit: Visit, reply: Reply, warn: (environ: Environ) => void): Reply {
  if ((reply as Partial<Reply> | undefined)?.headers === undefined) return reply; // the error layer says what is wrong
  const { carrier } = visit.settings;
  const withCookie = visit.cookies.applyTo(reply);
  if (withCookie === reply && !visit.looked && carrier.usesCookies) return reply;
  if (visit.cookies.sent.length > 0 && !visit.https) warn(visit.environ);
  const foundByID = visit.looked && visit.carried?.by === 'id';
  return carrier.dress(withCookie, visit.looked || withCookie !== reply, foundByID);
}

/** Says once for each layer that cookies travel where others can read them. */
export function plainHttpWarning(): (environ: Environ) => void {
  let said = false;
  return (environ) => {
    if (said || isLoopback(environ.REMOTE_ADDR)) return;
    said = true;
    logSentence(
      environ['tsgi.errors'],
      'session() has sent its cookie over plain http to another machine, where others may read it. ' +
        'Serve https; behind a proxy that ends https, give cookie: { secure: true }.',
    );
  };
}

function isLoopback(address: string | undefined): boolean {
  return address === undefined || /^(?:127\.|::1$|::ffff:127\.)/.test(address);
}

/** What the visits of one layer share; `options` were checked. */
export function settingsFor(options: SessionOptions, resources: Resources): VisitSettings {
  const { idle = Infinity, expire = idle === Infinity ? DAY : Infinity } = options;
  const { codec = jsonCodec, clock = systemClock, invalidateCorrupt = 'throw' } = options;
  const name = resources['web.environment.name'] as string;
  const driver = resources['web.environment.driver'] as Driver;
  if (invalidateCorrupt === 'quarantine') checkPower(driver, 'quarantine', "invalidateCorrupt: 'quarantine'");
  return {
    driver,
    codec,
    limits: checkedLimits(options.limits),
    clock,
    lifetime: expire,
    idle,
    invalidateCorrupt,
    carrier: new Carrier(name, options),
    notices: new Notices(name, clock, options.log),
    watcher: new Watcher(driver, clock, reporter(resources, 'a callback at the end of a session failed')),
  };
}

/** Creates the environment when that was asked for. @throws SessionError `NO_TABLES` */
export async function checkTables(driver: Driver, { setupEnvironment = false }: SessionOptions): Promise<void> {
  if (setupEnvironment) await driver.createEnvironment();
  else if (!(await driver.completeEnvironment())) throw noTables();
}

function startSweeper(
  settings: VisitSettings,
  { sweep = MINUTE }: SessionOptions,
  resources: Resources,
): Sweeper | undefined {
  if (sweep === false || resources['tsgi.run_once'] === true) return undefined;
  const onError = reporter(resources, 'removing ended sessions failed, and will be tried again');
  const sweeper = new Sweeper(settings, sweep, onError);
  sweeper.start();
  return sweeper;
}

/** Writes what fails outside any request to the log. */
export function reporter(resources: Resources, what: string): (error: unknown) => void {
  const errors = resources['tsgi.errors'] as ErrorStream;
  return (error) => {
    logFailure(errors, `session(): ${what}`, error);
  };
}

const MINUTE = 60;
const DAY = 86_400;

/** An application that answered nothing at all has failed too; the error layer says so. */
function isNoFailure(reply: Reply | undefined): boolean {
  return reply?.status.startsWith('5') === false;
}

function managerIn(environ: Environ): Manager | undefined {
  return (environ as Partial<Inside>)['web.session.manager'];
}

/** With sessions elsewhere than in a database there may still be one, whose commit() the application calls. */
function connectionOf(environ: Environ): Connection | undefined {
  return (environ as { 'web.database.connection'?: Connection })['web.database.connection'];
}

/** @throws SessionError for each of the options that cannot be. */
export function checkOptions(options: SessionOptions): void {
  const { app, expire = DAY, idle = DAY, sweep = MINUTE, invalidateCorrupt = 'throw', limits, log } = options;
  checkApp(app);
  checkLength('expire', expire);
  checkLength('idle', idle);
  checkedLimits(limits);
  new Carrier('checked', options); // its constructor refuses what is wrong with the cookie, the secret and the id
  if (sweep !== false && !(Number.isFinite(sweep) && sweep > 0))
    throw bad('BAD_SWEEP', `sweep is ${String(sweep)}. It is a number of seconds, or false.`);
  if (!['throw', 'new', 'quarantine'].includes(invalidateCorrupt))
    throw bad('BAD_CORRUPT', `invalidateCorrupt is ${JSON.stringify(invalidateCorrupt)}. ${CORRUPT_CHOICES}`);
  if (log !== undefined && typeof (log as Partial<SessionLog>).write !== 'function')
    throw bad('BAD_LOG', 'log has no write(line). Give a stream, such as process.stderr.');
}

const CORRUPT_CHOICES = "It is 'throw', 'new' or 'quarantine'.";

function bad(code: string, sentence: string): SessionError {
  return new SessionError(code, sentence);
}

function noTables(): SessionError {
  return new SessionError(
    'NO_TABLES',
    'The environment has no tables for sessions yet. Give session() setupEnvironment: true, or run createEnvironment().',
  );
}

function checkShared(app: string, outer: VisitSettings, inner: VisitSettings): void {
  if (!outer.carrier.equals(inner.carrier))
    throw differs('COOKIE_DIFFERS', app, 'a cookie, secret, useCookies or id');
  if (outer.codec !== inner.codec) throw differs('CODEC_DIFFERS', app, 'a codec');
}

function differs(code: string, app: string, what: string): SessionError {
  return new SessionError(
    code,
    `The session() of '${app}' has ${what} other than the one around it, but shares its session. Give both the same.`,
  );
}
