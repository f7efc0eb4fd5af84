import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { database, environment, error, session, text } from '../../src/index.js';
import { client, TestClock } from '../../src/testing/index.js';
import { count, full } from '../support/counts.js';
import { grouped, report } from '../support/figures.js';
import { type Program, start, temporaryFolder } from '../support/processes.js';

/** A line that a handler of test/support/sweeper-program.ts has written. */
interface Call {
  readonly handler: string;
  readonly number: number;
  readonly id: string;
}

/** When the sessions are made, in seconds, and over how many seconds of their clock they end. */
const MOMENT = 1_800_000_000;
const OVER = 100;

let folder = temporaryFolder();
let file = '';
let calls = '';
let handle: BetterSqlite3.Database | undefined;
let sweepers: Program[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
  calls = folder.file('calls');
  appendFileSync(calls, '');
});

afterEach(async () => {
  await Promise.all(sweepers.map((sweeper) => sweeper.stop('SIGKILL')));
  handle?.close();
  folder.remove();
});

describe('sessions that end while 4 sweepers are killed and started again', () => {
  it(
    'are told to every handler, which acknowledges each once, and twice only with the same event',
    async () => {
      const many = count(10_000);
      const kills = full ? 20 : 4;
      await makeSessions(many);
      handle = new BetterSqlite3(file, { timeout: 5000 });
      recordChanges(handle);
      const begin = `${Date.now()}`;
      const startOne = async () => {
        const sweeper = start('test/support/sweeper-program.ts', file, calls, `${MOMENT}`, begin);
        expect(await sweeper.line()).toBe('ready');
        return sweeper;
      };
      sweepers = await Promise.all([1, 2, 3, 4].map(startOne));

      for (let kill = 1; kill <= kills; kill += 1) {
        await until(() => callsMade().length >= (2 * many * (kill - Math.random())) / (kills + 1));
        const killed = sweepers.splice(Math.floor(Math.random() * 4), 1)[0] as Program;
        await killed.stop('SIGKILL');
        sweepers.push(await startOne());
      }
      await until(() => rowsIn('SessionEvents') + rowsIn('Sessions') === 0);

      const made = callsMade();
      const repeated = made.length - new Set(made.map(({ handler, number }) => `${handler} ${number}`)).size;
      report({
        what: `Sessions ended by 4 sweepers, of which ${kills} were killed`,
        count: `${grouped(many)} sessions, each with two handlers`,
        result: `${grouped(made.length)} calls, ${grouped(repeated)} repeated with the same event id, none missing; each acknowledged once`,
      });
      expect(numbersOf(made, 'goodbye')).toEqual(everyNumber(many));
      expect(numbersOf(made, 'onEnd')).toEqual(everyNumber(many));
      expect(new Set(made.map(({ number, id }) => `${number} ${id}`)).size).toBe(many);
      expect(changesOf('recorded')).toEqual({ events: 2 * many, different: 2 * many });
      expect(changesOf('acknowledged')).toEqual({ events: 2 * many, different: 2 * many });
      expect(rowsIn('SessionStore')).toBe(0);
    },
    full ? 600_000 : 120_000,
  );
});

/** Makes sessions that end one after the other. */
async function makeSessions(many: number): Promise<void> {
  const clock = new TestClock(MOMENT);
  const application = error(
    database(
      environment(
        session(
          async (environ) => {
            const { 'web.session.manager': manager, 'web.session.store': store } = environ;
            const number = Number(environ.QUERY_STRING);
            store.set('number', number);
            manager.setExpire(MOMENT + 10 + (number / many) * OVER);
            await manager.notifyOnExpire('goodbye', number);
            return text('made');
          },
          {
            app: 'test',
            setupEnvironment: true,
            sweep: false,
            clock,
            onEnd: () => undefined,
            handlers: { goodbye: () => undefined },
          },
        ),
        { name: 'sweepers' },
      ),
      { database: file, autoCreate: true, durability: 'process' },
    ),
  );
  const visitor = client(application, { clock });
  await Promise.all(
    everyNumber(many).map((number) => visitor.get(`/?${number}`, { headers: { Cookie: '' } })),
  );
  await visitor.close();
}

/** Lets the database itself tell of every event that is added to the outbox or taken away. */
function recordChanges(database: BetterSqlite3.Database): void {
  database.exec(`
    CREATE TABLE recorded (id TEXT, handler TEXT);
    CREATE TABLE acknowledged (id TEXT, handler TEXT);
    CREATE TRIGGER onRecord AFTER INSERT ON sweepersSessionEvents
      BEGIN INSERT INTO recorded VALUES (new.id, new.handler); END;
    CREATE TRIGGER onAcknowledge AFTER DELETE ON sweepersSessionEvents
      BEGIN INSERT INTO acknowledged VALUES (old.id, old.handler); END;
  `);
}

function changesOf(table: string): unknown {
  const sql = `SELECT count(*) AS events, count(DISTINCT id || handler) AS different FROM ${table}`;
  return handle?.prepare(sql).get();
}

function rowsIn(table: string): number {
  return Number(handle?.prepare(`SELECT count(*) FROM sweepers${table}`).pluck().get());
}

function callsMade(): Call[] {
  const lines = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Call);
}

/** The numbers of the sessions that a handler was told of, without repetition. */
function numbersOf(made: readonly Call[], name: string): number[] {
  const numbers = made.filter(({ handler }) => handler === name).map(({ number }) => number);
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function everyNumber(many: number): number[] {
  return Array.from({ length: many }, (_, i) => i);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(50);
}
