import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import {
  type Application,
  database,
  environment,
  error,
  type InvalidateCorrupt,
  json,
  jsonCodec,
  session,
  type Value,
} from '../../src/index.js';
import { type Client, client } from '../../src/testing/index.js';
import { keyOf } from '../../src/stores/session-id.js';
import { count, full } from '../support/counts.js';
import { damagedValues } from '../support/damaged-values.js';
import { grouped, report } from '../support/figures.js';
import { temporaryFolder } from '../support/processes.js';

/** One byte of what is stored, changed. */
interface Damage {
  readonly value: Value;
  readonly offset: number;
  readonly mask: number;
}

/** One session that is damaged, and what its visitor is answered then. */
interface Case extends Damage {
  readonly id: string;
  readonly key: string;
  /** What the database says is stored. */
  text: string;
}

interface Seen {
  readonly created: boolean;
  readonly value?: string;
  readonly id?: string;
  readonly quarantined?: readonly { key: string; value: string }[];
}

/** One bit of the lowest, of the highest, and all of them. */
const MASKS = [0x01, 0x20, 0x80, 0xff];

/** How many sessions are made, damaged and visited at once. */
const TOGETHER = 500;

const LIMIT = full ? 600_000 : 120_000;

let folder = temporaryFolder();
let file = '';
let handle: BetterSqlite3.Database;
let visitor: Client;
/** What the next sessions are to keep, by key. */
const wanted = new Map<string, Value>();

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
});

afterEach(async () => {
  handle.close();
  await visitor.close();
  folder.remove();
});

describe('a stored value of which one byte is damaged', () => {
  it(
    'is put aside when it cannot be read, and its visitor gets a new session; what can be read is read',
    async () => {
      await open('quarantine');
      const sum = { damaged: 0, unreadable: 0 };

      for (const cases of batches()) {
        await make(cases);
        damage(cases);
        const answers = await visitAll(cases);
        const aside = await quarantined();

        const unreadable = cases.filter(({ text }) => !isReadable(text));
        expect(answers).toEqual(cases.map(({ text, id }) => expected(text, id)));
        expect(aside).toEqual(inOrder(unreadable.map(({ key, text }) => ({ key, value: text }))));
        expect(stored(unreadable)).toBe(0);
        sum.damaged += cases.length;
        sum.unreadable += unreadable.length;
      }

      report({
        what: `Each byte of ${count(200)} stored values damaged in ${MASKS.length} ways, \`invalidateCorrupt: 'quarantine'\``,
        count: `${grouped(sum.damaged)} visits`,
        result: `all answered 200; ${grouped(sum.unreadable)} values put aside and a new session given, the others read`,
      });
      expect(sum.unreadable).toBeGreaterThan(sum.damaged / 10);
      expect(visitor.errors).toBe('');
    },
    LIMIT,
  );

  it(
    "gives its visitor a new session with invalidateCorrupt: 'new', and is put nowhere",
    async () => {
      await open('new');

      for (const cases of batches(4)) {
        await make(cases);
        damage(cases);
        const answers = await visitAll(cases);

        expect(answers).toEqual(cases.map(({ text, id }) => expected(text, id)));
        expect(await quarantined()).toEqual([]);
        expect(stored(cases.filter(({ text }) => !isReadable(text)))).toBe(0);
      }

      expect(visitor.errors).toBe('');
    },
    LIMIT,
  );

  it(
    "is a clean 500 with invalidateCorrupt: 'throw', and its session stays; the log does not show it",
    async () => {
      await open('throw');

      for (const cases of batches(4)) {
        await make(cases);
        damage(cases);
        const logged = visitor.errors.length;
        const answers = await visitAll(cases);

        const log = visitor.errors.slice(logged);
        const unreadable = cases.filter(({ text }) => !isReadable(text));
        expect(answers).toEqual(
          cases.map(({ text, id }) => (isReadable(text) ? expected(text, id) : '500 Internal Server Error')),
        );
        expect(log.match(/\bCORRUPT_VALUE\b/g) ?? []).toHaveLength(unreadable.length);
        const told = unreadable.filter(({ text }) => text.length > 8 && log.includes(text)); // shorter ones may be anything
        expect(told).toEqual([]);
        expect(log).not.toContain('telling');
        expect(stored(unreadable)).toBe(unreadable.length);
      }
    },
    LIMIT,
  );
});

describe('a stored session key of which one byte is damaged', () => {
  it('makes an unknown session of it', async () => {
    await open('quarantine');
    const every = Array.from({ length: 43 }, (_, offset) =>
      MASKS.map((mask) => ({ value: 'kept', offset, mask })),
    ).flat();

    for (const cases of inBatches(every)) {
      await make(cases);
      damageKeys(cases);
      const answers = await visitAll(cases);

      expect(answers).toEqual(cases.map(() => UNKNOWN));
      expect(await quarantined()).toEqual([]);
    }

    expect(visitor.errors).toBe('');
  });
});

/** What a visitor is answered who comes with an id that leads nowhere. */
const UNKNOWN: unknown = { created: true, id: 'another' };

/** Opens the application on a new file. */
async function open(invalidateCorrupt: InvalidateCorrupt): Promise<void> {
  const application: Application = error(
    database(
      environment(
        session(
          async (environ) => {
            const { 'web.session.manager': manager, 'web.session.store': store } = environ;
            if (environ.PATH_INFO === '/make') {
              store.set(environ.QUERY_STRING, wanted.get(environ.QUERY_STRING) ?? null);
              store.set('other', 'whole');
              return json({ created: true, id: manager.sessionID });
            }
            if (environ.PATH_INFO === '/quarantined') {
              const found = await manager.quarantined({ limit: TOGETHER + 1 });
              await manager.clearQuarantine();
              return json({ created: true, quarantined: found.map(({ key, value }) => ({ key, value })) });
            }
            const { created } = manager;
            const value = store.get(environ.QUERY_STRING);
            if (created) store.set('again', 1);
            return json({
              created,
              ...(value !== undefined && { value: shown(value) }),
              id: manager.sessionID,
            });
          },
          { app: 'test', setupEnvironment: true, sweep: false, invalidateCorrupt },
        ),
        { name: 'damage' },
      ),
      { database: file, autoCreate: true, durability: 'process' },
    ),
  );
  visitor = client(application);
  await visitor.open();
  handle = new BetterSqlite3(file, { timeout: 5000 });
}

/** Each byte of the values damaged in all ways; or of every so many of the values. */
function batches(every = 1): Case[][] {
  const values = damagedValues(count(200)).filter((_, i) => i % every === 0);
  const damages = values.flatMap((value) =>
    Array.from(Buffer.from(jsonCodec.encode(value)), (_, offset) =>
      MASKS.map((mask) => ({ value, offset, mask })),
    ).flat(),
  );
  return inBatches(damages);
}

function inBatches(damages: readonly Damage[]): Case[][] {
  const cases = damages.map((one, i) => ({ ...one, id: '', key: `key${i}`, text: '' }));
  const many = Math.ceil(cases.length / TOGETHER);
  return Array.from({ length: many }, (_, i) => cases.slice(i * TOGETHER, (i + 1) * TOGETHER));
}

/** Makes a session for each case, and removes those of the cases before. */
async function make(cases: readonly Case[]): Promise<void> {
  handle.exec('DELETE FROM damageSessions; DELETE FROM damageSessionStore');
  await Promise.all(
    cases.map(async (one) => {
      wanted.set(one.key, one.value);
      const answer = await visitor.get(`/make?${one.key}`, { headers: { Cookie: '' } });
      Object.assign(one, { id: (answer.json() as Seen).id });
    }),
  );
}

/** Changes a byte of each value. As a text, so that bytes that are not UTF-8 are stored too. */
function damage(cases: readonly Case[]): void {
  const find = handle.prepare('SELECT CAST(value AS BLOB) FROM damageSessionStore WHERE key = ?').pluck();
  const change = handle.prepare('UPDATE damageSessionStore SET value = CAST(? AS TEXT) WHERE key = ?');
  const read = handle.prepare('SELECT value FROM damageSessionStore WHERE key = ?').pluck();
  handle.transaction(() => {
    for (const one of cases) {
      const bytes = find.get(one.key) as Buffer;
      change.run(flipped(bytes, one), one.key);
      one.text = read.get(one.key) as string;
    }
  })();
}

function damageKeys(cases: readonly Case[]): void {
  const change = handle.prepare('UPDATE damageSessions SET id = CAST(? AS TEXT) WHERE id = ?');
  handle.transaction(() => {
    for (const one of cases) {
      const key = keyOf(one.id);
      expect(change.run(flipped(Buffer.from(key), one), key).changes).toBe(1);
    }
  })();
}

function flipped(bytes: Buffer, { offset, mask }: Damage): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[offset] = (damaged[offset] ?? 0) ^ mask;
  return damaged;
}

/** Visits each session with its old cookie. Answers what was seen, or the status of a failure. */
function visitAll(cases: readonly Case[]): Promise<unknown[]> {
  return Promise.all(
    cases.map(async ({ id, key }) => {
      const answer = await visitor.get(`/?${key}`, { headers: { Cookie: `damage=${id}` } });
      if (answer.code !== 200) return answer.status;
      const { id: now, ...seen } = answer.json() as Seen;
      const sent = /^damage=([^;]+)/.exec(answer.header('Set-Cookie') ?? '')?.[1];
      return { ...seen, id: now === id ? 'the same' : now === sent ? 'another' : 'one that was not sent' };
    }),
  );
}

/** What the visitor of that session is to see. */
function expected(text: string, id: string): unknown {
  expect(id).toHaveLength(43);
  if (!isReadable(text)) return UNKNOWN;
  return { created: false, value: shown(jsonCodec.decode(text)), id: 'the same' };
}

/** All of a value, as text that tells every kind from every other. */
function shown(value: Value): string {
  return inspect(value, { depth: Infinity, maxStringLength: Infinity, maxArrayLength: Infinity });
}

function isReadable(text: string): boolean {
  try {
    jsonCodec.decode(text);
    return true;
  } catch {
    return false;
  }
}

/** What was put aside since it was asked before. */
async function quarantined(): Promise<unknown[]> {
  const { quarantined: found = [] } = (await visitor.get('/quarantined')).json() as Seen;
  return inOrder(found);
}

function inOrder<V extends { key: string }>(list: readonly V[]): V[] {
  return list.toSorted(({ key: one }, { key: other }) => (one < other ? -1 : 1));
}

/** How many of the sessions are there. */
function stored(cases: readonly Case[]): number {
  const find = handle.prepare('SELECT 1 FROM damageSessions WHERE id = ?').pluck();
  return cases.filter(({ id }) => find.get(keyOf(id)) === 1).length;
}
