import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TestClock } from '../../src/testing/clock.js';

describe('TestClock', () => {
  it('shows the moment it was given, or a fixed one', () => {
    expect(new TestClock(12.5).now()).toBe(12.5);
    expect(new TestClock().now()).toBe(1_800_000_000);
  });

  it('moves when told', () => {
    const clock = new TestClock(100);

    clock.advance(3600.25);

    expect(clock.now()).toBe(3700.25);
  });

  it.each([
    [[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 1],
    [[0.289, 0.289, 0.289, 0.289, 0.289, 0.289, 0.289], 2.023],
  ])('counts %j seconds as exactly %d', (parts, whole) => {
    const clock = new TestClock();
    const fired: number[] = [];
    clock.after(whole, () => fired.push(clock.now()));

    for (const part of parts) clock.advance(part);

    expect(fired).toEqual([1_800_000_000 + whole]);
  });

  it('fires each timer at its own moment, in order', () => {
    const clock = new TestClock(0);
    const fired: string[] = [];
    clock.after(30, () => fired.push(`late at ${clock.now()}`));
    clock.after(10, () => fired.push(`early at ${clock.now()}`));
    clock.after(10, () => fired.push(`second at ${clock.now()}`));

    clock.advance(60);

    expect(fired).toEqual(['early at 10', 'second at 10', 'late at 30']);
    expect(clock.now()).toBe(60);
  });

  it('fires the timers that timers set, when they fall due on the way', () => {
    const clock = new TestClock(0);
    const fired: number[] = [];
    const tick = () => {
      fired.push(clock.now());
      clock.after(10, tick);
    };
    clock.after(10, tick);

    clock.advance(35);

    expect(fired).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(1);
  });

  it('fires a timer at its moment and not before', () => {
    const clock = new TestClock();
    const fired: number[] = [];
    clock.after(10, () => fired.push(clock.now()));

    clock.advance(9.999999);
    expect(fired).toEqual([]);

    clock.advance(0.000001);
    expect(fired).toEqual([1_800_000_010]);
  });

  it('does not fire what was taken back, also by a timer on the way', () => {
    const clock = new TestClock();
    const fired: string[] = [];
    const cancelSecond = clock.after(20, () => fired.push('second'));
    const cancelFirst = clock.after(10, () => fired.push('first'));
    clock.after(15, cancelSecond);

    cancelFirst();
    clock.advance(60);

    expect(fired).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('takes back a timer that has fired without harm', () => {
    const clock = new TestClock();
    const cancel = clock.after(1, () => undefined);

    clock.advance(1);
    cancel();

    expect(clock.pending).toBe(0);
  });

  it('waits for the next advance with a timer of no length', () => {
    const clock = new TestClock();
    const fired: string[] = [];
    clock.after(0, () => fired.push('now'));
    clock.after(-5, () => fired.push('before'));
    expect(fired).toEqual([]);

    clock.advance(0);

    expect(fired).toEqual(['now', 'before']);
  });

  it('can be set without time passing: timers keep their lengths', () => {
    const clock = new TestClock(1000);
    const fired: number[] = [];
    clock.after(10, () => fired.push(clock.now()));

    clock.set(5000);
    expect(fired).toEqual([]);

    clock.set(0);
    clock.advance(10);
    expect(fired).toEqual([10]);
  });

  it('stops where a timer throws', () => {
    const clock = new TestClock(0);
    clock.after(5, () => {
      throw new Error('broken');
    });

    expect(() => {
      clock.advance(60);
    }).toThrow('broken');
    expect(clock.now()).toBe(5);
    expect(clock.pending).toBe(0);
  });

  it.each([-1, Number.NaN])('refuses to let %p seconds pass', (seconds) => {
    const clock = new TestClock();

    expect(() => {
      clock.advance(seconds);
    }).toThrow(expect.objectContaining({ code: 'BAD_TIME' }));
  });

  it('fires the same timers at the same moments however the time is cut', () => {
    const length = fc.integer({ min: 0, max: 100 });

    fc.assert(
      fc.property(fc.array(length), fc.array(length), (timers, steps) => {
        const whole = firings(timers, [steps.reduce((sum, step) => sum + step, 0)]);

        expect(firings(timers, steps)).toEqual(whole);
      }),
    );
  });
});

/** Which timer fired when. */
function firings(timers: readonly number[], steps: readonly number[]): [timer: number, at: number][] {
  const clock = new TestClock(0);
  const fired: [number, number][] = [];
  timers.forEach((length, timer) => clock.after(length, () => fired.push([timer, clock.now()])));
  for (const step of steps) clock.advance(step);
  if (steps.length === 0) clock.advance(0);
  return fired;
}
