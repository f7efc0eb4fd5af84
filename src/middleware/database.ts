import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import { layer, type Layer, layersOf } from '../app/layer.js';
import { notOpen } from '../app/life.js';
import { isPromise } from '../app/promise.js';
import type { Reply } from '../app/reply.js';
import type { Connection } from '../database/connection.js';
import { SqliteDatabase, type SqliteOptions } from '../database/sqlite.js';
import { SqliteConnection } from '../database/sqlite-connection.js';
import { transactionOpen } from '../database/write-queue.js';

/** What `database()` sets. `C` follows from the adapter. */
export interface DatabaseLayer<C extends Connection & { cursor(): unknown } = SqliteConnection> {
  /** This request's connection. */
  'web.database.connection': C;
  /** A cursor of it, ready to use. */
  'web.database.cursor': ReturnType<C['cursor']>;
}

export interface DatabaseOptions extends SqliteOptions {
  /** Default and, today, the only one: `better-sqlite3`. */
  adapter?: 'better-sqlite3';
}

/**
 * Opens the database with the application, closes it with the application, and gives each request a connection to it.
 * PythonWeb's `database.Database`.
 * @throws TsgiError `UNKNOWN_ADAPTER`, `NO_DATABASE` or `TWO_DATABASES` when the layer is made; the errors of
 * `SqliteDatabase.open` when the application opens.
 */
export const database: Layer<'database', DatabaseLayer, unknown, never, [options: DatabaseOptions]> = layer(
  'database',
  { sets: ['web.database.connection', 'web.database.cursor'] },
  (application, options: DatabaseOptions) => {
    checkOptions(options);
    checkOnlyDatabase(application);
    let opened: SqliteDatabase | undefined;

    return {
      answer(environ) {
        const connection = new SqliteConnection(opened ?? notOpen());
        const inside = environ as Environ & DatabaseLayer;
        inside['web.database.connection'] = connection;
        inside['web.database.cursor'] = connection.cursor();
        return run(application, inside, connection);
      },
      async open() {
        opened = await SqliteDatabase.open(options);
        return { 'web.database.connection': opened };
      },
      async close() {
        await opened?.close();
        opened = undefined;
      },
    };
  },
);

function run(
  application: Application<Environ & DatabaseLayer>,
  environ: Environ & DatabaseLayer,
  connection: SqliteConnection,
): Reply | Promise<Reply> {
  try {
    const reply = application(environ);
    if (!isPromise(reply)) return finish(connection, reply);
    return reply.then(
      (value) => finish(connection, value),
      (error: unknown) => fail(connection, error),
    );
  } catch (error) {
    return fail(connection, error);
  }
}

function finish(connection: SqliteConnection, reply: Reply): Reply {
  if (connection.undoOpenTransaction()) throw transactionOpen();
  return reply;
}

function fail(connection: SqliteConnection, error: unknown): never {
  connection.undoOpenTransaction();
  throw error;
}

function checkOptions({ adapter = 'better-sqlite3', database: file }: DatabaseOptions): void {
  if ((adapter as string) !== 'better-sqlite3') {
    throw new TsgiError(
      'UNKNOWN_ADAPTER',
      `database() got the adapter '${adapter as string}'. There is 'better-sqlite3'.`,
    );
  }
  if (typeof file !== 'string' || file === '') {
    throw new TsgiError('NO_DATABASE', "database() needs a file: { database: 'sessions.db' }.");
  }
}

function checkOnlyDatabase(application: Application<never>): void {
  if (!layersOf(application).includes('database')) return;
  throw new TsgiError('TWO_DATABASES', 'database() stands around another database(). Remove one of them.');
}
