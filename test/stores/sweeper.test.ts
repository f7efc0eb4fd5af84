import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Sweep, SweepStep } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { Notices } from '../../src/stores/notices.js';
import { keyOf, newSessionId } from '../../src/stores/session-id.js';
import { sweepAll, Sweeper } from '../../src/stores/sweeper.js';
import { TestClock } from '../../src/testing/clock.js';

const INTERVAL = 60;
const WHEN = { from: 0, to: 150, now: 150 };

/** Remembers what it was asked to sweep; a step fails, or waits, when told. */
class WatchedDriver extends MemoryDriver {
  readonly asked: Sweep[] = [];
  failure: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  override async sweep(sweep: Sweep): Promise<SweepStep> {
    this.asked.push(sweep);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    const step = await super.sweep(sweep);
    this.left -= step.removed;
    return step;
  }

  /** How many sessions it has removed less than it was given. */
  left = 0;

  async fill(count: number, expireTime: number): Promise<void> {
    this.left += count;
    const create = { createdAt: 0, accessed: 0, lifetime: 60, expireTime, idle: Infinity };
    for (let i = 0; i < count; i += 1) {
      await this.commit({ key: keyOf(newSessionId()), now: 0, create, changes: new Map() });
    }
  }
}

function running() {
  const clock = new CountingClock();
  const driver = new WatchedDriver();
  const errors: unknown[] = [];
  const sweeper = new Sweeper({ driver, clock, notices: new Notices('shop', clock) }, INTERVAL, (error) =>
    errors.push(error),
  );
  sweeper.start();
  return { clock, driver, errors, sweeper };
}

/** Counts the timers that were set, since a round that is left out sets the next at once. */
class CountingClock extends TestClock {
  timers = 0;

  override after(...timer: Parameters<TestClock['after']>): ReturnType<TestClock['after']> {
    this.timers += 1;
    return super.after(...timer);
  }
}

/** Lets the longest wait pass, until the timer has fired; what it starts is done when the next timer is set. */
async function round(clock: CountingClock): Promise<void> {
  const before = clock.timers;
  const fired = () => clock.pending === 0 || clock.timers > before;
  for (let passed = 0; passed < 1.5 * INTERVAL && !fired(); passed += 1) clock.advance(1);
  for (let turns = 0; clock.pending === 0 && turns < 1000; turns += 1) await nextTurn();
}

describe('sweepAll', () => {
  it('removes what has ended, a step at a time, and answers how many', async () => {
    const driver = new WatchedDriver();
    await driver.fill(125, 100);
    await driver.fill(10, 200);

    expect(await sweepAll(driver, WHEN)).toMatchObject({ removed: 125 });

    expect(driver.asked.map(({ limit }) => limit)).toEqual([50, 50, 50]);
    expect(driver.asked.every(({ from, to }) => from === 0 && to === 150)).toBe(true);
    expect(new Set(driver.asked.map(({ after }) => after)).size).toBe(3);
  });

  it('lets others run between two steps', async () => {
    const driver = new WatchedDriver();
    await driver.fill(150, 100);
    const stepsSeen: number[] = [];
    const look = () => {
      stepsSeen.push(driver.asked.length);
      if (driver.asked.length < 3) setImmediate(look);
    };

    setImmediate(look);
    await sweepAll(driver, WHEN);

    expect(stepsSeen).toEqual(expect.arrayContaining([1, 2]));
  });

  it('goes no further once it is stopped', async () => {
    const driver = new WatchedDriver();
    await driver.fill(150, 100);

    expect(await sweepAll(driver, WHEN, () => driver.asked.length === 2)).toMatchObject({ removed: 100 });
  });
});

describe('Sweeper', () => {
  it('removes what has ended by then, again and again', async () => {
    const { clock, driver, sweeper } = running();

    for (let rounds = 1; rounds <= 3; rounds += 1) {
      await driver.fill(5, clock.now());
      await round(clock);

      expect(driver.asked).toHaveLength(rounds);
      const { from, to } = driver.asked.at(-1) ?? { from: NaN, to: NaN };
      expect([from, Math.floor(clock.now() - to)]).toEqual([0, 0]);
      expect(driver.left).toBe(0);
    }
    await sweeper.stop();
  });

  it('waits for half an interval to one and a half, with chance', () => {
    const waits: number[] = [];
    const clock = { now: () => 0, after: (seconds: number) => (waits.push(seconds), () => undefined) };

    const settings = { driver: new MemoryDriver(), clock, notices: new Notices('shop', clock) };
    for (let i = 0; i < 1000; i += 1) new Sweeper(settings, INTERVAL, fail).start();

    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.5 * INTERVAL);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1.5 * INTERVAL);
    for (const third of [0.5, 0.83, 1.16]) {
      const within = waits.filter((wait) => wait >= third * INTERVAL && wait < (third + 0.34) * INTERVAL);
      expect(within.length).toBeGreaterThan(200);
    }
  });

  it('tells of an error and goes on', async () => {
    const { clock, driver, errors, sweeper } = running();
    const failure = (driver.failure = new Error('The disk is full.'));

    await round(clock);
    driver.failure = undefined;
    await round(clock);

    expect(errors).toEqual([failure]);
    expect(driver.asked).toHaveLength(2);
    await sweeper.stop();
  });

  it.each([
    ['forward', INTERVAL * 2],
    ['back', -INTERVAL * 2],
    ['forward by a year', 365 * 86_400],
  ])('leaves out one round when the clock was set %s by more than an interval', async (_, jump) => {
    const { clock, driver, sweeper } = running();

    clock.set(clock.now() + jump);
    await round(clock);
    expect(driver.asked).toEqual([]);

    await round(clock);
    expect(driver.asked).toHaveLength(1);
    await sweeper.stop();
  });

  it.each([INTERVAL * 0.9, -INTERVAL * 0.9])(
    'sweeps when the clock was set by %d s, which is less',
    async (jump) => {
      const { clock, driver, sweeper } = running();

      clock.set(clock.now() + jump);
      await round(clock);

      expect(driver.asked).toHaveLength(1);
      await sweeper.stop();
    },
  );

  it('sets no timer and sweeps no more once it is stopped', async () => {
    const { clock, driver, sweeper } = running();

    await sweeper.stop();
    await sweeper.stop();
    clock.advance(10 * INTERVAL);
    await nextTurn();

    expect(clock.pending).toBe(0);
    expect(driver.asked).toEqual([]);
  });

  it('is stopped when the step under way is done, and takes no further one', async () => {
    const { clock, driver, sweeper } = running();
    await driver.fill(150, 100);
    let go: () => void = fail;
    driver.gate = new Promise((resolve) => (go = resolve));
    clock.advance(1.5 * INTERVAL);
    let isStopped = false;

    const stopping = sweeper.stop().then(() => {
      isStopped = true;
    });
    await nextTurn();
    expect(isStopped).toBe(false);
    go();
    await stopping;

    expect(driver.asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});

function fail(): never {
  throw new Error('not expected');
}
