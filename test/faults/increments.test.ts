import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { database, environment, error, session, text } from '../../src/index.js';
import { client } from '../../src/testing/index.js';
import { count, full } from '../support/counts.js';
import { grouped, report } from '../support/figures.js';
import { type Program, start, temporaryFolder } from '../support/processes.js';

/** What test/support/increment-program.ts prints. */
interface Outcome {
  readonly statuses: Readonly<Record<string, number>>;
  readonly waits: readonly (readonly [took: number, own: number])[];
  readonly errors: string;
}

let folder = temporaryFolder();
let file = '';
let programs: Program[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
  programs = [];
});

afterEach(async () => {
  await Promise.all(programs.map((program) => program.stop('SIGKILL')));
  folder.remove();
});

describe('one key of one session that 8 processes increment', () => {
  it(
    'holds exactly the number of increments, and nobody sees an error or waits long for a lock',
    async () => {
      const each = count(10_000);
      const cookie = await sessionIn(file);
      programs = Array.from({ length: 8 }, () =>
        start('test/support/increment-program.ts', file, `${each}`, cookie),
      );
      for (const program of programs) expect(await program.line()).toBe('ready');

      const begin = performance.now();
      for (const program of programs) program.process.stdin?.write('go\n');
      const outcomes = await Promise.all(programs.map(async (program) => outcomeOf(await program.line())));
      const seconds = (performance.now() - begin) / 1000;

      const waits = outcomes.flatMap((outcome) => outcome.waits);
      const took = sorted(waits.map(([one]) => one));
      const own = sorted(waits.map(([, one]) => one));
      report({
        what: 'One key incremented by 8 processes with 32 requests each at a time',
        count: `${grouped(8 * each)} increments in ${seconds.toFixed(1)} s`,
        result: `${grouped(numberIn(file))} stored, no error; longest of ${grouped(own.length)} statements ${longest(own)} ms, or ${longest(took)} ms with the time in which others had the processor`,
      });
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ statuses: { '200 OK': each }, errors: '' });
        expect(Object.keys(outcome.statuses)).toEqual(['200 OK']);
      }
      expect(numberIn(file)).toBe(8 * each);
      // A statement waits for a lock for 2 ms at most. What more there is in one of a thousand was no wait for a lock: a
      // page that had to be read, or a processor that was given away where the system does not tell.
      expect(own[Math.floor(own.length * 0.999)]).toBeLessThan(10);
    },
    full ? 600_000 : 120_000,
  );
});

/** Makes the file and a session in it. Answers its cookie. */
async function sessionIn(file: string): Promise<string> {
  const application = error(
    database(
      environment(
        session(
          (environ) => {
            environ['web.session.store'].set('n', 0);
            return text('made');
          },
          { app: 'test', setupEnvironment: true, sweep: false },
        ),
        { name: 'increments' },
      ),
      { database: file, autoCreate: true },
    ),
  );
  const visitor = client(application);
  const answer = await visitor.get('/');
  await visitor.close();
  return answer.header('Set-Cookie')?.split(';')[0] ?? '';
}

function sorted(numbers: number[]): number[] {
  return numbers.sort((a, b) => a - b);
}

function longest(numbers: readonly number[]): string {
  return (numbers.at(-1) ?? 0).toFixed(1);
}

function outcomeOf(line: string): Outcome {
  return JSON.parse(line) as Outcome;
}

function numberIn(file: string): number {
  const handle = new BetterSqlite3(file, { readonly: true, timeout: 5000 });
  try {
    const sql = "SELECT value FROM incrementsSessionStore WHERE app = 'test' AND key = 'n'";
    return Number(handle.prepare(sql).pluck().get());
  } finally {
    handle.close();
  }
}
