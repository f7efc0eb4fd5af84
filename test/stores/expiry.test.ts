import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  deadlineOf,
  endingOf,
  isTouchDue,
  judge,
  type Moments,
  moved,
  touchInterval,
} from '../../src/stores/expiry.js';

const MADE: Moments = { createdAt: 1000, accessed: 1000, lifetime: 60, expireTime: 1060, idle: 30 };

const moment = fc.double({ min: 0, max: 4e9, noNaN: true });
const length = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constant(Infinity));
const moments: fc.Arbitrary<Moments> = fc.record({
  createdAt: moment,
  accessed: moment,
  lifetime: length,
  expireTime: fc.oneof(moment, fc.constant(Infinity)),
  idle: length,
});

describe('deadlineOf', () => {
  it.each<[string, Partial<Moments>, number]>([
    ['the last use when it comes first', {}, 1033],
    ['the fixed end when it comes first', { accessed: 1050 }, 1060],
    ['the fixed end alone', { idle: Infinity }, 1060],
    ['the last use alone', { expireTime: Infinity }, 1033],
    ['nothing: never', { expireTime: Infinity, idle: Infinity }, Infinity],
  ])('follows from %s', (_, over, deadline) => {
    expect(deadlineOf({ ...MADE, ...over })).toBe(deadline);
  });
});

describe('judge', () => {
  it('says of a session that is not there that it is unknown', () => {
    expect(judge(undefined, 1000)).toEqual({ state: 'unknown' });
  });

  it.each<[string, Partial<Moments>, number, ReturnType<typeof judge>]>([
    ['live', {}, 1000, { state: 'live', left: 33 }],
    ['live up to its last moment', {}, 1032.75, { state: 'live', left: 0.25 }],
    ['idle at its deadline itself', {}, 1033, { state: 'idle', lateBy: 0 }],
    ['idle', {}, 1045.5, { state: 'idle', lateBy: 12.5 }],
    ['expired when both ends have passed', {}, 1065, { state: 'expired', lateBy: 32 }],
    ['expired at its fixed end itself', { idle: Infinity }, 1060, { state: 'expired', lateBy: 0 }],
    ['expired', { accessed: 1050 }, 1061, { state: 'expired', lateBy: 1 }],
    ['live for ever', { expireTime: Infinity, idle: Infinity }, 4e9, { state: 'live', left: Infinity }],
    ['live when the clock was set back', {}, 500, { state: 'live', left: 533 }],
  ])('calls a session %s', (_, over, now, verdict) => {
    expect(judge({ ...MADE, ...over }, now)).toEqual(verdict);
  });

  it('calls a session live before its deadline and never from it on', () => {
    const near = fc.oneof(moment, fc.constantFrom('deadline', 'just before', 'just after'));

    fc.assert(
      fc.property(moments, near, (stored, when) => {
        const deadline = deadlineOf(stored);
        fc.pre(typeof when === 'number' || deadline !== Infinity);
        const now =
          typeof when === 'number'
            ? when
            : deadline + { deadline: 0, 'just before': -1e-3, 'just after': 1e-3 }[when];
        const verdict = judge(stored, now);

        expect(verdict.state === 'live').toBe(now < deadline);
        if (verdict.state === 'live') expect(verdict.left).toBe(deadline - now);
        else expect(verdict).toMatchObject({ lateBy: now - deadline });
      }),
      { numRuns: 2000 },
    );
  });

  it('gives as the reason an end that has passed', () => {
    fc.assert(
      fc.property(moments, moment, (stored, now) => {
        const verdict = judge(stored, now);

        if (verdict.state === 'expired') expect(stored.expireTime).toBeLessThanOrEqual(now);
        if (verdict.state === 'idle') expect(stored.accessed + stored.idle).toBeLessThanOrEqual(now);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an older id', () => {
  it.each<[string, number, object]>([
    ['good until its grace ends', 1009.5, { state: 'live', left: 23.5 }],
    ['superseded from then on', 1010, { state: 'superseded', lateBy: 0 }],
    ['superseded for good', 5000, { state: 'superseded', lateBy: 3990 }],
  ])('is %s', (_, now, verdict) => {
    expect(judge({ ...MADE, alias: { until: 1010 } }, now)).toEqual(verdict);
  });
});

describe('endingOf', () => {
  it.each<[string, Partial<Moments>]>([
    ['idle', {}],
    ['expired', { accessed: 1050 }],
    ['expired', { idle: Infinity }],
    ['expired', { accessed: 1027 }],
  ])('names the end that comes first: %s', (reason, over) => {
    expect(endingOf({ ...MADE, ...over })).toBe(reason);
  });
});

describe('touches', () => {
  it.each([
    [5, 0.5],
    [900, 60],
    [86_400, 60],
    [600, 60],
  ])('of a session that may idle for %d s are %d s apart', (idle, interval) => {
    expect(touchInterval(idle)).toBe(interval);
  });

  it('are not needed without idle', () => {
    expect(isTouchDue({ ...MADE, idle: Infinity }, 4e9)).toBe(false);
  });

  it('are recorded so seldom that a session ends from idle to idle and one interval after its last use', () => {
    const idles = fc.double({ min: 0.01, max: 1e6, noNaN: true });
    const gaps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 50 });

    fc.assert(
      fc.property(idles, gaps, (idle, parts) => {
        let stored: Moments = { ...MADE, expireTime: Infinity, idle };
        let lastUse = stored.accessed;
        let recorded = 0;
        for (const part of parts) {
          const now = lastUse + part * idle;
          expect(judge(stored, now).state).toBe('live');
          recorded += Number(isTouchDue(stored, now));
          if (isTouchDue(stored, now)) stored = moved(stored, { accessed: now });
          lastUse = now;
        }

        const left = deadlineOf(stored) - lastUse;
        expect(left).toBeGreaterThanOrEqual(idle - 1e-6);
        expect(left).toBeLessThanOrEqual(idle + touchInterval(idle) + 1e-6);
        expect(recorded).toBeLessThanOrEqual((lastUse - MADE.accessed) / touchInterval(idle));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('moved', () => {
  it('keeps what is not named', () => {
    expect(moved(MADE, {})).toEqual(MADE);
    expect(moved({ ...MADE, accessed: 0 }, {})).toEqual({ ...MADE, accessed: 0 });
    expect(moved(MADE, { accessed: 1010 })).toEqual({ ...MADE, accessed: 1010 });
    expect(moved(MADE, { expireTime: 2000 })).toEqual({ ...MADE, expireTime: 2000 });
  });

  it('takes nothing else over from what it is given', () => {
    const stored = { ...MADE, values: new Map() };

    expect(moved(stored, {})).toEqual(MADE);
  });

  it('moves the end to earlier too, and the last use never back', () => {
    expect(moved(MADE, { expireTime: 1001, accessed: 900 })).toEqual({ ...MADE, expireTime: 1001 });
  });

  it('never makes a session outlive its fixed end', () => {
    fc.assert(
      fc.property(moments, moment, (stored, accessed) => {
        const after = moved(stored, { accessed });

        expect(after.expireTime).toBe(stored.expireTime);
        expect(deadlineOf(after)).toBeLessThanOrEqual(stored.expireTime);
        expect(after.accessed).toBeGreaterThanOrEqual(stored.accessed);
      }),
    );
  });
});
