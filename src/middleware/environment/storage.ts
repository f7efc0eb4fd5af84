import type { SqliteDatabase } from '../../database/sqlite.js';
import type { Driver, Power } from '../../stores/driver.js';
import { SessionError } from '../../stores/errors.js';
import { FileDriver } from '../../stores/file.js';
import { MemoryDriver } from '../../stores/memory.js';
import { SqliteDriver } from '../../stores/sqlite.js';

/** Where an environment keeps its sessions. */
export type Storage = 'database' | 'memory' | 'file';

export interface EnvironmentOptions {
  /**
   * Names the tables or the folder, and the cookie unless `session()` says otherwise: a letter, then letters, digits and
   * `_`, at most 64 in all. Two names in one database or directory differ by more than case.
   */
  name: string;
  /**
   * Default `database`, which needs `database()` around it. `file`: one file for each session, in a folder of the
   * environment's name in `directory`. `memory`: gone when the process ends. Or a driver of your own, opened and ready:
   * closing it is yours too. Myghty's `session_type` and `session_namespace_class`.
   */
  storage?: Storage | Driver;
  /** With storage `file`: relative to the working directory. Default `./sessions`. Myghty's `session_data_dir`. */
  directory?: string;
}

/** The storage of one environment while it is open. */
export interface OpenStorage {
  readonly driver: Driver;
  close(): Promise<void> | void;
}

/** What `web.environment.type` says of a storage. */
export function typeOf({ storage = 'database' }: EnvironmentOptions): Storage | 'own' {
  return typeof storage === 'string' ? storage : 'own';
}

/** @throws SessionError `BAD_NAME`, `UNKNOWN_STORAGE`, `BAD_DRIVER` or `BAD_DIRECTORY` */
export function checkEnvironment({ name, storage = 'database', directory }: EnvironmentOptions): void {
  checkName(name);
  if (typeof storage !== 'string') checkDriver(storage);
  else if (!STORAGES.includes(storage)) throw unknownStorage(storage);
  if (directory === undefined) return;
  if (storage !== 'file') throw badDirectory("is for storage: 'file' only. Leave it out");
  if (typeof directory !== 'string' || directory === '') throw badDirectory('is no path. Give one');
}

/** Opens the storage; `database` is asked for where it is needed. */
export function openStorage(options: EnvironmentOptions, database: () => SqliteDatabase): OpenStorage {
  const { name, storage = 'database', directory = './sessions' } = options;
  switch (storage) {
    case 'database':
      return { driver: SqliteDriver.of(database(), name), close: nothing };
    case 'memory':
      return { driver: new MemoryDriver(), close: nothing };
    case 'file': {
      const driver = FileDriver.open(directory, name);
      return { driver, close: () => driver.close() };
    }
    default:
      return { driver: storage, close: nothing };
  }
}

const STORAGES: readonly string[] = ['database', 'memory', 'file'] satisfies Storage[];

function nothing(): void {
  // there is nothing that would be ours to close
}

/** It becomes part of table and file names, which are no place for anything else; `sqlite_` names belong to SQLite. */
function checkName(name: string): void {
  if (typeof name === 'string' && /^(?!sqlite_|tsgi)[a-z][a-z0-9_]{0,63}$/i.test(name)) return;
  throw new SessionError(
    'BAD_NAME',
    `${JSON.stringify(name)} cannot name an environment. A name has 1 to 64 letters, digits and _, starts with a letter, and not with sqlite_ or tsgi.`,
  );
}

const METHODS: readonly (keyof Driver)[] = [
  'completeEnvironment',
  'createEnvironment',
  'removeEnvironment',
  'load',
  'commit',
  'end',
  'sweep',
];

const METHODS_OF_POWERS: Readonly<Partial<Record<Power, readonly (keyof Driver)[]>>> = {
  events: ['claim', 'settle'],
  locks: ['lock', 'unlock'],
  quarantine: ['quarantined', 'clearQuarantine'],
};

/** What is missing is found now and not at a visitor's request. */
function checkDriver(storage: unknown): void {
  if (typeof storage !== 'object' || storage === null) throw badDriver('is no object');
  const driver = storage as Driver;
  if (typeof (driver.powers as Partial<Driver['powers']> | undefined)?.has !== 'function')
    throw badDriver('has no Set powers');
  const wanted = [...driver.powers].flatMap((power) => METHODS_OF_POWERS[power] ?? []);
  const missing = [...METHODS, ...wanted].find((name) => typeof driver[name] !== 'function');
  if (missing !== undefined) throw badDriver(`has no method ${missing}()`);
}

function badDriver(what: string): SessionError {
  return new SessionError(
    'BAD_DRIVER',
    `environment() got a storage of your own that ${what}. Give an object that implements Driver.`,
  );
}

function unknownStorage(storage: string): SessionError {
  return new SessionError(
    'UNKNOWN_STORAGE',
    `environment() got the storage ${JSON.stringify(storage)}. There are: ${STORAGES.join(', ')}, or a driver of your own.`,
  );
}

function badDirectory(what: string): SessionError {
  return new SessionError('BAD_DIRECTORY', `environment() got a directory that ${what}.`);
}
