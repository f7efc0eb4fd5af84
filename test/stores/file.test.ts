import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Change, Commit, CommitResult, Power } from '../../src/stores/driver.js';
import { FileDriver } from '../../src/stores/file.js';
import { keyOf, newSessionId, type SessionKey } from '../../src/stores/session-id.js';
import { type DriverStorage, driverSuite } from '../../src/testing/driver-suite.js';
import { naughtyStrings } from '../support/naughty-strings.js';
import { start, temporaryFolder } from '../support/processes.js';

const POWERS: readonly Power[] = ['persistent', 'shared', 'aliases', 'locks'];
const MOMENTS = { createdAt: 0, accessed: 0, lifetime: 60, expireTime: 60, idle: Infinity };
const DAY = 86_400;

let directory = temporaryFolder();
let driver: FileDriver;
const opened: { close: () => Promise<void> }[] = [];

beforeEach(async () => {
  directory = temporaryFolder();
  driver = open();
  await driver.createEnvironment();
});

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  directory.remove();
});

function open(name = 'testEnv'): FileDriver {
  const made = FileDriver.open(directory.path, name);
  opened.push(made);
  return made;
}

/** Within one copy of the modules a folder has one driver; another copy opens another, as another process does. */
async function openAsAnotherProcess(path = directory.path): Promise<FileDriver> {
  jest.resetModules();
  const copy = await import('../../src/stores/file.js');
  const made = copy.FileDriver.open(path, 'testEnv');
  opened.push(made);
  return made;
}

/** The path of something in the folder of the environment. */
const inFolder = (name: string) => join(directory.path, 'testEnv', name);

function commit(
  on: FileDriver,
  id: string,
  values: Readonly<Record<string, Change>> = {},
  more: Partial<Commit> = {},
): Promise<CommitResult> {
  const changes = new Map([['shop', { empty: false, keys: new Map(Object.entries(values)) }]]);
  return on.commit({ key: keyOf(id), now: 0, changes, ...more });
}

const set = (value: string): Change => ({ kind: 'set', value });
const oneMore: Change = { kind: 'update', apply: (stored) => String(Number(stored ?? '0') + 1) };

/** Makes a session of that id with something in its cart. */
async function make(id: string, cart = '"tea"', moments = MOMENTS): Promise<string> {
  expect(await commit(driver, id, { cart: set(cart) }, { create: moments })).toBe('committed');
  return id;
}

const valueOf = (id: string, name = 'cart', on = driver) =>
  on.loadNow(keyOf(id))?.values.get('shop')?.get(name);

const sweepAt = (to: number, limit = 100, aliasesBefore = 0) =>
  driver.sweep({ from: 0, to, now: to, limit, aliasesBefore });

describe('FileDriver', () => {
  for (const { name, run, skipped } of driverSuite(suiteFolder, POWERS)) {
    if (skipped === undefined) it(name, run);
    else process.stdout.write(`FileDriver, left out: ${name}\n`);
  }

  it('is one for each folder, whoever asks, until all have closed it', async () => {
    const again = open();
    expect(again).toBe(driver);
    expect(open('other')).not.toBe(driver);

    await again.close();
    expect(open()).toBe(driver);
    await driver.close();
    opened.pop();
    await make('a');
    expect(valueOf('a')).toBe('"tea"');

    for (const one of opened.splice(0)) await one.close();
    expect(open()).not.toBe(driver);
  });

  it('tells whether its folder is there, and makes it with what is around it', async () => {
    const deep = FileDriver.open(directory.file('a/b'), 'testEnv');
    opened.push(deep);
    expect(await deep.completeEnvironment()).toBe(false);

    await deep.createEnvironment();

    expect(await deep.completeEnvironment()).toBe(true);
  });

  it('keeps a session in a file named after the SHA-256 of its id, for this user only', async () => {
    const id = await make(newSessionId());

    const file = driver.path(id);

    expect(basename(file)).toBe(`${createHash('sha256').update(id).digest('hex')}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(inFolder('')).mode & 0o777).toBe(0o700);
    expect(statSync(inFolder('lock')).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      tsgi: 1,
      expireTime: 60,
      idle: null,
      values: { shop: { cart: '"tea"' } },
    });
  });

  it('keeps no id of a session anywhere in its files', async () => {
    const ids = [await make(newSessionId()), await make(newSessionId())];

    const names = readdirSync(inFolder(''));
    const { stdout } = spawnSync('cat', names.map(inFolder), { encoding: 'latin1' });

    expect(stdout).toContain(keyOf(ids[0] ?? ''));
    for (const id of ids) expect(stdout + names.join()).not.toContain(id);
  });

  it('makes no path of what came from outside', async () => {
    const ids = ['../../etc/passwd', '/etc/passwd', '..', '.', '', 'a/b', '\0', 'con', ...naughtyStrings];

    for (const id of ids) {
      expect(driver.path(id)).toMatch(/\/testEnv\/[0-9a-f]{64}\.json$/);
      expect(await driver.load(keyOf(id))).toBeUndefined();
    }
    expect(await driver.load('../secret' as SessionKey)).toBeUndefined();
  });

  it('keeps every text as a key and as a value', async () => {
    const texts = ['__proto__', 'constructor', '', '\ud800', '\0', '10', '9', ...naughtyStrings];
    const values = Object.fromEntries(texts.map((text) => [`k${text}`, set(JSON.stringify(text))]));
    const changes = new Map([
      ['__proto__', { empty: false, keys: new Map([['__proto__', set('"1"')], ...Object.entries(values)]) }],
    ]);
    await driver.commit({ key: keyOf('a'), now: 0, create: MOMENTS, changes });

    const kept = driver.loadNow(keyOf('a'))?.values.get('__proto__');

    expect(kept?.get('__proto__')).toBe('"1"');
    for (const text of texts) expect(JSON.parse(kept?.get(`k${text}`) ?? '')).toBe(text);
  });

  it('refuses a name that differs from one in the directory by case only', async () => {
    const other = open('TestEnv');

    await expect(other.createEnvironment()).rejects.toMatchObject({ code: 'NAME_CASE' });
    await expect(other.completeEnvironment()).rejects.toMatchObject({ code: 'NAME_CASE' });
  });

  it('refuses a file where its folder should be', async () => {
    writeFileSync(directory.file('plain'), '');

    await expect(open('plain').completeEnvironment()).rejects.toMatchObject({ code: 'NOT_A_FOLDER' });
  });

  it('fails clearly where there is no folder', async () => {
    const missing = open('missing');
    const key = keyOf('x');

    await expect(missing.commit({ key, now: 0, changes: new Map() })).rejects.toMatchObject({
      code: 'DIRECTORY_MISSING',
    });
    await expect(missing.sweep({ from: 0, to: 1, now: 1, limit: 1 })).rejects.toMatchObject({
      code: 'FOLDER_MISSING',
      status: 503,
    });
    expect(missing.loadNow(key)).toBeUndefined();
  });

  it('removes its own files, and leaves a folder with others in it', async () => {
    await make('a');
    writeFileSync(inFolder('notes.txt'), 'mine');

    await expect(driver.removeEnvironment()).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY' });

    expect(readdirSync(inFolder(''))).toEqual(['notes.txt']);
  });
});

describe('an older key of a session in files', () => {
  const rename = (to: string) => ({ rename: { to: keyOf(to), until: 10, next: `sealed ${to}` } });

  it('leads to it over several others, for reading, changing and ending', async () => {
    await make('a');
    expect(await commit(driver, 'a', {}, rename('b'))).toBe('committed');
    expect(await commit(driver, 'b', {}, rename('c'))).toBe('committed');

    expect(driver.loadNow(keyOf('a'))).toMatchObject({
      key: keyOf('c'),
      alias: { until: 10, next: 'sealed b' },
    });
    expect(driver.loadNow(keyOf('c'))?.alias).toBeUndefined();
    expect(await commit(driver, 'a', { cart: set('"milk"') }, rename('d'))).toBe('superseded');
    expect(valueOf('c')).toBe('"milk"');
    expect(valueOf('d')).toBeUndefined();

    expect(await driver.end({ key: keyOf('a'), reason: 'destroyed', now: 0 })).toBe(true);
    expect(['a', 'b', 'c'].map((id) => driver.loadNow(keyOf(id)))).toEqual([undefined, undefined, undefined]);
    expect(readdirSync(inFolder('')).filter((name) => !name.startsWith('lock'))).toEqual([]);
  });

  it('leads only to a session that had it', async () => {
    await make('a');
    await commit(driver, 'a', {}, rename('b'));
    rmSync(driver.path('b'));
    await make('b', '"of somebody else"');

    expect(driver.loadNow(keyOf('a'))).toBeUndefined();
    expect(await commit(driver, 'a', { cart: set('"milk"') })).toBe('gone');
  });

  it('has one winner of two that rename it at once', async () => {
    await make('a');

    const results = await Promise.all(['b', 'c'].map((to) => commit(driver, 'a', {}, rename(to))));

    expect(results).toEqual(['committed', 'superseded']);
    expect(driver.loadNow(keyOf('a'))?.key).toBe(keyOf('b'));
    expect(driver.loadNow(keyOf('c'))).toBeUndefined();
  });

  it('is forgotten by a sweep after its time, and not before', async () => {
    await make('a');
    await commit(driver, 'a', {}, rename('b'));

    expect(await sweepAt(30, 100, 10)).toMatchObject({ removed: 0 });
    expect(driver.loadNow(keyOf('a'))?.key).toBe(keyOf('b'));

    expect(await sweepAt(30, 100, 10.5)).toMatchObject({ removed: 0 });
    expect(driver.loadNow(keyOf('a'))).toBeUndefined();
    expect(valueOf('b')).toBe('"tea"');
  });
});

describe('the lock of one session', () => {
  const lockOf = (id: string, owner: string) => driver.lock({ key: keyOf(id), owner, now: 0, until: 60 });
  const rename = (id: string, to: string) =>
    commit(driver, id, {}, { rename: { to: keyOf(to), until: 10, next: '' } });

  it('stays when the session gets other keys, and the older ones are forgotten', async () => {
    await make('a');
    expect(await lockOf('a', 'anna')).toBe(true);

    await rename('a', 'b');
    await sweepAt(30, 100, 20);
    await rename('b', 'c');

    expect([await lockOf('b', 'berta'), await lockOf('c', 'berta')]).toEqual([false, false]);
    expect(await driver.unlock('anna')).toBe(true);
    expect(await lockOf('c', 'berta')).toBe(true);
  });

  it('is lost with the file that keeps it, and can be taken again', async () => {
    await make('a');
    expect(await lockOf('a', 'anna')).toBe(true);

    for (const name of ['lock', 'lock-shm', 'lock-wal']) rmSync(inFolder(name), { force: true });

    expect(await lockOf('a', 'berta')).toBe(true);
    expect(await driver.unlock('anna')).toBe(false);
  });
});

describe('a file that is not as it was written', () => {
  const good = { tsgi: 1, olderKeys: [], ...MOMENTS, idle: null, handlers: [], values: {} };
  const key = keyOf('a');

  it.each<[string, string, string]>([
    ['empty', '', 'FILE_DAMAGED'],
    ['cut off', JSON.stringify({ ...good, key }).slice(0, -5), 'FILE_DAMAGED'],
    ['no JSON', 'not JSON', 'FILE_DAMAGED'],
    ['another program’s', '{"name":"x"}', 'FILE_DAMAGED'],
    ['a list', '[1]', 'FILE_DAMAGED'],
    ['null', 'null', 'FILE_DAMAGED'],
    ['without its key', JSON.stringify(good), 'FILE_DAMAGED'],
    ['another session’s', JSON.stringify({ ...good, key: keyOf('b') }), 'FILE_DAMAGED'],
    ['with a key that is a number', JSON.stringify({ ...good, key: 5 }), 'FILE_DAMAGED'],
    ...['createdAt', 'accessed', 'lifetime', 'expireTime', 'idle', 'olderKeys', 'handlers', 'values'].map(
      (part): [string, string, string] => [
        `without its ${part}`,
        JSON.stringify({ ...good, key, [part]: undefined }),
        'FILE_DAMAGED',
      ],
    ),
    [
      'with a value that is no text',
      JSON.stringify({ ...good, key, values: { a: { b: 1 } } }),
      'FILE_DAMAGED',
    ],
    ['with an older key that is none', JSON.stringify({ ...good, key, olderKeys: [5] }), 'FILE_DAMAGED'],
    ['with values that are a list', JSON.stringify({ ...good, key, values: { a: [] } }), 'FILE_DAMAGED'],
    [
      'with a handler without a name',
      JSON.stringify({ ...good, key, handlers: [{ app: 'a' }] }),
      'FILE_DAMAGED',
    ],
    [
      'with a detail that is no text',
      JSON.stringify({ ...good, key, handlers: [{ app: 'a', handler: 'b', detail: 5 }] }),
      'FILE_DAMAGED',
    ],
    ['an alias to nowhere', JSON.stringify({ tsgi: 1, key, newer: 5, until: 1, next: '' }), 'FILE_DAMAGED'],
    ['an alias for ever', JSON.stringify({ tsgi: 1, key, newer: 'b', until: '', next: '' }), 'FILE_DAMAGED'],
    ['newer than the toolkit', JSON.stringify({ ...good, key, tsgi: 2 }), 'FILE_NEWER'],
  ])('is refused by a clear error: %s', async (_, text, code) => {
    await make('b');
    writeFileSync(driver.path('a'), text);
    const refused = { code, message: expect.stringContaining(driver.path('a')) };

    await expect(driver.load(key)).rejects.toMatchObject(refused);
    const [changed, other] = await Promise.allSettled([
      commit(driver, 'a', { cart: set('"1"') }),
      commit(driver, 'b', { cart: set('"milk"') }),
    ]);

    expect(changed).toMatchObject({ status: 'rejected', reason: refused });
    expect(other).toMatchObject({ status: 'fulfilled', value: 'committed' });
    expect(readFileSync(driver.path('a'), 'utf8')).toBe(text);
    expect(await sweepAt(100)).toMatchObject({ removed: 1, next: undefined });
  });

  it('keeps no sweep from going on, also by an older key', async () => {
    await make('b');
    await commit(driver, 'b', {}, { rename: { to: keyOf('a'), until: 10, next: '' } });
    await make('c');
    writeFileSync(driver.path('a'), 'damaged');

    expect(await sweepAt(100, 100, 5)).toMatchObject({ removed: 1, next: undefined });

    await expect(driver.load(keyOf('b'))).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
  });

  it.each([
    ['itself', ['a', 'a']],
    ['another that leads back', ['a', 'b', 'a']],
    ['others that lead in a circle', ['a', 'b', 'c', 'b']],
  ])('leads nowhere where it leads to %s', async (_, ids) => {
    for (const [i, id] of ids.slice(0, -1).entries()) {
      const record = { tsgi: 1, key: keyOf(id), newer: keyOf(ids[i + 1] ?? ''), until: 9, next: '' };
      writeFileSync(driver.path(id), JSON.stringify(record));
    }

    expect(driver.loadNow(key)).toBeUndefined();
    expect(await commit(driver, 'a', { cart: set('"1"') })).toBe('gone');
    expect(await driver.end({ key, reason: 'destroyed', now: 0 })).toBe(false);
    expect(await sweepAt(100, 100, 10)).toMatchObject({ removed: 0, next: undefined });
    expect(readdirSync(inFolder('')).filter((name) => !name.startsWith('lock'))).toEqual([]);
  });

  it('never shows another session, whichever byte is turned over', async () => {
    await make('a');
    const bytes = readFileSync(driver.path('a'));
    const seen = new Set<string>();

    for (let i = 0; i < bytes.length; i += 1) {
      for (const bit of [1, 4, 32]) {
        const damaged = Buffer.from(bytes);
        damaged[i] = (bytes[i] ?? 0) ^ bit;
        writeFileSync(driver.path('a'), damaged);
        seen.add(await driver.load(key).then((found) => found?.key ?? 'none', codeOf));
      }
    }

    expect([...seen].toSorted()).toEqual(['FILE_DAMAGED', 'FILE_NEWER', key].toSorted());
  });

  it('is refused when it is a copy of another session’s', async () => {
    await make('b');
    copyFileSync(driver.path('b'), driver.path('a'));

    await expect(driver.load(key)).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
  });

  it('is refused when it is no file at all', async () => {
    mkdirSync(driver.path('a'));

    await expect(driver.load(key)).rejects.toMatchObject({ code: 'FOLDER_IO', status: 503 });
  });
});

describe('a sweep of files', () => {
  it('removes what a killed process has left half-written, a day later', async () => {
    const left = `${driver.path('a')}.${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}.tmp`;
    const names = [left, left.replace('.0', '.1'), inFolder('notes.txt'), inFolder('x.tmp')];
    for (const name of names) writeFileSync(name, 'half');
    const now = Date.now() / 1000;
    for (const name of [names[0], names[2], names[3]]) utimesSync(name ?? '', now, now - DAY - 60);

    await sweepAt(100);

    expect(names.map((name) => statSync(name, { throwIfNoEntry: false }) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it('goes on where it was, several at once, and ends where its step is not known any more', async () => {
    for (let i = 0; i < 6; i += 1) await make(`id ${i}`);

    const steps = [];
    for (let i = 0; i < 9; i += 1) steps.push(await sweepAt(30, 2));
    const [oldest, second] = steps;
    const forgotten = await driver.sweep({ from: 0, to: 90, now: 90, after: oldest?.next, limit: 100 });
    const rest = await driver.sweep({ from: 0, to: 90, now: 90, after: second?.next, limit: 100 });

    expect(forgotten).toEqual({ removed: 0, lostEvents: 0, next: undefined });
    expect(rest).toMatchObject({ next: undefined });
    expect(rest.removed).toBeGreaterThanOrEqual(4);
  });

  it('is not needed where files are deleted from outside, as the documentation says', async () => {
    await make('old');
    await make('new');
    utimesSync(driver.path('old'), 0, Date.now() / 1000 - 31 * DAY);

    spawnSync('find', [inFolder(''), '-name', '*.json*', '-mtime', '+30', '-delete']);

    expect([valueOf('old'), valueOf('new')]).toEqual([undefined, '"tea"']);
    expect(await commit(driver, 'old', { cart: set('"1"') })).toBe('gone');
    expect(await commit(driver, 'new', { cart: set('"1"') })).toBe('committed');
  });
});

describe('the lock of a folder', () => {
  it('is another one, for all, when somebody has deleted its files', async () => {
    const other = await openAsAnotherProcess();
    await make('a');
    await commit(other, 'a', { n: oneMore });

    for (let round = 0; round < 5; round += 1) {
      const deleted = round % 2 === 0 ? ['lock', 'lock-shm', 'lock-wal'] : ['lock'];
      for (const name of deleted) rmSync(inFolder(name), { force: true });
      await Promise.all([driver, other, driver, other].map((one) => commit(one, 'a', { n: oneMore })));
    }

    expect(valueOf('a', 'n')).toBe('21');
  });

  it('is made anew when the half of it that SQLite keeps beside was deleted', async () => {
    await make('a');
    rmSync(inFolder('lock-shm'));

    expect(await commit(driver, 'a', { n: oneMore })).toBe('committed');

    expect(readdirSync(inFolder(''))).toContain('lock-shm');
  });

  it('is waited for without blocking, and both are stored', async () => {
    await make('a');
    const holder = start('test/support/lock-holder.ts', inFolder('lock'), '500');
    expect(await holder.line()).toBe('locked');
    const released = holder.line();
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 10);

    const committed = await commit(driver, 'a', { n: oneMore });

    clearInterval(timer);
    expect([await released, committed]).toEqual(['released', 'committed']);
    expect(turns).toBeGreaterThan(10);
    await holder.stop();
  }, 30_000);

  it('is given up after 4 s, for all that wait', async () => {
    await make('a');
    const holder = start('test/support/lock-holder.ts', inFolder('lock'), '60000');
    expect(await holder.line()).toBe('locked');

    const settled = await Promise.allSettled([1, 2].map(() => commit(driver, 'a', { n: oneMore })));
    await holder.stop('SIGKILL');

    expect(settled).toMatchObject([1, 2].map(() => ({ reason: { code: 'DATABASE_BUSY', status: 503 } })));
    expect(await commit(driver, 'a', { n: oneMore })).toBe('committed');
    expect(valueOf('a', 'n')).toBe('1');
  }, 30_000);
});

describe('several processes on one folder', () => {
  const file = 'test/support/file-program.ts';
  const program = ['--import', 'tsx', file];

  it('count 4 x 200 additions to one session exactly', async () => {
    await make('shared');
    const programs = [1, 2, 3, 4].map(() => start(file, 'increment', directory.path, '200'));
    await Promise.all(programs.map((one) => one.line()));

    const began = performance.now();
    for (const one of programs) one.process.stdin?.write('go\n');
    const said = await Promise.all(programs.map((one) => one.line()));

    process.stdout.write(`4 x 200 commits in files: ${Math.round(performance.now() - began)} ms\n`);
    expect(said).toEqual(['done', 'done', 'done', 'done']);
    expect(valueOf('shared', 'n')).toBe('800');
  }, 60_000);

  it('lose nothing that was acknowledged, and leave no half file, when one is killed', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `id ${i}`);
    for (const id of ids) await make(id, JSON.stringify('x'.repeat(10_000)));
    let least = 0;

    for (let kill = 1; kill <= 3; kill += 1) {
      const one = start(file, 'endless', directory.path, '20');
      await one.line();
      one.process.stdin?.write('go\n');
      let rounds = '0';
      while (Number(rounds) < 3 * kill) rounds = await one.line();
      await one.stop('SIGKILL');
      least += Number(rounds);
    }

    const counts = await Promise.all(ids.map(async (id) => [id, (await driver.load(keyOf(id)))?.values]));
    expect(counts.map(([, values]) => values)).not.toContain(undefined);
    expect(Math.min(...ids.map((id) => Number(valueOf(id, 'n'))))).toBeGreaterThanOrEqual(least);
    expect(await commit(driver, 'id 0', { n: oneMore })).toBe('committed');
  }, 60_000);

  it('fail alone when one file cannot be written, and what it held stays', async () => {
    for (const id of ['id 0', 'id 1']) await make(id);
    const child = spawnSync(
      'sh',
      // in blocks of 512 or 1024 bytes
      [
        '-c',
        'ulimit -f 100 && exec "$0" "$@"',
        process.execPath,
        ...program,
        'large',
        directory.path,
        '200000',
      ],
      { input: 'go\n', encoding: 'utf8' },
    );

    expect(child.stdout.trim().split('\n').at(-1)).toBe('committed FOLDER_FULL');
    expect([valueOf('id 0', 'n'), valueOf('id 1', 'n'), valueOf('id 1')]).toEqual([
      '"small"',
      undefined,
      '"tea"',
    ]);
    expect(readdirSync(inFolder('')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }, 30_000);
});

function codeOf(error: unknown): string {
  return String((error as { code?: string }).code);
}

/** Storage of the suite: a folder that each opened driver has opened by itself. */
function suiteFolder(): DriverStorage {
  const { path, remove } = temporaryFolder();
  const drivers: FileDriver[] = [];
  return {
    async open() {
      const made = await openAsAnotherProcess(path);
      opened.splice(opened.indexOf(made), 1);
      drivers.push(made);
      return made;
    },
    async close() {
      for (const one of drivers.splice(0)) await one.close();
    },
    remove,
  };
}
