import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { layer, type Layer, type LayerLife, type Resources } from '../app/layer.js';
import { notOpen } from '../app/life.js';
import { logFailure } from '../app/log.js';
import { callShadowing, isPromise } from '../app/promise.js';
import type { Reply } from '../app/reply.js';
import type { Connection } from '../database/connection.js';
import type { Driver } from '../stores/driver.js';
import { EndHandlers } from '../stores/end-handlers.js';
import { SessionError } from '../stores/errors.js';
import { Manager } from '../stores/manager.js';
import type { VisitSettings } from '../stores/settings.js';
import type { Store } from '../stores/store.js';
import { Sweeper } from '../stores/sweeper.js';
import { Visit } from '../stores/visit.js';
import type { EnvironmentLayer } from './environment.js';
import { dress, plainHttpWarning } from './session/dress.js';
import { checkOptions, type SessionOptions } from './session/options.js';
import { checkTables, reporter, settingsFor } from './session/settings.js';

export type { SessionOptions } from './session/options.js';

/** What `session()` sets. Nothing is read, written or sent until the application uses one of them. */
export interface SessionLayer {
  'web.session.driver': Driver;
  /** This request's session: creates, prolongs and ends it. */
  'web.session.manager': Manager;
  /** The values of the layer's own application in it. */
  'web.session.store': Store;
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

function startSweeper(
  settings: VisitSettings,
  { sweep = 60 }: SessionOptions,
  resources: Resources,
): Sweeper | undefined {
  if (sweep === false || resources['tsgi.run_once'] === true) return undefined;
  const onError = reporter(resources, 'removing ended sessions failed, and will be tried again');
  const sweeper = new Sweeper(settings, sweep, onError);
  sweeper.start();
  return sweeper;
}

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
