import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { count, full } from '../support/counts.js';
import { grouped, report } from '../support/figures.js';
import { temporaryFolder } from '../support/processes.js';
import type { Model } from '../support/schedule-model.js';
import { type Kind, Processes, runSchedule } from '../support/schedules.js';

const kinds: readonly Kind[] = [
  { name: 'two-key writes', events: [] },
  { name: 'logout', events: [{ do: 'destroy' }] },
  { name: 'expire', events: [{ do: 'expire' }] },
  { name: 'invalidate', events: [{ do: 'invalidate' }] },
  {
    name: 'regenerate',
    events: [
      { do: 'regenerate', grace: 10 },
      { do: 'regenerate', grace: 10 },
      { do: 'regenerate', grace: 0 },
      { do: 'destroy' },
    ],
  },
];

/** `TSGI_SEED='logout 12345'` runs one schedule again. */
const replayed = /^(.+) (\d+)$/.exec(process.env['TSGI_SEED'] ?? '');

const folder = temporaryFolder();
const LIMIT = full ? 900_000 : 120_000;
const started: Processes[] = [];
let processes: Processes;

beforeAll(async () => {
  processes = await startProcesses(3, 'sessions.db');
}, 60_000);

afterAll(async () => {
  await Promise.all(started.map((one) => one.stop()));
  folder.remove();
});

describe('visits of three processes in any order', () => {
  const chosen = kinds.filter(({ name }) => replayed === null || replayed[1] === name);

  it.each(chosen)(
    'lose nothing, revive nothing and tell no id that is not theirs to tell: $name',
    async (kind) => {
      const seeds = replayed === null ? seedsOf(count(1000)) : [Number(replayed[2])];
      const sum = { dropped: 0, merged: 0, ended: 0, renamed: 0, commits: 0 };

      for (const seed of seeds) {
        const { violations, steps, seen } = await runSchedule(processes, kind, seed);
        if (replayed !== null) process.stdout.write(`${steps.join('\n')}\n`);
        expect(violations.map((one) => `TSGI_SEED='${kind.name} ${seed}' ${one}`)).toEqual([]);
        for (const name of ['dropped', 'merged', 'ended', 'renamed', 'commits'] as const)
          sum[name] += seen[name];
      }

      report({
        what: `Visits of 3 processes in random order: ${kind.name}`,
        count: `${grouped(seeds.length)} schedules, ${describeSum(sum)}`,
        result: '0 lost, 0 revived',
      });
    },
    LIMIT,
  );
});

const lies: [lie: string, kind: string, violation: RegExp][] = [
  ['revives ended sessions', 'logout', /ended session is stored: true/],
  ['loses what others have set', 'two-key writes', /leads to the values/],
  ['keeps the first of several changes', 'two-key writes', /leads to the values/],
  ['does not end what has another id by now', 'regenerate', /leads to a session: true/],
  ['never forgets an older id', 'regenerate', /leads to a session: true/],
];

describe('the judge of those visits', () => {
  it.each(lies)(
    'finds a driver that %s',
    async (lie, name, violation) => {
      const kind = kinds.find((one) => one.name === name) as Kind;
      const lying = await startProcesses(3, `${lie}.db`, lie);
      const models: Model[] = [];

      for (let seed = 1; seed <= 30; seed += 1) models.push(await runSchedule(lying, kind, seed));
      await lying.stop();

      expect(models.flatMap(({ violations }) => violations).join('\n')).toMatch(violation);
    },
    LIMIT,
  );
});

describe('compareAndSet of one key by 8 visits in 4 processes', () => {
  it(
    'succeeds as often as the number has grown',
    async () => {
      const each = count(2000);
      const counting = await startProcesses(4, 'counted.db');
      const visit = { visit: 1, begin: { cookie: '' } };
      await counting.ask(0, visit);
      const { id = '' } = await counting.ask<{ id?: string }>(0, {
        visit: 1,
        step: { do: 'set', key: 'n', value: 0 },
      });
      await counting.ask(0, { visit: 1, finish: 'ok' });

      const outcomes = await counting.askAll<{ tries: number; swaps: number }>({
        count: { cookie: id, visits: 2, each },
      });
      const [found] = await counting.ask<{ values: { n: number } }[]>(1, { find: [id] });
      await counting.stop();

      const tries = outcomes.reduce((sum, outcome) => sum + outcome.tries, 0);
      const swaps = outcomes.reduce((sum, outcome) => sum + outcome.swaps, 0);
      report({
        what: '8 visits in 4 processes that compareAndSet one key',
        count: `${grouped(tries)} tried, ${grouped(swaps)} succeeded`,
        result: `${grouped(found?.values.n ?? 0)} stored`,
      });
      expect(swaps).toBe(8 * each);
      expect(found?.values.n).toBe(swaps);
      expect(tries).toBeGreaterThan(swaps);
    },
    LIMIT,
  );
});

async function startProcesses(many: number, file: string, lie?: string): Promise<Processes> {
  const made = await Processes.start(many, folder.file(file), lie);
  started.push(made);
  return made;
}

function seedsOf(many: number): number[] {
  const first = randomInt(2 ** 31);
  return Array.from({ length: many }, (_, i) => first + i);
}

function describeSum({ commits, dropped, merged, ended, renamed }: Model['seen']): string {
  const late = `${grouped(dropped)} after the end, ${grouped(merged)} after another id`;
  return `${grouped(commits)} commits, ${late}; ${grouped(ended)} ended, ${grouped(renamed)} given another id`;
}
