import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec, type Value } from '../../src/stores/codec.js';
import { SessionError } from '../../src/stores/errors.js';
import { naughtyStrings } from '../support/naughty-strings.js';

class Point {
  x = 1;
}

function encodeAnything(value: unknown): string {
  return jsonCodec.encode(value as Value);
}

function roundTrip(value: unknown): Value {
  return jsonCodec.decode(encodeAnything(value));
}

describe('jsonCodec', () => {
  it('gives back every JSON value as it was', () => {
    const anyValue = fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 });

    fc.assert(
      fc.property(anyValue, (value) => {
        const back = roundTrip(value);
        expect(back).toEqual(JSON.parse(JSON.stringify(value)));
        expect(encodeAnything(back)).toBe(encodeAnything(value));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back awkward strings, as values and as keys', () => {
    const awkward = ['', ' ', '\0', '\ud800', 'a\udfffb', '\u2028', '👩‍👩‍👧', '__proto__', ...naughtyStrings];

    for (const text of awkward) {
      expect(roundTrip(text)).toBe(text);
      expect(Object.entries(roundTrip(Object.fromEntries([[text, [text]]])) as object)).toEqual([
        [text, [text]],
      ]);
    }
  });

  it('gives back minus zero as zero', () => {
    expect(roundTrip(-0)).toBe(0);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'The value is undefined.'],
    ['NaN', NaN, 'The value is NaN.'],
    ['an infinite number', -Infinity, 'The value is -Infinity.'],
    ['a function', () => 1, 'The value is a function.'],
    ['a symbol', Symbol('x'), 'The value is a symbol.'],
    ['a bigint', 10n, 'The value is a bigint.'],
    ['a Date', new Date(0), 'The value is a Date.'],
    ['a Map', new Map(), 'The value is a Map.'],
    ['a boxed string', Object('text'), 'The value is a String.'],
    ['bytes', new Uint8Array(1), 'The value is a Uint8Array.'],
    ['a promise', Promise.resolve(), 'The value is a Promise.'],
    ['an object of a class', new Point(), 'The value is a Point.'],
    ['a missing property', { a: undefined }, 'part "a" is undefined.'],
    ['a part of a list', [1, [NaN]], 'part "[1][0]" is NaN.'],
    ['a hole in a list', Object.assign([1], { 2: 3 }), 'part "[1]" is undefined.'],
    [
      'a part deep inside',
      { user: { friends: [{ born: new Date(0) }] } },
      'part "user.friends[0].born" is a Date.',
    ],
    ['an object with toJSON', { toJSON: () => 1 }, 'part "toJSON" is a function.'],
  ])('refuses %s and says where it is', (_, value, sentence) => {
    const encode = () => encodeAnything(value);

    expect(encode).toThrow(SessionError);
    expect(encode).toThrow(expect.objectContaining({ code: 'NOT_STORABLE' }));
    expect(encode).toThrow(sentence);
  });

  it('refuses an object that holds itself, however far inside', () => {
    const around: Record<string, unknown> = { name: 'x' };
    around['inside'] = [{ around }];

    expect(() => encodeAnything(around)).toThrow('part "inside[0].around" is a cycle');
  });

  it('keeps an object that stands in two places', () => {
    const shared = { a: [1] };

    expect(roundTrip([shared, { shared }, shared])).toEqual([{ a: [1] }, { shared: { a: [1] } }, { a: [1] }]);
  });

  it('refuses a value that is nested too deeply, and does not take the process with it', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i += 1) deep = [deep];

    expect(() => encodeAnything(deep)).toThrow('The value is more than 500 levels deep.');
  });

  it.each(['{"a":[1,{"b":null}]}', '[true,"x"]'])('keeps objects of another realm: %s', (text) => {
    const foreign = runInNewContext(`(${text})`) as unknown;

    expect(encodeAnything(foreign)).toBe(text);
  });

  it('keeps objects without a prototype', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });

    expect(roundTrip({ bare })).toEqual({ bare: { a: 1 } });
  });

  it('takes __proto__ for a key like others', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}') as object;

    const back = roundTrip(hostile) as object;

    expect(Object.keys(back)).toEqual(['__proto__']);
    expect(back).not.toHaveProperty('admin');
    expect({}).not.toHaveProperty('admin');
  });

  it('gives back what cannot be changed in place', () => {
    const back = roundTrip({ list: [{ a: 1 }], text: 'x' }) as { list: { a: number }[] };

    expect(() => back.list.push({ a: 2 })).toThrow(TypeError);
    expect(() => (back.list[0] as { a: number }).a++).toThrow(TypeError);
    expect(() => Object.assign(back, { more: 1 })).toThrow(TypeError);
  });

  it('leaves what it was given as it is', () => {
    const given = { list: [1] };

    const text = encodeAnything(given);
    given.list.push(2);

    expect(jsonCodec.decode(text)).toEqual({ list: [1] });
  });

  it.each(['', 'undefined', '{', "{'a':1}", '[1,]', 'NaN'])('does not decode %j', (text) => {
    expect(() => jsonCodec.decode(text)).toThrow(SyntaxError);
  });
});
