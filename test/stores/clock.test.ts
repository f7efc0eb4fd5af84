import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/stores/clock.js';

describe('systemClock', () => {
  it('shows the time of the machine in seconds, with fractions', () => {
    const before = Date.now();
    const now = systemClock.now();
    const after = Date.now();

    expect(now * 1000).toBeGreaterThanOrEqual(before);
    expect(now * 1000).toBeLessThanOrEqual(after);
  });

  it('calls once what is due, and not what was taken back', async () => {
    const called: string[] = [];
    systemClock.after(0.001, () => called.push('taken back'))();
    const fired = new Promise<void>((resolve) => {
      systemClock.after(0.005, () => {
        called.push('due');
        resolve();
      });
    });

    const keepAlive = setTimeout(() => undefined, 10_000);
    await fired;
    clearTimeout(keepAlive);

    expect(called).toEqual(['due']);
  });

  it('keeps no process alive', () => {
    const program = `
      const { systemClock } = await import('./src/stores/clock.ts');
      systemClock.after(600, () => undefined);
    `;

    const args = ['--import', 'tsx', '--input-type=module', '-e', program];
    const { status, signal } = spawnSync(process.execPath, args, { timeout: 60_000 });

    expect({ status, signal }).toEqual({ status: 0, signal: null });
  });
});
