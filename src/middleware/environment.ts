import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { layer, type LayerLife, type Outer } from '../app/layer.js';
import { notOpen } from '../app/life.js';
import { callShadowing } from '../app/promise.js';
import type { SqliteDatabase } from '../database/sqlite.js';
import type { Driver } from '../stores/driver.js';
import type { DatabaseLayer } from './database.js';
import {
  checkEnvironment,
  type EnvironmentOptions,
  openStorage,
  type OpenStorage,
  type Storage,
  typeOf,
} from './environment/storage.js';

export type { EnvironmentOptions, Storage } from './environment/storage.js';

/** What `environment()` sets. */
export interface EnvironmentLayer {
  /** The name that the layer was given. */
  'web.environment.name': string;
  /** `own`: a driver that the application was given. */
  'web.environment.type': Storage | 'own';
  /** Creates, checks and removes the environment, and remembers its sessions. */
  'web.environment.driver': Driver;
}

type Needs<O extends EnvironmentOptions> = O extends { storage: 'memory' | 'file' | Driver }
  ? unknown
  : DatabaseLayer;

/** Refuses a misspelled option, which `O` alone would let pass. */
type Known<O> = { [K in Exclude<keyof O, keyof EnvironmentOptions>]: never };

/** The type of `environment`: as of any layer, but what it needs follows from `storage`. */
type MakesEnvironment = <E extends Environ, O extends EnvironmentOptions, L extends string = never>(
  application: Outer<L, 'database', 'environment', Application<E & Needs<O> & EnvironmentLayer, L>>,
  options: O & Known<O>,
) => Application<E & Needs<O>, L | 'environment'>;

/**
 * A group of applications that share their sessions and one cookie. Several environments can live in one database or
 * directory. PythonWeb's `environment.Environment`.
 * @throws SessionError `BAD_NAME`, `UNKNOWN_STORAGE`, `BAD_DRIVER` or `BAD_DIRECTORY` when the layer is made.
 */
export const environment: MakesEnvironment = layer(
  'environment',
  {
    sets: ['web.environment.name', 'web.environment.type', 'web.environment.driver'],
    needs: (options) => (typeOf(options) === 'database' ? { 'web.database.connection': 'database' } : {}),
    after: ['database'],
  },
  makeEnvironment,
) as MakesEnvironment;

function makeEnvironment(
  application: Application<Environ & EnvironmentLayer>,
  options: EnvironmentOptions,
): LayerLife & { answer: Application } {
  checkEnvironment(options);
  const { name } = options;
  const type = typeOf(options);
  let storage: OpenStorage | undefined;

  return {
    answer(environ) {
      const inside = environ as Environ & EnvironmentLayer;
      const { driver } = storage ?? notOpen();
      if ((inside['web.environment.driver'] as Driver | undefined) !== undefined) {
        const keys = { 'web.environment.name': name, 'web.environment.type': type };
        return callShadowing(application, environ, { ...keys, 'web.environment.driver': driver });
      }
      inside['web.environment.name'] = name;
      inside['web.environment.type'] = type;
      inside['web.environment.driver'] = driver;
      return application(inside);
    },
    open(resources) {
      storage = openStorage(options, () => resources['web.database.connection'] as SqliteDatabase);
      return { 'web.environment.name': name, 'web.environment.driver': storage.driver };
    },
    async close() {
      await storage?.close();
      storage = undefined;
    },
  };
}
