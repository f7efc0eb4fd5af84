import {
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { count, full } from '../support/counts.js';
import { losersOn } from '../support/fault-load.js';
import {
  failToStart,
  type FaultServer,
  integrityOf,
  type Seen,
  startServer,
  Visitor,
} from '../support/fault-processes.js';
import { grouped, report } from '../support/figures.js';
import {
  command,
  mountMemory,
  type Mount,
  mountReadOnly,
  noMounts,
  reasonAgainst,
} from '../support/mounts.js';
import { type Program, start, temporaryFolder } from '../support/processes.js';
import { injectFault, noStrace } from '../support/strace.js';

/** A database with a session of each first visitor, closed, of which each test gets a copy. */
const kept = temporaryFolder();
const firstVisitors = Array.from({ length: 40 }, (_, i) => new Visitor(`visitor${i}`));

let folder = temporaryFolder();
let mount: Mount | undefined;
let file = '';
let server: FaultServer;
const started: FaultServer[] = [];
let holder: Program | undefined;
let visitors: Visitor[] = [];

beforeAll(async () => {
  const first = await startServer(kept.file('sessions.db'), { create: true });
  await Promise.all(firstVisitors.map((visitor) => visitor.signIn(first)));
  for (const visitor of firstVisitors) visitor.leave();
  await first.end('SIGTERM');
});

afterAll(() => {
  kept.remove();
});

beforeEach(() => {
  folder = temporaryFolder();
  visitors = firstVisitors.map((visitor) => visitor.twin());
});

afterEach(async () => {
  for (const visitor of visitors) visitor.leave();
  await setRight();
  await holder?.stop('SIGKILL');
  for (const one of started.splice(0)) await one.end('SIGKILL');
  mount?.remove();
  holder = mount = undefined;
  folder.remove();
});

/** What makes a fault go away; it is called also when a test fails in between. */
type Undo = () => unknown;
let undo: Undo = () => undefined;

interface Fault {
  name: string;
  /** Why it cannot be made here, if it cannot. */
  lacking?: string | undefined;
  /** Where the database is, when it cannot be in a folder like any other. */
  mount?: () => Mount;
  strike: () => Undo | Promise<Undo>;
  /** The code of the error that is logged while it lasts. */
  code: string;
  /** Whether readers get their sessions meanwhile. */
  reads: boolean;
}

const mounts = noMounts();
const strace = noStrace();
const prlimit = reasonAgainst('prlimit', '--version');

const faults: Fault[] = [
  {
    name: 'the disk is full',
    lacking: mounts,
    mount: () => mountMemory('2m'),
    strike() {
      const filler = `${file}.filler`;
      expect(() => {
        writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024));
      }).toThrow('ENOSPC');
      return () => {
        rmSync(filler);
      };
    },
    code: 'DATABASE_FULL',
    reads: true,
  },
  {
    name: 'files may not grow beyond a limit',
    lacking: prlimit,
    strike() {
      const limit = (soft: string | number) =>
        command('prlimit', '--pid', `${server.pid}`, `--fsize=${soft}:`);
      limit(statSync(`${file}-wal`).size + 100);
      return () => {
        limit('unlimited');
      };
    },
    code: 'DATABASE_IO',
    reads: true,
  },
  {
    name: 'the files cannot be changed',
    lacking: mounts ?? noImmutableFiles(),
    strike() {
      const files = [file, `${file}-wal`];
      command('chattr', '+i', ...files);
      return () => {
        command('chattr', '-i', ...files);
      };
    },
    code: 'DATABASE_IO',
    reads: true,
  },
  {
    name: 'fsync fails',
    lacking: strace,
    strike: () => injectFault(server.pid, [file, `${file}-wal`], 'fsync:error=EIO'),
    code: 'DATABASE_IO',
    reads: true,
  },
  {
    name: 'no write succeeds',
    lacking: strace,
    strike: () => injectFault(server.pid, [file, `${file}-wal`], 'pwrite64:error=EIO'),
    code: 'DATABASE_IO',
    reads: true,
  },
  {
    name: 'the file was removed',
    strike() {
      linkSync(file, `${file}.kept`);
      rmSync(file);
      return putBack(file);
    },
    code: 'DATABASE_REPLACED',
    reads: false,
  },
  {
    name: 'the file was replaced',
    strike() {
      linkSync(file, `${file}.kept`);
      copyFileSync(file, `${file}.other`);
      renameSync(`${file}.other`, file);
      return putBack(file);
    },
    code: 'DATABASE_REPLACED',
    reads: false,
  },
  {
    name: 'the -wal file was removed',
    strike() {
      linkSync(`${file}-wal`, `${file}-wal.kept`);
      rmSync(`${file}-wal`);
      return putBack(`${file}-wal`);
    },
    code: 'DATABASE_REPLACED',
    reads: false,
  },
  {
    name: 'the -shm file was removed',
    strike() {
      linkSync(`${file}-shm`, `${file}-shm.kept`);
      rmSync(`${file}-shm`);
      return putBack(`${file}-shm`);
    },
    code: 'DATABASE_REPLACED',
    reads: false,
  },
  {
    name: 'the file was emptied',
    strike: () =>
      overwritten(() => {
        truncateSync(file, 0);
      }),
    code: 'DATABASE_EMPTY',
    reads: false,
  },
  {
    name: 'the file was cut off',
    strike: () =>
      overwritten(() => {
        truncateSync(file, 4096);
      }),
    code: 'DATABASE_DAMAGED',
    reads: false,
  },
  {
    name: 'something else was written to the head of the file',
    strike: () =>
      overwritten(() => {
        writeFileSync(file, Buffer.alloc(100, 0xa5), { flag: 'r+' });
      }),
    code: 'NOT_A_DATABASE',
    reads: false,
  },
];

describe('while', () => {
  for (const fault of faults) {
    if (fault.lacking !== undefined) process.stdout.write(`skipped: ${fault.name}, since ${fault.lacking}\n`);
    const test = fault.lacking === undefined ? it : it.skip;

    test(`${fault.name}: nobody is answered wrongly, and all goes on when that has passed`, async () => {
      mount = fault.mount?.();
      await startOnCopy(mount);

      undo = await fault.strike();
      await firstRefusal();
      const refused = await allWrite();
      const reads = await allRead();
      const stranger = new Visitor('stranger');
      await expect(stranger.signIn(server)).rejects.toThrow('503');
      stranger.leave();

      expect(statusesOf(refused)).toEqual([503]);
      expect(statusesOf(reads)).toEqual([fault.reads ? 200 : 503]);
      for (const { response } of refused) expect(response.header('set-cookie')).toBeUndefined();
      expect(server.log()).toContain(`[${fault.code}]`);

      await setRight();
      const tries = await firstSuccess();
      expect(await losersOn(server, visitors)).toEqual([]);
      expect(server.lives()).toBe(true);
      expect(integrityOf(file)).toBe('ok');

      await server.end('SIGTERM');
      await restart();
      expect(await losersOn(server, visitors)).toEqual([]);
      report({
        what: `While ${fault.name}`,
        count: `${refused.length + reads.length} requests`,
        result: `writes 503 ${fault.code}, reads ${fault.reads ? '200' : '503'}; well again at request ${tries} after it had passed; 0 lost`,
      });
    });
  }

  const testFaults = strace === undefined ? it : it.skip;
  testFaults(
    'one write or fsync after the other fails: what was answered is kept, and the file is whole',
    async () => {
      await startOnCopy();
      const rounds = count(200);
      const answers: Seen[] = [];
      let failed = 0;

      for (let round = 0; round < rounds; round += 1) {
        const call = round % 3 === 0 ? 'fsync' : 'pwrite64';
        const error = round % 2 === 0 ? 'EIO' : 'ENOSPC';
        const nth = 1 + (Math.floor(round / 3) % 20);
        undo = await injectFault(server.pid, [file, `${file}-wal`], `${call}:error=${error}:when=${nth}`);
        for (let i = 0; i <= nth; i += 1) {
          answers.push(...(await allWrite()));
        }
        failed += Number(await setRight());
        expect(await losersOn(server, visitors)).toEqual([]);
        expect(integrityOf(file)).toBe('ok');
      }
      expect(failed).toBe(rounds);

      await server.end('SIGKILL');
      await restart();
      expect(await losersOn(server, visitors)).toEqual([]);
      expect(statusesOf(answers)).toEqual([200, 503]);
      report({
        what: 'The nth write or fsync fails, n from 1 to 20, with EIO or ENOSPC',
        count: `${failed} faults, ${grouped(answers.length)} writes`,
        result: `${answers.filter(({ status }) => status === 503).length} answered 503, 0 answered and lost, the file whole each time`,
      });
    },
    full ? 900_000 : 120_000,
  );

  it('another process holds the write lock for 8 s: writes wait for 4 s at most, and reads go on', async () => {
    await startOnCopy();
    holder = start('test/support/lock-holder.ts', file, '8000');
    expect(await holder.line()).toBe('locked');
    const lock = { held: true };
    const released = holder.line().then(() => (lock.held = false));

    const first = visitors.slice(0, 20).map((visitor) => visitor.write(server));
    const reads: Seen[] = [];
    const early = await Promise.all(first);
    const late = visitors.slice(20).map((visitor) => visitor.write(server));
    while (lock.held) reads.push(...(await allRead()));
    await released;

    expect(statusesOf(early)).toEqual([503]);
    for (const { response } of early) expect(response.header('retry-after')).toBe('1');
    expect(server.log()).toContain('[DATABASE_BUSY]');
    expect(statusesOf(reads)).toEqual([200]);
    expect(statusesOf(await Promise.all(late))).toEqual([200]);
    expect(statusesOf(await allWrite())).toEqual([200]);
    expect(await losersOn(server, visitors)).toEqual([]);
    report({
      what: 'While another process holds the write lock for 8 s',
      count: `40 writes, ${grouped(reads.length)} reads`,
      result:
        'writes 503 DATABASE_BUSY with Retry-After after 4 s, or kept when it was released; reads 200; 0 lost',
    });
  });
});

const testDescriptors = prlimit === undefined ? it : it.skip;

testDescriptors('while no file can be opened, open connections have their sessions', async () => {
  await startOnCopy();
  await allRead();
  const limit = (soft: number) => command('prlimit', '--pid', `${server.pid}`, `--nofile=${soft}:`);
  undo = () => {
    limit(1024);
  };
  limit(1);

  utimesSync(file, 1, 1); // so that the next look at it, within a second, asks for a descriptor
  const answers: Seen[] = [];
  for (const end = performance.now() + 1500; performance.now() < end;) {
    answers.push(...(await allWrite()), ...(await allRead()));
  }
  expect(statusesOf(answers)).toEqual([200]);
  expect(await losersOn(server, visitors)).toEqual([]);

  const stranger = new Visitor('stranger');
  const waiting = stranger.signIn(server);
  await setRight();
  await waiting;
  stranger.leave();
  report({
    what: 'While no file can be opened',
    count: `${grouped(answers.length)} requests on open connections, 1 on a new one`,
    result: 'all 200; the new connection is answered when it has passed; 0 lost',
  });
});

interface Obstacle {
  name: string;
  lacking?: string | undefined;
  /** Makes it, and answers what sets it right. */
  make: () => Undo;
  says: RegExp;
}

const obstacles: Obstacle[] = [
  {
    name: 'is missing',
    make() {
      renameSync(file, `${file}.kept`);
      return putBack(file);
    },
    says: /sessions\.db does not exist\. Check the name/,
  },
  {
    name: 'is empty',
    make: () =>
      overwritten(() => {
        truncateSync(file, 0);
      }),
    says: /sessions\.db is empty, as a truncated file is\..*restore it from a backup/,
  },
  {
    name: 'is cut off',
    make: () =>
      overwritten(() => {
        truncateSync(file, 4096);
      }),
    says: /sessions\.db is damaged\. Restore it from a backup/,
  },
  {
    name: 'is no database',
    make: () =>
      overwritten(() => {
        writeFileSync(file, Buffer.alloc(100, 0xa5), { flag: 'r+' });
      }),
    says: /sessions\.db is not an SQLite database\. Name another file, or restore/,
  },
  {
    name: 'was made by a newer version',
    make() {
      const version = inDatabase('SELECT version FROM tsgiEnvironments');
      inDatabase('UPDATE tsgiEnvironments SET version = 99');
      return () => {
        inDatabase(`UPDATE tsgiEnvironments SET version = ${String(version)}`);
      };
    },
    says: /"faults" in .*sessions\.db has version 99\..*Install a newer one/,
  },
  {
    name: 'is where nothing can be written',
    lacking: mounts,
    make() {
      const writable = file;
      mount = mountReadOnly(folder.path);
      file = mount.file('sessions.db');
      return () => {
        file = writable;
      };
    },
    says: /sessions\.db cannot be (?:written|opened)\. (?:Give this user write access|Check that this user may write)/,
  },
];

describe('a server whose file', () => {
  for (const { name, lacking, make, says } of obstacles) {
    if (lacking !== undefined) process.stdout.write(`skipped: a file that ${name}, since ${lacking}\n`);
    const test = lacking === undefined ? it : it.skip;

    test(`${name} does not start, says what to do, and starts when that is done`, async () => {
      makeCopy();
      undo = make();

      const { code, said } = await failToStart(file);
      expect(code).toBe(1);
      expect(said).toMatch(says);

      await setRight();
      await restart();
      expect(await losersOn(server, visitors)).toEqual([]);
      expect(integrityOf(file)).toBe('ok');
      report({
        what: `Started with a file that ${name}`,
        count: '1 start',
        result: 'refused with exit code 1 and a sentence; afterwards 0 lost',
      });
    });
  }
});

interface Place {
  file: (name: string) => string;
}

/** Starts a server on a copy of the database. */
async function startOnCopy(place?: Place): Promise<void> {
  makeCopy(place);
  await restart();
}

function makeCopy(place: Place = folder): void {
  file = place.file('sessions.db');
  copyFileSync(kept.file('sessions.db'), file);
}

async function restart(): Promise<void> {
  server = await startServer(file);
  started.push(server);
}

function allWrite(): Promise<Seen[]> {
  return Promise.all(visitors.map((visitor) => visitor.write(server)));
}

function allRead(): Promise<Seen[]> {
  return Promise.all(visitors.map((visitor) => visitor.read(server)));
}

/** Writes until one is refused: what is looked for once a second may take as long. */
async function firstRefusal(): Promise<void> {
  await triesUntil((status) => status !== 200);
}

/** Writes until one is kept. Answers at which try. */
function firstSuccess(): Promise<number> {
  return triesUntil((status) => status === 200);
}

async function triesUntil(isMeant: (status: number) => boolean): Promise<number> {
  const [visitor = new Visitor('')] = visitors;
  const end = performance.now() + 10_000;
  for (let tries = 1; performance.now() < end; tries += 1) {
    if (isMeant((await visitor.write(server)).status)) return tries;
    await delay(10);
  }
  throw new Error('The answers stayed what they were for 10 s.');
}

async function setRight(): Promise<unknown> {
  const right = undo;
  undo = () => undefined;
  return await right();
}

/** The different statuses of some answers, in order. */
function statusesOf(answers: readonly Seen[]): number[] {
  return [...new Set(answers.map(({ status }) => status))].sort();
}

function putBack(path: string): Undo {
  return () => {
    renameSync(`${path}.kept`, path);
  };
}

/** Changes the file, and answers what writes its bytes again. */
function overwritten(change: () => void): Undo {
  const bytes = readFileSync(file);
  change();
  return () => {
    writeFileSync(file, bytes, { flag: 'r+' });
  };
}

/** Runs a statement as another process would. */
function inDatabase(sql: string): unknown {
  const database = new BetterSqlite3(file, { timeout: 5000 });
  try {
    const statement = database.prepare(sql);
    return statement.reader ? statement.pluck().get() : statement.run();
  } finally {
    database.close();
  }
}

/** Why no file can be made unchangeable here, if none can. */
function noImmutableFiles(): string | undefined {
  const probe = temporaryFolder();
  writeFileSync(probe.file('file'), '');
  try {
    command('chattr', '+i', probe.file('file'));
    command('chattr', '-i', probe.file('file'));
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    probe.remove();
  }
}
