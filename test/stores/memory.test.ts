import { describe, expect, it } from '@jest/globals';
import type { Power } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { keyOf, newSessionId } from '../../src/stores/session-id.js';
import { driverSuite } from '../../src/testing/driver-suite.js';

const POWERS: readonly Power[] = ['aliases', 'events', 'locks', 'quarantine'];

describe('MemoryDriver', () => {
  const cases = driverSuite(() => ({ open: () => new MemoryDriver() }), POWERS);
  for (const { name, run, skipped } of cases) {
    if (skipped === undefined) it(name, run);
    else process.stdout.write(`MemoryDriver, left out: ${name}\n`);
  }

  it('keeps two sweeps that are under way at once apart', async () => {
    const driver = new MemoryDriver();
    const keys = Array.from({ length: 10 }, () => keyOf(newSessionId()));
    const past = { createdAt: 0, accessed: 0, lifetime: 10, expireTime: 10, idle: Infinity };
    for (const key of keys) await driver.commit({ key, now: 0, create: past, changes: new Map() });

    const first = await driver.sweep({ from: 0, to: 5, limit: 3 });
    const second = await driver.sweep({ from: 0, to: 20, limit: 3 });
    const rest = await driver.sweep({ from: 0, to: 20, after: second.next, limit: 100 });
    const none = await driver.sweep({ from: 0, to: 20, after: first.next, limit: 100 });

    expect([first.removed, second.removed, rest.removed, none.removed]).toEqual([0, 3, 7, 0]);
  });
});
