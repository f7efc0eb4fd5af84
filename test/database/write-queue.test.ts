import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BUSY_LIMIT } from '../../src/database/errors.js';
import { FileState } from '../../src/database/file-state.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { SqliteHandle } from '../../src/database/sqlite-handle.js';
import { WriteQueue } from '../../src/database/write-queue.js';
import { type Program, start, temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let database: SqliteDatabase;
let statements: string[] = [];
const holders: Program[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  const verbose = (sql: unknown) => statements.push(String(sql));
  database = await SqliteDatabase.open({ database: folder.file('notes.db'), autoCreate: true, verbose });
  database.handle.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)');
  statements = [];
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const holder of holders.splice(0)) await holder.stop();
  await database.close();
  folder.remove();
});

/** Inserts a note, and answers its id. */
function insert(text: string): number | bigint {
  return database.statement('INSERT INTO notes (text) VALUES (?)').run(text).lastInsertRowid;
}

function write(text: string): Promise<number | bigint> {
  return database.write(() => insert(text));
}

function notes(): unknown[] {
  return database.handle.prepare('SELECT text FROM notes ORDER BY id').pluck().all();
}

/** How often a statement was run. */
function count(statement: string): number {
  return statements.filter((sql) => sql.startsWith(statement)).length;
}

/** A transaction begun by hand. */
function begin(): void {
  database.handle.exec('BEGIN');
  insert('by hand');
}

/** Lets the clock of waiting show so many seconds more than it does. */
function clockShows(more: number): void {
  jest.restoreAllMocks();
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + more * 1000);
}

/** Another process has the write lock; resolves once it has. */
async function lock(milliseconds: number): Promise<Program> {
  const holder = start('test/support/lock-holder.ts', folder.file('notes.db'), String(milliseconds));
  holders.push(holder);
  expect(await holder.line()).toBe('locked');
  return holder;
}

describe('writes of one turn', () => {
  it('share one transaction, and are answered when it is durable', async () => {
    const writes = ['a', 'b', 'c'].map(write);
    expect(notes()).toEqual([]);

    expect(await Promise.all(writes)).toEqual([1, 2, 3]);
    await nextTurn();
    await nextTurn();

    expect([count('BEGIN'), count('COMMIT')]).toEqual([1, 1]);
    expect(notes()).toEqual(['a', 'b', 'c']);
  });

  it('take no savepoint while none fails', async () => {
    await Promise.all([write('a'), write('b')]);

    expect(statements).toEqual([
      'BEGIN IMMEDIATE',
      "INSERT INTO notes (text) VALUES ('a')",
      "INSERT INTO notes (text) VALUES ('b')",
      'COMMIT',
    ]);
  });

  it('run again under savepoints when one has failed, and those that have come meanwhile with them', async () => {
    const settling = Promise.allSettled([write('a'), write('a'), write('b')]);
    await nextTurn();
    const late = Promise.allSettled([write('c'), write('c')]);

    const outcomes = [...(await settling), ...(await late)].map(({ status }) => status);
    expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected']);
    expect(notes()).toEqual(['a', 'b', 'c']);
    expect([count('BEGIN'), count('SAVEPOINT'), count('COMMIT')]).toEqual([2, 5, 1]);
  });

  it('fail alone, with the error of their own', async () => {
    const own = new Error('no');

    const settled = await Promise.allSettled([
      write('a'),
      database.write(() => {
        insert('half');
        throw own;
      }),
      write('a'),
      write('b'),
    ]);

    expect(settled).toMatchObject([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: own },
      { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } },
      { status: 'fulfilled' },
    ]);
    expect(notes()).toEqual(['a', 'b']);
    expect(count('COMMIT')).toBe(1);
  });

  it('are run in the order they came, those that stand alone too', async () => {
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const all = [
      database.write(note('a')),
      database.write(note('b')),
      database.transaction(note('alone')),
      database.transaction(note('alone too')),
      database.write(note('c')),
      database.write(note('d')),
    ];

    expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5, 6]);

    expect(order).toEqual(['a', 'b', 'alone', 'alone too', 'c', 'd']);
    expect(count('COMMIT')).toBe(4);
  });

  it('keep their order, and let a transaction run once and alone, when one of them has failed', async () => {
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const fail = () => {
      order.push('failed');
      throw new Error('no');
    };

    await Promise.allSettled([
      database.write(note('a')),
      database.write(fail),
      database.transaction(note('alone')),
      database.write(note('b')),
    ]);

    expect(order).toEqual(['a', 'failed', 'a', 'failed', 'alone', 'b']);
    expect(count('COMMIT')).toBe(3);
  });

  it('may be so many that they take several transactions', async () => {
    const texts = Array.from({ length: 600 }, (_, i) => `note ${i}`);

    await Promise.all(texts.map(write));

    expect(notes()).toEqual(texts);
    expect(count('COMMIT')).toBe(3);
  });

  it('let those of the next turn begin another transaction', async () => {
    const first = write('a');
    await nextTurn();
    const second = write('b');
    await Promise.all([first, second]);

    expect(count('COMMIT')).toBe(2);
  });
});

describe('a group that is lost as a whole', () => {
  beforeEach(() => {
    const pages = database.handle.pragma('page_count', { simple: true }) as number;
    database.handle.pragma(`max_page_count = ${pages + 8}`);
  });

  const big = 'x'.repeat(500_000);

  it('is run again one by one, so that only the one to blame fails', async () => {
    const settled = await Promise.allSettled([write('a'), write(big), write('b'), write('c')]);

    expect(settled).toMatchObject([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: { code: 'DATABASE_FULL', status: 503, headers: [['Retry-After', '1']] } },
      { status: 'fulfilled', value: 2 },
      { status: 'fulfilled', value: 3 },
    ]);
    expect(notes()).toEqual(['a', 'b', 'c']);
    expect(count('COMMIT')).toBe(3);
  });

  it('comes before the writes that came later', async () => {
    const order: string[] = [];
    const noted = (text: string) => database.write(() => (order.push(text.slice(0, 1)), insert(text)));
    const group = [noted('a'), noted(big), noted('b')];
    await nextTurn();
    const later = noted('c');

    await Promise.allSettled([...group, later]);

    expect(order.join('')).toBe('axaxaxbc'); // together, under savepoints, alone
    expect(notes()).toEqual(['a', 'b', 'c']);
  });

  it('leaves nothing of a single write that is too big', async () => {
    await expect(database.transaction(() => [insert('a'), insert(big)])).rejects.toMatchObject({
      code: 'DATABASE_FULL',
    });

    expect(notes()).toEqual([]);
    expect(database.handle.inTransaction).toBe(false);
  });
});

describe('a group that the disk could not make durable', () => {
  it('fails as a whole, and is not run again', async () => {
    const queue = new WriteQueue(
      failingToCommit(database.handle),
      'notes.db',
      new FileState(database.handle),
      () => undefined,
    );
    const settled = await Promise.allSettled(
      ['a', 'b'].map((text) => queue.add(() => insert(text), 'together')),
    );

    const refused = { status: 'rejected', reason: { code: 'DATABASE_IO', status: 503 } };
    expect(settled).toMatchObject([refused, refused]);
    expect(count('INSERT')).toBe(2);
    expect(database.handle.inTransaction).toBe(false);
    expect(notes()).toEqual([]);
  });
});

describe('a database that may not be written', () => {
  it('begins no transaction, and takes the next write when it may', async () => {
    const gone = new Error('gone');
    const reasons: (Error | undefined)[] = [gone, gone, undefined];
    const queue = new WriteQueue(database.handle, 'notes.db', new FileState(database.handle), () => {
      const reason = reasons.shift();
      if (reason !== undefined) throw reason;
    });

    const both = ['a', 'b'].map((text) => queue.add(() => insert(text), 'together'));
    await expect(both[0]).rejects.toBe(gone);
    await expect(both[1]).rejects.toBe(gone);
    await expect(queue.add(() => insert('c'), 'alone')).rejects.toBe(gone);
    await queue.add(() => insert('d'), 'together');

    expect(notes()).toEqual(['d']);
    expect(count('BEGIN')).toBe(1);
  });
});

describe('transaction', () => {
  it('runs once, and is undone by what it throws', async () => {
    let runs = 0;
    const failing = database.transaction(() => {
      runs += 1;
      insert('a');
      throw new Error('no');
    });

    await expect(failing).rejects.toThrow('no');

    expect([runs, notes()]).toEqual([1, []]);
  });

  it('is never shared', async () => {
    await Promise.all([write('a'), database.transaction(() => insert('b')), write('c')]);

    expect(count('COMMIT')).toBe(3);
    expect(notes()).toEqual(['a', 'b', 'c']);
  });
});

describe('while a transaction that was begun by hand is open', () => {
  const both: [string, () => Promise<unknown>][] = [
    ['write', () => write('a')],
    ['transaction', () => database.transaction(() => insert('a'))],
  ];

  it.each(both)('%s waits, and is never in it', async (_, use) => {
    begin();
    const writing = use();
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
    expect(notes()).toEqual(['by hand']);

    database.handle.exec('ROLLBACK');
    await writing;

    expect(notes()).toEqual(['a']);
  });

  it.each(both)('%s waits also when that was begun after it was asked for', async (_, use) => {
    const writing = use();
    begin();
    await nextTurn();

    database.handle.exec('COMMIT');
    await writing;

    expect(notes()).toEqual(['by hand', 'a']);
  });

  it.each(both)('%s fails after a while, and the one who left it open has it undone', async (_, use) => {
    begin();
    const writing = use();
    const tooLong = expect(writing).rejects.toMatchObject({ code: 'TRANSACTION_OPEN', status: 500 });

    clockShows(BUSY_LIMIT);
    await tooLong;

    expect(database.handle.inTransaction).toBe(false);
    expect(notes()).toEqual([]);
    await write('b');
    expect(notes()).toEqual(['b']);
  });
});

describe('a transaction that was begun by hand and cannot be undone', () => {
  it('is refused as one that was left open, and keeps nobody from writing once it can be', async () => {
    begin();
    const rows = database.handle.prepare('SELECT 1 UNION SELECT 2').iterate();
    rows.next();
    const tooLong = expect(write('a')).rejects.toMatchObject({ code: 'TRANSACTION_OPEN' });
    clockShows(BUSY_LIMIT);
    await tooLong;

    rows.return?.();
    database.handle.exec('ROLLBACK');
    await write('b');

    expect(notes()).toEqual(['b']);
  });
});

describe('a write inside a write', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['write', () => write('inside')],
    ['transaction', () => database.transaction(() => insert('inside'))],
  ])('is refused: %s', async (_, inside) => {
    let refused: Promise<unknown> = Promise.resolve();

    await database.transaction(() => {
      insert('outside');
      refused = inside();
      refused.catch(() => undefined);
    });

    await expect(refused).rejects.toMatchObject({ code: 'NESTED_TRANSACTION' });
    expect(notes()).toEqual(['outside']);
  });
});

describe('while another process writes', () => {
  it('writes wait, in their order, and succeed', async () => {
    const holder = await lock(300);
    const order: string[] = [];

    const writes = ['a', 'b', 'c'].map(async (text) => {
      await write(text);
      order.push(text);
    });
    expect(notes()).toEqual([]);
    await Promise.all(writes);

    expect(await holder.line()).toBe('released');
    expect(order).toEqual(['a', 'b', 'c']);
    expect(notes()).toEqual(['a', 'b', 'c']);
  }, 30_000);

  it('waiting blocks nothing for longer than 10 ms at once', async () => {
    await lock(60_000);
    const writing = write('a').catch(() => undefined);

    // other programs may take the processor at any time, so the quietest of some spans counts
    let quietest = Infinity;
    for (let span = 0; span < 20 && quietest > 10; span += 1) {
      quietest = Math.min(quietest, await longestTurn(100));
    }

    expect(quietest).toBeLessThanOrEqual(10);
    await holders.splice(0)[0]?.stop('SIGKILL');
    await writing;
    expect(notes()).toEqual(['a']);
  }, 30_000);

  it('a write that has waited for too long is refused, and told to come again', async () => {
    await lock(60_000);
    const first = write('a');
    const refused = expect(first).rejects.toMatchObject({
      code: 'DATABASE_BUSY',
      status: 503,
      headers: [['Retry-After', '1']],
      message: expect.stringContaining(folder.file('notes.db')),
      cause: { code: 'SQLITE_BUSY' },
    });

    clockShows(BUSY_LIMIT - 1);
    const second = write('b');
    clockShows(BUSY_LIMIT);
    await refused;
    await holders.splice(0)[0]?.stop('SIGKILL');

    await second;
    expect(notes()).toEqual(['b']);
  }, 30_000);

  it('reading goes on', async () => {
    await write('a');
    await lock(60_000);

    expect(notes()).toEqual(['a']);
  }, 30_000);
});

/** The longest time, in milliseconds, that one turn of the event loop takes within a span. */
async function longestTurn(span: number): Promise<number> {
  let longest = 0;
  let before = performance.now();
  for (const end = before + span; before < end;) {
    await nextTurn();
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  }
  return longest;
}

/** A handle whose commits fail, as they do when fsync does: SQLite has undone the transaction then. */
function failingToCommit(handle: SqliteHandle): SqliteHandle {
  const failed = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
  const prepare = (sql: string) => {
    const statement = handle.prepare(sql);
    if (sql !== 'COMMIT') return statement;
    statement.run = () => {
      handle.exec('ROLLBACK');
      throw failed;
    };
    return statement;
  };
  return new Proxy(handle, {
    get(target, name) {
      if (name === 'prepare') return prepare;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
