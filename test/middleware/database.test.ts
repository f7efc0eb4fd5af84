import { statSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  database,
  type DatabaseLayer,
  type DatabaseOptions,
  type Environ,
  environment,
  json,
  type Reply,
  session,
  text,
} from 'tsgi';
import { type Client, client } from 'tsgi/testing';
import { temporaryFolder } from '../support/processes.js';

type Inside = Environ & DatabaseLayer;

const folder = temporaryFolder();
const clients: Client[] = [];
let files = 0;

afterEach(async () => {
  for (const opened of clients.splice(0)) await opened.close();
});

function newFile(): string {
  files += 1;
  return folder.file(`database-${files}.db`);
}

function visitor(
  app: (environ: Inside) => Reply | Promise<Reply>,
  options: Partial<DatabaseOptions> = {},
): Client {
  const application: Application = database(app, { database: newFile(), autoCreate: true, ...options });
  return open(application);
}

function open(application: Application): Client {
  const made = client(application);
  clients.push(made);
  return made;
}

/** Runs a function with the connection of a request, and answers what it answers as JSON. */
async function withConnection(
  run: (connection: Inside['web.database.connection']) => unknown,
): Promise<unknown> {
  const answer = await visitor(async (environ) => {
    const connection = environ['web.database.connection'];
    connection.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT)');
    return json((await run(connection)) ?? null);
  }).get('/');
  return JSON.parse(answer.text()) as unknown;
}

describe('database', () => {
  it('gives each request a connection and a cursor of its own', async () => {
    const seen = new Set<unknown>();
    const visitors = visitor((environ) => {
      seen.add(environ['web.database.connection']).add(environ['web.database.cursor']);
      environ['web.database.cursor'].execute('SELECT 1 AS one');
      return json(environ['web.database.cursor'].fetchOne());
    });

    const answers = await Promise.all([visitors.get('/'), visitors.get('/')]);

    expect(answers.map((answer) => answer.text())).toEqual(['{"one":1}', '{"one":1}']);
    expect(seen.size).toBe(4);
  });

  it('walks through rows as a cursor of the DB-API does', async () => {
    const found = await withConnection((connection) => {
      const inserted = connection.execute('INSERT INTO notes (note) VALUES (?), (?), (?)', ['a', 'b', 'c']);
      const counts = [inserted.rowCount, inserted.lastRowId];
      const cursor = connection.execute('SELECT note FROM notes WHERE id >= :first ORDER BY id', {
        first: 1,
      });
      const walked = [
        cursor.fetchOne(),
        cursor.fetchMany(1),
        cursor.fetchAll(),
        cursor.fetchOne() ?? 'no more',
      ];
      return {
        counts,
        walked,
        again: [...cursor.execute('SELECT count(*) AS n FROM notes')],
        rowCount: cursor.rowCount,
      };
    });

    expect(found).toEqual({
      counts: [3, 3],
      walked: [{ note: 'a' }, [{ note: 'b' }], [{ note: 'c' }], 'no more'],
      again: [{ n: 3 }],
      rowCount: -1,
    });
  });

  it('runs a transaction as a whole or not at all', async () => {
    const found = await withConnection(async (connection) => {
      const insert = (note: string) => connection.execute('INSERT INTO notes (note) VALUES (?)', [note]);
      const kept = await connection.transaction(() => insert('kept').rowCount);
      const failed = await connection
        .transaction(() => {
          insert('undone');
          throw new Error('on purpose');
        })
        .catch((error: unknown) => String(error));
      const late = await connection
        .transaction(() => Promise.resolve(insert('late')))
        .catch((error: unknown) => (error as { code: string }).code);
      const nested = await connection
        .transaction(() => connection.transaction(() => 1))
        .catch((error: unknown) => (error as { code: string }).code);
      return { kept, failed, late, nested, notes: connection.execute('SELECT note FROM notes').fetchAll() };
    });

    expect(found).toEqual({
      kept: 1,
      failed: 'Error: on purpose',
      late: 'ASYNC_TRANSACTION',
      nested: 'ASYNC_TRANSACTION',
      notes: [{ note: 'kept' }],
    });
  });

  describe('when the application leaves a transaction open', () => {
    const leave = (environ: Inside) => {
      environ['web.database.connection'].handle.exec(
        'CREATE TABLE IF NOT EXISTS t (a); BEGIN; INSERT INTO t VALUES (1)',
      );
    };

    it.each<[string, (environ: Inside) => Reply | Promise<Reply>, string]>([
      ['and answers', (environ) => (leave(environ), text('')), 'TRANSACTION_OPEN'],
      [
        'and answers later',
        async (environ) => {
          await Promise.resolve();
          leave(environ);
          return text('');
        },
        'TRANSACTION_OPEN',
      ],
      [
        'and throws',
        (environ) => {
          leave(environ);
          throw Object.assign(new Error('first'), { code: 'FIRST' });
        },
        'FIRST',
      ],
    ])('undoes it: %s', async (_, app, code) => {
      const visitors = visitor((environ) => (environ.PATH_INFO === '/' ? app(environ) : count(environ)));
      const count = (environ: Inside) =>
        json([
          environ['web.database.connection'].handle.inTransaction,
          environ['web.database.cursor'].execute('SELECT count(*) AS n FROM t').fetchOne(),
        ]);

      await expect(visitors.get('/')).rejects.toMatchObject({ code });

      expect((await visitors.get('/count')).text()).toBe('[false,{"n":0}]');
    });
  });

  it('lets a session wait for a transaction that another request has begun by hand', async () => {
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const application: Application = database(
      environment(
        session(
          async (environ) => {
            if (environ.PATH_INFO === '/session')
              return text(String(environ['web.session.store'].increment('n')));
            const { handle } = environ['web.database.connection'];
            handle.exec('CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)');
            await paused;
            handle.exec('COMMIT');
            return json(handle.prepare('SELECT count(*) AS n FROM t').get());
          },
          { app: 'test', setupEnvironment: true, sweep: false },
        ),
        { name: 'test' },
      ),
      { database: newFile(), autoCreate: true },
    );
    const visitors = open(application);
    await visitors.open();

    const byHand = visitors.get('/transaction');
    const other = visitors.get('/session');
    setTimeout(resume, 50);

    expect((await byHand).text()).toBe('{"n":1}');
    expect((await other).text()).toBe('1');
  });

  it('commit() seals what the session has changed, rollback() drops the rest', async () => {
    const application: Application = database(
      environment(
        session(
          async (environ) => {
            const store = environ['web.session.store'];
            const connection = environ['web.database.connection'];
            if (environ.PATH_INFO === '/read') return json(Object.fromEntries(store));
            await connection.commit();
            store.set('sealed', 1);
            await connection.commit();
            store.set('dropped', 2);
            connection.rollback();
            store.set('kept', 3);
            return json(Object.fromEntries(store));
          },
          { app: 'test', setupEnvironment: true, sweep: false },
        ),
        { name: 'test' },
      ),
      { database: newFile(), autoCreate: true },
    );
    const visitors = open(application);

    expect((await visitors.get('/')).text()).toBe('{"sealed":1,"kept":3}');
    expect(JSON.parse((await visitors.get('/read')).text())).toEqual({ sealed: 1, kept: 3 });
  });

  it.each<[DatabaseOptions['durability'], number]>([
    [undefined, 2],
    ['power', 2],
    ['process', 1],
  ])('with durability %s sets synchronous to %i', async (durability, synchronous) => {
    const visitors = visitor(
      (environ) => json(environ['web.database.connection'].handle.pragma('synchronous')),
      {
        ...(durability && { durability }),
      },
    );

    expect((await visitors.get('/')).text()).toBe(`[{"synchronous":${synchronous}}]`);
  });

  it('creates its files for this user alone', async () => {
    const file = newFile();
    await visitor((environ) => json(environ['web.database.cursor'].execute('CREATE TABLE t (a)').rowCount), {
      database: file,
    }).get('/');

    const modes = ['', '-wal', '-shm'].map((suffix) => (statSync(file + suffix).mode & 0o777).toString(8));

    expect(modes).toEqual(['600', '600', '600']);
  });

  it('opens a file once for all layers that name it, and closes it with the last', async () => {
    const file = newFile();
    const handles = new Set<unknown>();
    const app = (environ: Inside) => {
      handles.add(environ['web.database.connection'].handle);
      return json(environ['web.database.cursor'].execute('SELECT 1').fetchAll().length);
    };
    const first = visitor(app, { database: file });
    const second = visitor(app, { database: `${folder.path}/./${file.slice(folder.path.length + 1)}` });

    await first.get('/');
    await second.get('/');
    await first.close();

    expect((await second.get('/')).text()).toBe('1');
    expect(handles.size).toBe(1);
    const differs = visitor(app, { database: file, durability: 'process' });
    await expect(differs.get('/')).rejects.toMatchObject({ code: 'DURABILITY_DIFFERS' });
    await second.close();
    expect((await differs.get('/')).text()).toBe('1');
  });

  it('says what is wrong with its options when it is made', () => {
    const app = () => text('');
    const make = (options: unknown) => () => database(app, options as DatabaseOptions);

    expect(make({ database: 'x.db', adapter: 'snakesql' })).toThrow("database() got the adapter 'snakesql'");
    expect(make({})).toThrow('database() needs a file');
    expect(() => database(database(app, { database: 'a.db' }), { database: 'b.db' })).toThrow(
      'database() stands around another database(). Remove one of them.',
    );
  });

  it('does not open a file that is missing, unless it may create it', async () => {
    await expect(visitor(() => text(''), { autoCreate: false }).get('/')).rejects.toMatchObject({
      code: 'DATABASE_MISSING',
    });
  });
});
