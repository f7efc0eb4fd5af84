import { beforeEach, describe, expect, it } from '@jest/globals';
import type { StoredSession } from '../../../src/stores/driver.js';
import { keyOf } from '../../../src/stores/session-id.js';
import { type Known, KnownSessions } from '../../../src/stores/sqlite/known.js';

let sessions = new KnownSessions();

beforeEach(() => {
  sessions = new KnownSessions();
});

function known(name: string, value = '1'): Known {
  const moments = { createdAt: 0, accessed: 0, lifetime: 60, expireTime: 60, idle: Infinity };
  const values: StoredSession['values'] = new Map([['shop', new Map([['n', value]])]]);
  return { number: 1, stored: { key: keyOf(name), ...moments, handlers: [], values } };
}

function set(name: string, state: number | undefined, value?: string): void {
  sessions.set(keyOf(name), known(name, value), state);
}

describe('known sessions', () => {
  it('are known in the state in which they were read, and in no other', () => {
    set('a', 1);

    expect(sessions.get(keyOf('a'), 1)).toEqual(known('a'));
    expect(sessions.get(keyOf('a'), 2)).toBeUndefined();
    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
  });

  it('are neither kept nor answered where the state is not known, and are still there after it', () => {
    set('a', 1);
    set('b', undefined);

    expect(sessions.get(keyOf('a'), undefined)).toBeUndefined();
    expect(sessions.get(keyOf('b'), 1)).toBeUndefined();
    expect(sessions.get(keyOf('a'), 1)).toBeDefined();
  });

  it('are forgotten one by one', () => {
    set('a', 1);
    set('b', 1);
    sessions.forget(keyOf('a'));

    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
    expect(sessions.get(keyOf('b'), 1)).toBeDefined();
  });

  it('are small, also when one that was small has grown', () => {
    set('a', 1);
    set('a', 1, 'x'.repeat(2000));

    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
  });

  it('are the newest when there are too many', () => {
    for (let i = 0; i < 2000; i += 1) set(`${i}`, 1);
    set('0', 1);
    set('one more', 1);

    const isKnown = (name: string) => sessions.get(keyOf(name), 1) !== undefined;
    expect(['0', '1', '2', '1999', 'one more'].map(isKnown)).toEqual([true, false, true, true, true]);
  });
});
