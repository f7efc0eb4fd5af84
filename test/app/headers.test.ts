import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findHeader, type Header, listOf, replaceHeader, sameName } from '../../src/app/headers.js';

const headers: readonly Header[] = [
  ['Content-Type', 'text/plain'],
  ['Vary', 'Accept'],
  ['vary', 'Cookie'],
];

describe('findHeader', () => {
  it.each([
    ['Vary', 'Accept'],
    ['VARY', 'Accept'],
    ['content-type', 'text/plain'],
    ['Content-Typ', undefined],
    ['Location', undefined],
  ])('finds %s: %p', (name, value) => {
    expect(findHeader(headers, name)).toBe(value);
  });
});

describe('replaceHeader', () => {
  it('puts a new header at the end', () => {
    expect(replaceHeader(headers, 'Location', '/')).toEqual([...headers, ['Location', '/']]);
  });

  it('replaces the first of the name where it stands, and drops the others', () => {
    expect(replaceHeader([...headers, ['X', '1']], 'VARY', '*')).toEqual([
      ['Content-Type', 'text/plain'],
      ['VARY', '*'],
      ['X', '1'],
    ]);
  });

  it('leaves the list it got alone', () => {
    const before = structuredClone(headers);

    replaceHeader(headers, 'Vary', '*');
    replaceHeader(headers, 'Location', '/');

    expect(headers).toEqual(before);
  });

  it('leaves exactly one header of the name, and the others in order', () => {
    const name = fc.constantFrom('a', 'A', 'b', 'B', 'c');
    const list = fc.array(fc.tuple(name, fc.string()));

    fc.assert(
      fc.property(list, name, (list, name) => {
        const replaced = replaceHeader(list, name, 'new');

        const others = (all: readonly Header[]) => all.filter(([other]) => !sameName(other, name));
        expect(replaced.filter(([other]) => sameName(other, name))).toEqual([[name, 'new']]);
        expect(others(replaced)).toEqual(others(list));
      }),
    );
  });
});

describe('listOf', () => {
  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    [' , ,', []],
    ['Cookie', ['Cookie']],
    ['Accept, Cookie,Accept-Language', ['Accept', 'Cookie', 'Accept-Language']],
    ['private="a, b", max-age=0', ['private="a, b"', 'max-age=0']],
    ['a="q\\", still", b', ['a="q\\", still"', 'b']],
    ['a="never closed, b', ['a="never closed, b']],
    ['a="ends in \\', ['a="ends in \\']],
  ])('reads %p as %p', (value, words) => {
    expect(listOf(value)).toEqual(words);
  });

  it('takes no longer than the text is long', () => {
    const started = performance.now();

    listOf('"\\'.repeat(50_000));
    listOf('"a'.repeat(50_000));
    listOf(' '.repeat(100_000));

    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('sameName', () => {
  it.each([
    ['Vary', 'vary', true],
    ['Vary', 'Vary', true],
    ['Vary', 'Var', false],
    ['a', 'b', false],
  ])('%s and %s: %p', (a, b, same) => {
    expect(sameName(a, b)).toBe(same);
  });
});
