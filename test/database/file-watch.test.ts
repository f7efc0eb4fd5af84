import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { FileWatch } from '../../src/database/file-watch.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import { temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let file = '';
let database: SqliteDatabase;
let clock = 0;

beforeEach(async () => {
  folder = temporaryFolder();
  file = folder.file('notes.db');
  clock = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => clock);
  database = await SqliteDatabase.open({ database: file, autoCreate: true });
  database.handle.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
  database.handle.exec('BEGIN');
  for (let i = 0; i < 200; i += 1) insert('x'.repeat(1000));
  database.handle.exec('COMMIT');
  database.handle.pragma('wal_checkpoint(TRUNCATE)');
  clock += 1000;
  read();
  clock += 1000;
});

afterEach(async () => {
  jest.restoreAllMocks();
  await database.close();
  folder.remove();
});

function insert(text: string): void {
  database.statement('INSERT INTO notes (text) VALUES (?)').run(text);
}

function read(): number {
  return database.run(() => database.statement('SELECT count(*) FROM notes').pluck().get() as number);
}

function write(): Promise<void> {
  return database.write(() => {
    insert('more');
  });
}

/** Writes over bytes of the open file, by another descriptor; a page in the middle is in no memory of SQLite. */
function overwrite(bytes: Uint8Array, at: number): void {
  const keptOpen = openSync(file, 'r+'); // closing it would drop the locks of SQLite
  descriptors.push(keptOpen);
  writeSync(keptOpen, bytes, 0, bytes.length, at);
  const later = statSync(file).mtimeMs / 1000 + 1;
  utimesSync(file, later, later);
}

const descriptors: number[] = [];
afterEach(() => {
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
});

interface Harm {
  name: string;
  code: string;
  sentence: RegExp;
  /** Looked for once a second, also before writes. */
  seldom?: true;
  harm: () => void;
  mend: () => void;
}

const harms: Harm[] = [
  {
    name: 'was removed',
    code: 'DATABASE_REPLACED',
    sentence: /notes\.db was removed while it is open.*Put the same file back/,
    harm: () => {
      renameSync(file, `${file}.away`);
    },
    mend: () => {
      renameSync(`${file}.away`, file);
    },
  },
  {
    name: 'was replaced by another file',
    code: 'DATABASE_REPLACED',
    sentence: /notes\.db was replaced by another file/,
    harm: () => {
      renameSync(file, `${file}.away`);
      copyFileSync(`${file}.away`, file);
    },
    mend: () => {
      renameSync(`${file}.away`, file);
    },
  },
  {
    name: 'has lost its -wal file',
    code: 'DATABASE_REPLACED',
    sentence: /notes\.db-wal was removed/,
    seldom: true,
    harm: () => {
      renameSync(`${file}-wal`, `${file}.away`);
    },
    mend: () => {
      renameSync(`${file}.away`, `${file}-wal`);
    },
  },
  {
    name: 'has lost its -shm file',
    code: 'DATABASE_REPLACED',
    sentence: /notes\.db-shm was removed/,
    seldom: true,
    harm: () => {
      renameSync(`${file}-shm`, `${file}.away`);
    },
    mend: () => {
      renameSync(`${file}.away`, `${file}-shm`);
    },
  },
  {
    name: 'is behind a path that leads nowhere',
    code: 'DATABASE_CANNOT_OPEN',
    sentence: /notes\.db cannot be found any more\. Check the rights and links of its folder/,
    harm: () => {
      renameSync(folder.path, `${folder.path}.away`);
      symlinkSync(folder.path, folder.path);
    },
    mend: () => {
      rmSync(folder.path);
      renameSync(`${folder.path}.away`, folder.path);
    },
  },
  {
    name: 'was emptied',
    code: 'DATABASE_EMPTY',
    sentence: /was emptied while it is open/,
    harm: () => {
      copyFileSync(file, `${file}.away`);
      truncateSync(file, 0);
    },
    mend: () => {
      overwrite(readFileSync(`${file}.away`), 0);
    },
  },
  {
    name: 'was cut off',
    code: 'DATABASE_DAMAGED',
    sentence: /is damaged/,
    harm: () => {
      copyFileSync(file, `${file}.away`);
      truncateSync(file, 20 * 4096);
    },
    mend: () => {
      overwrite(readFileSync(`${file}.away`), 0);
    },
  },
  {
    name: 'was written over at its head',
    code: 'NOT_A_DATABASE',
    sentence: /is not an SQLite database/,
    seldom: true,
    harm: () => {
      copyFileSync(file, `${file}.away`);
      overwrite(Buffer.alloc(100, 0xa5), 0);
    },
    mend: () => {
      overwrite(readFileSync(`${file}.away`).subarray(0, 100), 0);
    },
  },
];

describe.each(harms)('an open database whose file $name', ({ code, sentence, seldom, harm, mend }) => {
  it('refuses reads and writes, and goes on by itself when that is set right', async () => {
    harm();
    const refusal = expect.objectContaining({ code, status: 503, message: expect.stringMatching(sentence) });

    expect(read).toThrow(refusal);
    await expect(write()).rejects.toEqual(refusal);
    expect(read).toThrow(refusal);

    mend();
    expect(read()).toBe(200);
    await write();
    expect(read()).toBe(201);
    expect(database.handle.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('finds it before it writes, at once when the write would be lost', async () => {
    read();
    harm();
    if (seldom) clock += 1000;

    await expect(write()).rejects.toMatchObject({ code });
    expect(read).toThrow(expect.objectContaining({ code }));

    mend();
  });
});

describe('reading', () => {
  it('looks once a second, and not more often', () => {
    const check = jest.spyOn(FileWatch.prototype, 'check');
    for (let i = 0; i < 10; i += 1) read();
    expect(check).toHaveBeenCalledTimes(1);

    clock += 999;
    read();
    expect(check).toHaveBeenCalledTimes(1);

    clock += 1;
    read();
    expect(check).toHaveBeenCalledTimes(2);
  });

  it('is not refused when a look at the file fails for another reason than damage', () => {
    overwrite(Buffer.alloc(0), 0);
    const pragma = jest.spyOn(BetterSqlite3.prototype, 'pragma').mockImplementation(() => {
      throw Object.assign(new Error('unable to open database file'), { code: 'SQLITE_CANTOPEN' });
    });

    expect(read()).toBe(200);
    clock += 1000;
    expect(read()).toBe(200);

    expect(pragma).toHaveBeenCalledTimes(2);
  });
});

describe('a file that became smaller because it was made so', () => {
  it('is whole', async () => {
    database.handle.exec('DELETE FROM notes WHERE id > 20; VACUUM');
    const before = statSync(file).size;
    database.handle.pragma('wal_checkpoint(TRUNCATE)');
    expect(statSync(file).size).toBeLessThan(before);

    expect(read()).toBe(20);
    await write();
    expect(read()).toBe(21);
  });
});

describe('closing a database whose file was replaced', () => {
  it('leaves the -wal file of the other one alone', async () => {
    const closing = await SqliteDatabase.open({ database: folder.file('closing.db'), autoCreate: true });
    closing.handle.exec('CREATE TABLE notes (text)');
    for (const name of ['closing.db', 'closing.db-wal']) {
      copyFileSync(folder.file(name), folder.file(`${name}.other`));
      renameSync(folder.file(`${name}.other`), folder.file(name));
    }

    await closing.close();

    const other = new BetterSqlite3(folder.file('closing.db'), { readonly: true });
    expect(statSync(folder.file('closing.db-wal')).size).toBeGreaterThan(0);
    expect(other.prepare('SELECT * FROM notes').all()).toEqual([]);
    other.close();
  });
});

describe('a database in memory', () => {
  it('has no file to look after', async () => {
    const memory = await SqliteDatabase.open({ database: ':memory:' });

    await expect(memory.write(() => 1)).resolves.toBe(1);
    expect(memory.run(() => 2)).toBe(2);
    await memory.close();
  });
});
