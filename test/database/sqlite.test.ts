import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  openSync,
  closeSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { DatabaseError } from '../../src/database/errors.js';
import { SqliteDatabase, type SqliteOptions } from '../../src/database/sqlite.js';
import { start, temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let file = '';
const opened: SqliteDatabase[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
});

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  folder.remove();
});

async function open(options: Partial<SqliteOptions> = {}): Promise<SqliteDatabase> {
  const database = await SqliteDatabase.open({ database: file, autoCreate: true, ...options });
  opened.push(database);
  return database;
}

/** A database of some pages, closed. */
function fill(): void {
  const database = new BetterSqlite3(file);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
  const insert = database.prepare('INSERT INTO notes (text) VALUES (?)');
  for (let i = 0; i < 100; i += 1) insert.run('x'.repeat(1000));
  database.close();
}

/** Writes over bytes of the closed file. */
function damage(from: number, length: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(length, 0xa5), 0, length, from);
  closeSync(descriptor);
}

describe('opening a database', () => {
  it('creates a missing file for this user alone, with what SQLite puts beside it', async () => {
    const database = await open();
    database.handle.exec('CREATE TABLE notes (text)');

    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['power', 2],
    ['process', 1],
  ] as const)('makes commits survive the loss of %s: synchronous is %d', async (durability, synchronous) => {
    const { handle } = await open({ durability });

    expect(handle.pragma('synchronous', { simple: true })).toBe(synchronous);
    expect(handle.pragma('journal_mode', { simple: true })).toBe('wal');
  });

  it('lets SQLite itself wait for a few milliseconds only, since that blocks everything', async () => {
    const { handle } = await open();

    expect(handle.pragma('busy_timeout', { simple: true })).toBeLessThanOrEqual(5);
  });

  it.each<[string, string, Partial<SqliteOptions>, () => unknown, RegExp]>([
    [
      'a missing file',
      'DATABASE_MISSING',
      { autoCreate: false },
      () => undefined,
      /does not exist.*autoCreate/,
    ],
    [
      'an empty file',
      'DATABASE_EMPTY',
      { autoCreate: false },
      () => {
        writeFileSync(file, '');
      },
      /is empty.*backup/,
    ],
    ['a folder', 'NOT_A_FILE', {}, () => mkdirSync(file), /is not a file/],
    [
      'a text',
      'NOT_A_DATABASE',
      {},
      () => {
        writeFileSync(file, 'Dear diary, '.repeat(100));
      },
      /not an SQLite database/,
    ],
    [
      'a short text',
      'NOT_A_DATABASE',
      {},
      () => {
        writeFileSync(file, 'hello');
      },
      /not an SQLite database/,
    ],
    [
      'a truncated database',
      'DATABASE_DAMAGED',
      {},
      () => {
        fill();
        truncateSync(file, 3 * 4096);
      },
      /is damaged.*backup/,
    ],
    [
      'a database with a damaged head',
      'NOT_A_DATABASE',
      {},
      () => {
        fill();
        damage(0, 16);
      },
      /not an SQLite database/,
    ],
  ])('refuses %s, and says what to do', async (_, code, options, arrange, sentence) => {
    arrange();

    const failure: unknown = await open(options).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(DatabaseError);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) });
    expect((failure as Error).message).toContain(file);
  });

  it('refuses a folder that is missing, and names it', async () => {
    const missing = folder.file('no/such');

    await expect(open({ database: `${missing}/sessions.db` })).rejects.toMatchObject({
      code: 'DIRECTORY_MISSING',
      message: expect.stringContaining(`There is no folder ${missing} `),
    });
  });

  it('finds a damaged page when it is read, and leaves the rest alone', async () => {
    fill();
    damage(4096, 4096);
    const database = await open();

    const read = () => database.run(() => database.statement('SELECT * FROM notes').all());

    expect(read).toThrow(expect.objectContaining({ code: 'DATABASE_DAMAGED', status: 503 }));
    const writing = database.write(() => database.handle.exec('CREATE TABLE more (text)'));
    await expect(writing).resolves.toBeDefined();
  });

  it('opens what was refused once it has been set right', async () => {
    await expect(open({ autoCreate: false })).rejects.toMatchObject({ code: 'DATABASE_MISSING' });
    writeFileSync(file, 'hello');
    await expect(open()).rejects.toMatchObject({ code: 'NOT_A_DATABASE' });
    writeFileSync(file, '');

    const { handle } = await open();

    expect(handle.prepare('SELECT 1 AS one').get()).toEqual({ one: 1 });
  });

  it('waits while another process is writing', async () => {
    fill();
    const holder = start('test/support/lock-holder.ts', file, '300');
    expect(await holder.line()).toBe('locked');

    const { handle } = await open();

    expect(handle.prepare('SELECT count(*) AS n FROM notes').get()).toEqual({ n: 100 });
    await holder.stop();
  }, 30_000);

  it('shortens a -wal file that grew while somebody kept an old state, once that has ended', async () => {
    const { handle } = await open();
    const log = () => statSync(`${file}-wal`).size;
    handle.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
    const reader = new BetterSqlite3(file);
    reader.exec('BEGIN; SELECT * FROM notes');
    for (let i = 0; i < 40; i += 1) handle.exec('INSERT INTO notes (text) VALUES (hex(randomblob(500000)))');
    const grown = log();

    reader.close();
    for (let i = 0; i < 2; i += 1) handle.exec("INSERT INTO notes (text) VALUES ('short')");

    expect(grown).toBeGreaterThan(32 * 1024 * 1024);
    expect(log()).toBeLessThanOrEqual(16 * 1024 * 1024);
  }, 30_000);

  it('gives an in-memory database to each that asks', async () => {
    const [one, other] = [await open({ database: ':memory:' }), await open({ database: ':memory:' })];

    one.handle.exec('CREATE TABLE notes (text)');

    expect(() => other.handle.prepare('SELECT * FROM notes')).toThrow('no such table');
  });

  it('tells of every statement when asked', async () => {
    const statements: unknown[] = [];
    const { handle } = await open({ verbose: (sql) => statements.push(sql) });

    handle.prepare('SELECT 7').get();

    expect(statements.at(-1)).toBe('SELECT 7');
  });
});

describe('a database without the right to use it', () => {
  const isRoot = process.getuid?.() === 0;
  const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};

  /** What a process says that is not root, opening each of the files. */
  function asNobody(...files: readonly string[]): string[] {
    const args = ['--import', 'tsx', 'test/support/open-program.ts', ...files];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', ...nobody });
    return stdout.trim().split('\n');
  }

  const test = process.platform === 'win32' ? it.skip : it;
  if (process.platform === 'win32') process.stdout.write('skipped: files have no modes on this system\n');

  test('is refused with a sentence that says what is missing', () => {
    fill();
    const [readable, unreadable] = [folder.file('readable'), folder.file('unreadable')];
    for (const [path, mode] of [
      [readable, 0o555],
      [unreadable, 0o555],
    ] as const) {
      mkdirSync(path);
      spawnSync('cp', [file, `${path}/sessions.db`]);
      chmodSync(`${path}/sessions.db`, path === readable ? 0o444 : 0o000);
      chmodSync(path, mode);
    }
    chmodSync(folder.path, isRoot ? 0o755 : 0o555);

    const answers = asNobody(`${readable}/sessions.db`, `${unreadable}/sessions.db`, folder.file('new.db'));

    chmodSync(folder.path, 0o755);
    for (const path of [readable, unreadable]) chmodSync(path, 0o755);
    expect(answers).toHaveLength(3);
    for (const answer of answers) {
      expect(answer).toMatch(/^50[03] DATABASE_(?:READ_ONLY|CANNOT_OPEN): /);
      expect(answer).toContain(folder.path);
      expect(answer).toMatch(/Give this user write access|Check that this user may|Check the rights/);
    }
  }, 30_000);
});

describe('the databases of a process', () => {
  it('are one for each file, by whatever path it is named', async () => {
    const database = await open();
    symlinkSync(file, folder.file('link.db'));
    symlinkSync(folder.path, folder.file('folder'));

    expect(await open()).toBe(database);
    expect(await open({ database: relative(process.cwd(), file) })).toBe(database);
    expect(await open({ database: folder.file('link.db') })).toBe(database);
    expect(await open({ database: folder.file('folder/sessions.db') })).toBe(database);
    expect(await open({ database: folder.file('other.db') })).not.toBe(database);
  });

  it('are one also for those who open it at the same moment', async () => {
    const [one, other, third] = await Promise.all([open(), open(), open()]);

    expect([other, third]).toEqual([one, one]);
  });

  it('may not differ in what their commits survive', async () => {
    const database = await open({ durability: 'process' });

    await expect(open()).rejects.toMatchObject({ code: 'DURABILITY_DIFFERS' });

    expect(await open({ durability: 'process' })).toBe(database);
  });

  it('are closed with the last who has opened them, and opened anew after that', async () => {
    const first = await SqliteDatabase.open({ database: file, autoCreate: true });
    const second = await SqliteDatabase.open({ database: file });

    await first.close();
    expect(second.handle.prepare('SELECT 1 AS one').get()).toEqual({ one: 1 });
    await second.close();
    expect(() => second.handle.prepare('SELECT 1')).toThrow('not open');

    expect(await open()).not.toBe(first);
  });

  it('are open for one who opens them while the last other closes', async () => {
    const leaving = await SqliteDatabase.open({ database: file, autoCreate: true });

    const opening = open();
    const closing = leaving.close();
    const { handle } = await opening;
    await closing;

    expect(handle.prepare('SELECT 1 AS one').get()).toEqual({ one: 1 });
  });

  it('finish the writes that wait before they close', async () => {
    const database = await SqliteDatabase.open({ database: file, autoCreate: true });
    const writing = database.write(() => database.handle.exec('CREATE TABLE notes (text)'));

    await database.close();

    await writing;
    const { handle } = await open();
    expect(handle.prepare('SELECT * FROM notes').all()).toEqual([]);
  });

  it('finish what is written while the last writes end', async () => {
    const database = await SqliteDatabase.open({ database: file, autoCreate: true });
    const written = database.write(() => 1).then((one) => database.write(() => one + 1));

    await database.close();

    await expect(written).resolves.toBe(2);
  });

  it('reject what is written after they were closed', async () => {
    const database = await SqliteDatabase.open({ database: file, autoCreate: true });
    await database.close();

    const closed = { code: 'DATABASE_CLOSED' };
    await expect(database.write(() => 1)).rejects.toMatchObject(closed);
    await expect(database.transaction(() => 1)).rejects.toMatchObject(closed);
  });

  it('prepare a statement once, and may be asked for any number of them', async () => {
    const database = await open();

    expect(database.statement('SELECT 1')).toBe(database.statement('SELECT 1'));
    for (let i = 0; i < 1200; i += 1) {
      expect(database.statement(`SELECT ${i} AS n`).get()).toEqual({ n: i });
    }
  });
});
