import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec, type Value } from '../../src/stores/codec.js';
import { SessionError } from '../../src/stores/errors.js';
import { naughtyStrings } from '../support/naughty-strings.js';

class Point {
  x = 1;
}

class Register extends Map<string, number> {}
class Birthday extends Date {}
class Octets extends Uint8Array {}

const nothingButThis = Object.create(bare()) as object;
const hostile = JSON.parse('{"__proto__":{"admin":true}}') as object;

function encodeAnything(value: unknown): string {
  return jsonCodec.encode(value as Value);
}

function roundTrip(value: unknown): Value {
  return jsonCodec.decode(encodeAnything(value));
}

function bare(): object {
  return Object.create(null) as object;
}

function attempt(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Anything that can be kept. Of JSON's own values the other tests take more. */
const anyPart = fc.letrec<{ part: unknown; object: unknown }>((tie) => ({
  part: fc.oneof(
    { withCrossShrink: true, maxDepth: 4 },
    fc.oneof(
      fc.constantFrom(undefined, null, true, false, '', '~'),
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.bigInt(),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array(),
    ),
    fc.array(tie('part'), { maxLength: 4 }),
    tie('object'),
    fc.array(tie('part'), { maxLength: 4 }).map((list) => new Set(list)),
    fc.array(fc.tuple(tie('part'), tie('part')), { maxLength: 4 }).map((list) => new Map(list)),
  ),
  object: fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    tie('part'),
    { maxKeys: 4, noNullPrototype: true },
  ),
})).part;
const richValue = anyPart.map((part) => ({ part, more: [1n] }));

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
    ['undefined', undefined, 'The value is undefined, which stands for an absent key: use delete().'],
    ['NaN', NaN, 'The value is NaN.'],
    ['an infinite number', -Infinity, 'The value is -Infinity.'],
    ['a function', () => 1, 'The value is a function.'],
    ['a symbol', Symbol('x'), 'The value is a symbol.'],
    ['an invalid Date', { born: new Date(NaN) }, 'part "born" is an invalid Date.'],
    ['a boxed string', Object('text'), 'The value is a String.'],
    ['a boxed bigint', Object(1n), 'The value is a BigInt.'],
    ['a regular expression', /x/, 'The value is a RegExp.'],
    ['a URL', { home: new URL('http://a.example/') }, 'part "home" is a URL.'],
    ['an error', new Error('no'), 'The value is a Error.'],
    ['floats', new Float64Array(1), 'The value is a Float64Array.'],
    ['a buffer without a view', new ArrayBuffer(1), 'The value is a ArrayBuffer.'],
    ['a promise', Promise.resolve(), 'The value is a Promise.'],
    ['an object of a class', new Point(), 'The value is a Point.'],
    ['an object of a class that extends Map', new Register(), 'The value is a Register.'],
    ['an object of a class that extends Date', [new Birthday(0)], 'part "[0]" is a Birthday.'],
    ['an object of a class that extends Uint8Array', new Octets(1), 'The value is a Octets.'],
    ['an object without a constructor', Object.create(nothingButThis), 'is a object of its own kind.'],
    ['a part of a list', [1, [NaN]], 'part "[1][0]" is NaN.'],
    ['a hole in a list', Object.assign([1], { 2: 3 }), 'part "[1]" is a hole in a list.'],
    ['a long list of nothing', new Array(2 ** 32 - 1), 'part "[0]" is a hole in a list.'],
    ['a hole in a rich value', [1n, Object.assign([1], { 2: 3 })], 'part "[1][1]" is a hole in a list.'],
    [
      'a part deep inside',
      { user: { friends: [{ born: /x/ }] } },
      'part "user.friends[0].born" is a RegExp.',
    ],
    ['an object with toJSON', { toJSON: () => 1 }, 'part "toJSON" is a function.'],
    ['a symbol as a key', { a: { [Symbol('x')]: 1 } }, 'part "a" is an object with a symbol as a key.'],
    ['a key in a Map', { m: new Map([[1, 2], [NaN, 3]]) }, 'part "m.keys()[1]" is NaN.'], // prettier-ignore
    ['a value in a Map', new Map([['a', { b: [/x/] }]]), 'part "values()[0].b[0]" is a RegExp.'],
    ['a member of a Set', [new Set([1, Infinity])], 'part "[0].values()[1]" is Infinity.'],
    ['a __proto__ key before a Date', { a: [hostile, new Date(0)] }, 'part "a[0].__proto__" is a key that'],
    ['a __proto__ key after a bigint', { a: [1n, hostile] }, 'part "a[1].__proto__" is a key that'],
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
    expect(roundTrip({ bare: Object.assign(bare(), { a: 1 }) })).toEqual({ bare: { a: 1 } });
  });

  it('takes __proto__ for a key like others', () => {
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

  it('gives back rich values as they were', () => {
    fc.assert(
      fc.property(richValue, (value) => {
        const text = encodeAnything(value);
        const back = jsonCodec.decode(text);
        expect(isDeepStrictEqual(back, value)).toBe(true);
        expect(encodeAnything(back)).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[string, unknown, string]>([
    ['a Date', new Date(0), '~[["Date","1970-01-01T00:00:00.000Z"]]'],
    ['a Map', new Map([['a', 1]]), '~[["Map",1,2],"a",1]'],
    ['a Set', new Set(['a']), '~[["Set",1],"a"]'],
    ['a bigint', -(2n ** 64n), '~[["BigInt","-18446744073709551616"]]'],
    ['bytes', Uint8Array.of(1, 2), '~[["Uint8Array",1],["ArrayBuffer","AQI="]]'],
    ['undefined inside', { a: undefined, b: [undefined] }, '~[{"a":-1,"b":1},[-1]]'],
    ['an object without a prototype', Object.assign(bare(), { a: 1n }), '~[{"a":1},["BigInt","1"]]'],
    ['minus zero beside a bigint', [-0, 1n], '~[[1,2],0,["BigInt","1"]]'],
  ])('writes %s in the same form for ever', (_, value, text) => {
    expect(encodeAnything(value)).toBe(text);
  });

  it.each([{ a: [1, null, 'x', true] }, '~', '~[1]', -0, '2020-01-01T00:00:00.000Z'])(
    'writes %j as JSON does',
    (value) => {
      expect(encodeAnything(value)).toBe(JSON.stringify(value));
    },
  );

  it('gives back a Buffer as the bytes it shows, and nothing of the memory around them', () => {
    const pool = Uint8Array.from('a secret, and the part that is kept', (char) => char.charCodeAt(0));
    const text = encodeAnything([Buffer.from('part'), pool.subarray(14, 18)]);

    const [buffer, view] = jsonCodec.decode(text) as unknown as [Uint8Array, Uint8Array];

    expect(Buffer.isBuffer(buffer)).toBe(false);
    expect([...buffer]).toEqual([...Buffer.from('part')]);
    expect([...view]).toEqual([...Buffer.from('the ')]);
    expect(text).not.toContain(Buffer.from('secret').toString('base64').slice(0, 6));
    expect(view.buffer.byteLength).toBe(4);
  });

  it('gives rich values back as copies that share nothing', () => {
    const day = new Date(0);
    const text = encodeAnything({ first: day, again: day });

    const one = jsonCodec.decode(text) as { first: Date; again: Date };
    one.first.setFullYear(2000);

    expect(one.again).toEqual(new Date(0));
    expect(jsonCodec.decode(text)).toEqual({ first: new Date(0), again: new Date(0) });
  });

  it('keeps Dates, Maps, Sets and bytes of another realm', () => {
    const made = 'new Map([[new Set([1n]), [new Date(0), Uint8Array.of(7), { a: undefined }]]])';
    const foreign = runInNewContext(made) as unknown;

    const expected = new Map([[new Set([1n]), [new Date(0), Uint8Array.of(7), { a: undefined }]]]);
    expect(isDeepStrictEqual(roundTrip(foreign), expected)).toBe(true);
  });

  it('refuses a cycle through a Map, and rich values that are nested too deeply', () => {
    const map = new Map<string, unknown>();
    map.set('inside', [map]);
    let deep: unknown = 1n;
    for (let i = 0; i < 501; i += 1) deep = new Set([deep]);

    expect(() => encodeAnything(map)).toThrow('part "values()[0][0]" is a cycle');
    expect(() => encodeAnything(deep)).toThrow('The value is more than 500 levels deep.');
  });

  it('gives back 500 levels of a rich value', () => {
    let deep: unknown = 1n;
    for (let i = 0; i < 500; i += 1) deep = [deep];

    expect(encodeAnything(roundTrip(deep))).toBe(encodeAnything(deep));
  });

  it('decodes damaged text to a value that it would take, or not at all', () => {
    fc.assert(
      fc.property(richValue, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = Buffer.from(encodeAnything(value));
        bytes[at % bytes.length] = byte;
        const damaged = bytes.toString('latin1');
        const back = attempt(() => jsonCodec.decode(damaged));
        if (back !== undefined) expect(typeof encodeAnything(back)).toBe('string');
      }),
      { numRuns: 3000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  const levels = Array.from({ length: 40 }, (_, i) => `[${i + 1},${i + 1}]`).join(',');
  const deep = Array.from({ length: 200_000 }, (_, i) => `[${i + 1}]`).join(',');

  it.each<[string, string]>([
    ['nothing', ''],
    ['no list', '{}'],
    ['undefined', '-1'],
    ['NaN', '-3'],
    ['what needs no richer text', '[1]'],
    ['a huge list of holes', '[[-7,1000000000]]'],
    ['a list of few holes', '[[-2,1],["BigInt","1"]]'],
    ['a list in the form of one with holes', '[[-7,1,0,1],["BigInt","1"]]'],
    ['NaN inside', '[[-3,-1]]'],
    ['an endless number', '[[-4,-1]]'],
    ['an invalid Date', '[["Date",""]]'],
    ['a Date in another form', '[["Date","2020"]]'],
    ['a Date of a number', '[["Date",0]]'],
    ['a bigint of nothing', '[["BigInt",""]]'],
    ['a bigint in another form', '[["BigInt","0x10"]]'],
    ['a bigint of a truth', '[["BigInt",true]]'],
    ['a regular expression', '[["RegExp","(a+)+$"]]'],
    ['a URL', '[["URL","http://a.example/"]]'],
    ['a moment of another kind', '[["Temporal.Instant","1970-01-01T00:00:00Z"]]'],
    ['a boxed number', '[["Object",1],1]'],
    ['an object without a prototype', '[["null","a",1],["BigInt","1"]]'],
    ['floats', '[["Float64Array",1],["ArrayBuffer","AAAAAAAAAAA="]]'],
    ['a part of bytes', '[["Uint8Array",1,1,1],["ArrayBuffer","AQI="]]'],
    ['bytes without a view', '[["ArrayBuffer","AQI="]]'],
    ['bytes with a foreign character', '[["Uint8Array",1],["ArrayBuffer","A*I="]]'],
    ['bytes of a length', '[["Uint8Array",1],1000000000]'],
    ['two views of the same bytes', '[[1,2],["Uint8Array",3],["Uint8Array",3],["ArrayBuffer","AQI="]]'],
    ['an unknown type', '[["Point",1],1]'],
    ['a key without a value', '[["Map",1],1]'],
    ['a cycle', '[{"a":0,"b":-1}]'],
    ['a cycle through a Set', '[["Set",0]]'],
    ['an object in two places', '[[1,1],["Date","1970-01-01T00:00:00.000Z"]]'],
    ['a prototype', '[{"__proto__":1,"b":-1},{"admin":2},true]'],
    ['a place far outside', '[[99999999999]]'],
    ['40 levels that double', `[${levels},["BigInt","1"]]`],
    ['200000 levels', `[${deep},["BigInt","1"]]`],
  ])('does not decode %s in the richer text', (_, text) => {
    expect(() => jsonCodec.decode(`~${text}`)).toThrow();
    expect({}).not.toHaveProperty('admin');
  });

  it.each(['', 'undefined', '{', "{'a':1}", '[1,]', 'NaN'])('does not decode %j', (text) => {
    expect(() => jsonCodec.decode(text)).toThrow(SyntaxError);
  });
});
