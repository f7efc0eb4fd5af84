import { describe, expect, it } from '@jest/globals';
import { remember } from '../../../src/gateways/common/remember.js';

describe('remember', () => {
  /** A function that counts how often it was asked. */
  function counted(limit?: number) {
    const asked: string[] = [];
    const upper = remember((text) => {
      asked.push(text);
      return text.toUpperCase();
    }, limit);
    return { asked, upper };
  }

  it('asks once for each text', () => {
    const { asked, upper } = counted();

    expect([upper('a'), upper('b'), upper('a')]).toEqual(['A', 'B', 'A']);
    expect(asked).toEqual(['a', 'b']);
  });

  it('remembers so many texts and no more, and none that is long', () => {
    const { asked, upper } = counted(2);
    const long = 'x'.repeat(101);

    for (const text of [long, 'a', 'b', 'c', long, 'a', 'b', 'c']) upper(text);

    expect(asked).toEqual([long, 'a', 'b', 'c', long, 'c']);
  });

  it('does not remember a failure', () => {
    let broken = true;
    const fragile = remember((text) => {
      if (broken) throw new Error('broken');
      return text;
    });

    expect(() => fragile('a')).toThrow('broken');
    broken = false;
    expect(fragile('a')).toBe('a');
  });
});
