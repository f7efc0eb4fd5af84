import { AssertionError } from 'node:assert';
import { describe, expect, it } from '@jest/globals';
import type { Driver, Power } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { type DriverCase, type DriverStorage, driverSuite } from '../../src/testing/driver-suite.js';
import { honestStorage, lies } from '../support/lying-drivers.js';

const ALL: readonly Power[] = ['persistent', 'shared', 'aliases', 'events', 'locks', 'quarantine'];

/** The names of the cases that reject. */
async function failuresOf(cases: readonly DriverCase[]): Promise<string[]> {
  const settled = await Promise.allSettled(cases.map(({ run }) => run()));
  return cases.filter((_, i) => settled[i]?.status === 'rejected').map(({ name }) => name);
}

describe('driverSuite', () => {
  it('finds nothing wrong with an honest driver', async () => {
    expect(await failuresOf(driverSuite(honestStorage, ALL))).toEqual([]);
  });

  it.each(Object.entries(lies))('catches the driver that breaks "%s"', async (name, storage) => {
    expect(await failuresOf(driverSuite(storage, ALL))).toContain(name);
  });

  it('has a lying driver for each of its cases', () => {
    const names = driverSuite(honestStorage, ALL).map(({ name }) => name);

    expect(Object.keys(lies)).toEqual(names);
  });

  it('says by an AssertionError what was expected and what was found', async () => {
    const [broken] = driverSuite(() => ({ open: () => new SilentDriver() }));

    const failure: unknown = await broken?.run().catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(AssertionError);
    expect(failure).toMatchObject({ expected: true, actual: false });
  });

  it('names each case by what it is about and what is promised', () => {
    const cases = driverSuite(honestStorage, ALL);

    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    for (const { name, promise } of cases) expect(name).toMatch(new RegExp(`^[a-z]+: ${escape(promise)}$`));
  });

  it('lists the cases of powers that a driver lacks as skipped, with the reason in the name', async () => {
    const cases = driverSuite(() => ({ open: () => new MemoryDriver() }));

    const skipped = cases.filter((one) => one.skipped !== undefined);
    expect(new Set(skipped.map(({ power }) => power))).toEqual(new Set(ALL));
    for (const { name, skipped: reason, power } of skipped) {
      expect(reason).toBe(`the driver does not have the power '${String(power)}'`);
      expect(name.endsWith(` (skipped: ${String(reason)})`)).toBe(true);
    }
    expect(await failuresOf(skipped)).toEqual([]);
  });

  it('does not open storage for a skipped case', async () => {
    let opened = 0;
    const cases = driverSuite(() => ({ open: () => ((opened += 1), new MemoryDriver()) }));

    for (const { run, skipped } of cases) if (skipped !== undefined) await run();

    expect(opened).toBe(0);
  });

  it('catches a driver that has a power the suite was not told of', async () => {
    const failures = await failuresOf(driverSuite(honestStorage, ['persistent']));

    expect(failures).toEqual(['powers: are those that the suite was told to test']);
  });

  it.each([
    ['passes', () => new MemoryDriver()],
    ['fails', () => new SilentDriver()],
  ])('gives each case storage of its own, which is closed and then removed when it %s', async (_, open) => {
    const log: string[] = [];
    const storage = (): Promise<DriverStorage> => {
      const id = log.push('made');
      const note = (what: string) => () => Promise.resolve(log.push(`${what} ${id}`));
      return Promise.resolve({ open, close: note('closed'), remove: note('removed') });
    };
    const [one] = driverSuite(storage);

    await Promise.allSettled([one?.run()]);
    await Promise.allSettled([one?.run()]);

    expect(log).toEqual(['made', 'closed 1', 'removed 1', 'made', 'closed 4', 'removed 4']);
  });

  it('closes the drivers before it opens one that is to find what they have kept', async () => {
    const log: string[] = [];
    const honest = honestStorage();
    const storage = () => ({
      open: () => (log.push('open'), honest.open()),
      close: () => log.push('close'),
    });
    const restarting = driverSuite(storage, ALL).find(({ power }) => power === 'persistent');

    await restarting?.run();

    expect(log).toEqual(['open', 'close', 'open', 'close']);
  });
});

/** It does nothing, and says so. */
class SilentDriver extends MemoryDriver {
  override completeEnvironment(): ReturnType<Driver['completeEnvironment']> {
    return Promise.resolve(false);
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
