import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { layer, type LayerLife, type Outer, type Resources } from '../app/layer.js';
import { notOpen } from '../app/life.js';
import { callShadowing } from '../app/promise.js';
import type { SqliteDatabase } from '../database/sqlite.js';
import type { Driver } from '../stores/driver.js';
import { SessionError } from '../stores/errors.js';
import { MemoryDriver } from '../stores/memory.js';
import { SqliteDriver } from '../stores/sqlite.js';
import type { DatabaseLayer } from './database.js';

/** Where an environment keeps its sessions. */
export type Storage = 'database' | 'memory';

/** What `environment()` sets. */
export interface EnvironmentLayer {
  /** The name that the layer was given. */
  'web.environment.name': string;
  'web.environment.type': Storage;
  /** Creates, checks and removes the environment, and remembers its sessions. */
  'web.environment.driver': Driver;
}

export interface EnvironmentOptions {
  /**
   * Names the tables, and the cookie unless `session()` says otherwise: a letter, then letters, digits and `_`, at most 64
   * in all. Two names in one database differ by more than case.
   */
  name: string;
  /** Default `database`, which needs `database()` around it. `memory`: gone when the process ends. */
  storage?: Storage;
}

type Needs<O extends EnvironmentOptions> = O extends { storage: 'memory' } ? unknown : DatabaseLayer;

/** Refuses a misspelled option, which `O` alone would let pass. */
type Known<O> = { [K in Exclude<keyof O, keyof EnvironmentOptions>]: never };

/** The type of `environment`: as of any layer, but what it needs follows from `storage`. */
type MakesEnvironment = <E extends Environ, O extends EnvironmentOptions, L extends string = never>(
  application: Outer<L, 'database', 'environment', Application<E & Needs<O> & EnvironmentLayer, L>>,
  options: O & Known<O>,
) => Application<E & Needs<O>, L | 'environment'>;

/**
 * A group of applications that share their sessions and one cookie. Several environments can live in one database.
 * PythonWeb's `environment.Environment`.
 * @throws SessionError `BAD_NAME` or `UNKNOWN_STORAGE` when the layer is made.
 */
export const environment: MakesEnvironment = layer(
  'environment',
  {
    sets: ['web.environment.name', 'web.environment.type', 'web.environment.driver'],
    needs: ({ storage }) => (storage === 'memory' ? {} : { 'web.database.connection': 'database' }),
    after: ['database'],
  },
  makeEnvironment,
) as MakesEnvironment;

function makeEnvironment(
  application: Application<Environ & EnvironmentLayer>,
  { name, storage = 'database' }: EnvironmentOptions,
): LayerLife & { answer: Application } {
  checkName(name);
  const driverFor = Object.hasOwn(drivers, storage) ? drivers[storage] : unknownStorage(storage);
  let driver: Driver | undefined;

  return {
    answer(environ) {
      const inside = environ as Environ & EnvironmentLayer;
      const current = driver ?? notOpen();
      if ((inside['web.environment.driver'] as Driver | undefined) !== undefined) {
        const keys = { 'web.environment.name': name, 'web.environment.type': storage };
        return callShadowing(application, environ, { ...keys, 'web.environment.driver': current });
      }
      inside['web.environment.name'] = name;
      inside['web.environment.type'] = storage;
      inside['web.environment.driver'] = current;
      return application(inside);
    },
    open(resources) {
      driver = driverFor(resources, name);
      return { 'web.environment.name': name, 'web.environment.driver': driver };
    },
  };
}

const drivers = {
  memory: () => new MemoryDriver(),
  database: (resources: Resources, name: string) =>
    SqliteDriver.of(resources['web.database.connection'] as SqliteDatabase, name),
} satisfies Record<Storage, (resources: Resources, name: string) => Driver>;

/** It becomes part of table names, which are no place for anything else; `sqlite_` names belong to SQLite. */
function checkName(name: string): void {
  if (typeof name === 'string' && /^(?!sqlite_|tsgi)[a-z][a-z0-9_]{0,63}$/i.test(name)) return;
  throw new SessionError(
    'BAD_NAME',
    `${JSON.stringify(name)} cannot name an environment. A name has 1 to 64 letters, digits and _, starts with a letter, and not with sqlite_ or tsgi.`,
  );
}

function unknownStorage(storage: string): never {
  const known = Object.keys(drivers).join(', ');
  throw new SessionError(
    'UNKNOWN_STORAGE',
    `environment() got the storage ${JSON.stringify(storage)}. There are: ${known}.`,
  );
}
