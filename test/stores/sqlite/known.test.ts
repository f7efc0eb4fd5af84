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

function add(name: string, state: number | undefined): void {
  sessions.add(keyOf(name), known(name), state);
}

describe('known sessions', () => {
  it('are known in the state in which they were read, and in no other', () => {
    add('a', 1);

    expect(sessions.get(keyOf('a'), 1)).toEqual(known('a'));
    expect(sessions.get(keyOf('a'), 2)).toBeUndefined();
    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
  });

  it('are neither kept nor answered where the state is not known, and are still there after it', () => {
    add('a', 1);
    add('b', undefined);

    expect(sessions.get(keyOf('a'), undefined)).toBeUndefined();
    expect(sessions.get(keyOf('b'), 1)).toBeUndefined();
    expect(sessions.get(keyOf('a'), 1)).toBeDefined();
  });

  it('are forgotten one by one', () => {
    add('a', 1);
    add('b', 1);
    sessions.forget(keyOf('a'));

    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
    expect(sessions.get(keyOf('b'), 1)).toBeDefined();
  });

  it('are small, also when one that was small has grown', () => {
    const one = known('a');
    const { stored } = known('a', 'x'.repeat(2000));
    sessions.add(keyOf('a'), one, 1);
    sessions.change(keyOf('a'), one, stored);
    sessions.add(keyOf('b'), { number: 1, stored }, 1);

    expect(sessions.get(keyOf('a'), 1)).toBeUndefined();
    expect(sessions.get(keyOf('b'), 1)).toBeUndefined();
  });

  it('become what they are changed to', () => {
    const one = known('a');
    sessions.add(keyOf('a'), one, 1);
    sessions.change(keyOf('a'), one, known('a', '2').stored);

    expect(sessions.get(keyOf('a'), 1)).toEqual(known('a', '2'));
  });

  it('are forgotten in the order they were read in when there are too many, also where they were used since', () => {
    for (let i = 0; i < 2000; i += 1) add(`${i}`, 1);
    const first = sessions.get(keyOf('0'), 1);
    sessions.change(keyOf('0'), first as Known, known('0', '2').stored);
    add('2000', 1);

    const isKnown = (name: string) => sessions.get(keyOf(name), 1) !== undefined;
    expect(['0', '1', '1999', '2000'].map(isKnown)).toEqual([false, true, true, true]);
  });
});
