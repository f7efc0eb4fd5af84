import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clip, oneLine, visible } from '../../src/app/visible.js';

describe('oneLine', () => {
  it.each([
    ['a\nb', 'a\\nb'],
    ['a\r\nb', 'a\\r\\nb'],
    ['\tx', '\\tx'],
    ['\x1b[31m', '\\u001b[31m'],
    ['a\u2028b\u2029c\u0085d', 'a\\u2028b\\u2029c\\u0085d'],
    ['\u202egnp.exe', '\\u202egnp.exe'],
    ['half \ud83d', 'half \\ud83d'],
    ['whole 🎉, é, 日本', 'whole 🎉, é, 日本'],
  ])('shows %j as %s', (text, shown) => {
    expect(oneLine(text)).toBe(shown);
  });

  it('leaves no control character of any kind', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(oneLine(text)).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      }),
    );
  });
});

describe('visible', () => {
  it('keeps line feeds and tabs, and shows all else', () => {
    expect(visible('a\n\tb\r\0')).toBe('a\n\tb\\r\\u0000');
  });
});

describe('clip', () => {
  it('leaves a text that is short enough', () => {
    expect(clip('12345', 5)).toBe('12345');
  });

  it('says how much it left out', () => {
    expect(clip('1234567', 5)).toBe('12345… (2 characters more)');
  });
});
