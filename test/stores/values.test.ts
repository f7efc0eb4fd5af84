import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec, type Value } from '../../src/stores/codec.js';
import type { AppChanges, Encoded } from '../../src/stores/driver.js';
import { checkedLimits, Room } from '../../src/stores/limits.js';
import { type Update, Values } from '../../src/stores/values.js';

type Plain = Readonly<Record<string, Value>>;

function valuesWith(stored: Plain = {}): Values {
  return new Values(jsonCodec, new Room(checkedLimits()), encoded(stored));
}

function encoded(plain: Plain): Map<string, Encoded> {
  return new Map(Object.entries(plain).map(([key, value]) => [key, jsonCodec.encode(value)]));
}

/** As a store does. */
function set(values: Values, key: string, value: Value): void {
  values.set(key, jsonCodec.encode(value));
}

function seen(values: Values): Record<string, Value | undefined> {
  return Object.fromEntries(values.keys().map((key) => [key, values.get(key)]));
}

/** In JSON, with the keys, all of which are ASCII. */
function bytesOf(plain: Plain): number {
  return [...encoded(plain)].flat().join('').length;
}

/** What a driver makes of what is stored. */
function applied(stored: Plain, { empty, keys }: AppChanges): Record<string, Value> {
  const after = empty ? new Map<string, Encoded>() : encoded(stored);
  for (const [key, change] of keys) {
    const value =
      change.kind === 'update'
        ? change.apply(after.get(key))
        : change.kind === 'set'
          ? change.value
          : undefined;
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  }
  return Object.fromEntries([...after].map(([key, value]) => [key, jsonCodec.decode(value)]));
}

/** Something a request does, to its values and to a plain picture of them. */
type Deed =
  | { readonly kind: 'set'; readonly key: string; readonly value: Value }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'update'; readonly key: string; readonly update: Update };

function doOn(values: Values, deed: Deed): void {
  if (deed.kind === 'set') set(values, deed.key, deed.value);
  else if (deed.kind === 'delete') values.delete(deed.key);
  else if (deed.kind === 'empty') values.empty();
  else values.update(deed.key, deed.update);
}

function done(plain: Plain, deed: Deed): Plain {
  if (deed.kind === 'empty') return {};
  const { [deed.key]: before, ...others } = plain;
  const after = deed.kind === 'update' ? deed.update(before) : deed.kind === 'set' ? deed.value : undefined;
  return after === undefined ? others : { ...others, [deed.key]: after };
}

const updates: Record<string, Update> = {
  'one more': (value) => (typeof value === 'number' ? value + 1 : 1),
  twice: (value) => (typeof value === 'number' ? value * 2 : value),
  gone: () => undefined,
  'gone when odd': (value) => (typeof value === 'number' && value % 2 === 1 ? undefined : value),
  listed: (value) => (Array.isArray(value) ? [...(value as Value[]), 1].slice(-3) : [0]),
};

const key = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom<Value>(0, 1, 2, 'text', null, [1]);
const plain = fc.dictionary(key, value, { maxKeys: 3 }) as fc.Arbitrary<Plain>;
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('empty' as const) }) },
  {
    weight: 4,
    arbitrary: fc
      .record({ kind: fc.constant('update' as const), key, name: fc.constantFrom(...Object.keys(updates)) })
      .map(({ name, ...rest }) => ({ ...rest, name, update: updates[name] ?? (() => undefined) })),
  },
);
const deeds = fc.array(deed, { maxLength: 12 });

describe('Values', () => {
  it('show this request what it has done so far', () => {
    fc.assert(
      fc.property(plain, deeds, (stored, list) => {
        const values = valuesWith(stored);
        let expected = stored;

        for (const one of list) {
          doOn(values, one);
          expected = done(expected, one);
          expect(seen(values)).toEqual(expected);
          expect(values.bytes).toBe(bytesOf(expected));
          for (const name of ['a', 'b', 'c']) expect(values.has(name)).toBe(Object.hasOwn(expected, name));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('make of what is stored by then what the same deeds would, whatever others have written', () => {
    fc.assert(
      fc.property(plain, plain, deeds, (loaded, storedByThen, list) => {
        const values = valuesWith(loaded);
        for (const one of list) doOn(values, one);

        const after = applied(storedByThen, values.take().difference);

        expect(after).toEqual(list.reduce(done, storedByThen));
      }),
      { numRuns: 3000 },
    );
  });

  it('lose nothing when commits fail: what was given back is committed with what came since', () => {
    fc.assert(
      fc.property(plain, plain, fc.array(deeds, { maxLength: 4 }), (loaded, storedByThen, rounds) => {
        const values = valuesWith(loaded);
        let expected = loaded;

        for (const list of rounds) {
          const half = Math.floor(list.length / 2);
          for (const one of list.slice(0, half)) doOn(values, one);
          const { giveBack } = values.take();
          expect(values.bytes).toBeGreaterThanOrEqual(0); // from here on it is kept
          for (const one of list.slice(half)) doOn(values, one);
          giveBack();
          expected = list.reduce(done, expected);
          expect(seen(values)).toEqual(expected);
          expect(values.bytes).toBe(bytesOf(expected));
        }

        expect(applied(storedByThen, values.take().difference)).toEqual(
          rounds.flat().reduce(done, storedByThen),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('go back to what is stored when they are rolled back, also after a commit that failed', () => {
    fc.assert(
      fc.property(plain, deeds, deeds, deeds, (stored, first, second, third) => {
        const values = valuesWith(stored);
        for (const one of first) doOn(values, one);
        const { giveBack } = values.take();
        for (const one of second) doOn(values, one);
        giveBack();

        values.rollback();
        expect(seen(values)).toEqual(stored);
        expect(values.bytes).toBe(bytesOf(stored));
        expect(values.changed).toBe(false);

        for (const one of third) doOn(values, one);
        expect(seen(values)).toEqual(third.reduce(done, stored));
        expect(applied(stored, values.take().difference)).toEqual(third.reduce(done, stored));
      }),
      { numRuns: 2000 },
    );
  });

  it('go back to what was committed when what came since is rolled back', () => {
    fc.assert(
      fc.property(plain, deeds, deeds, (stored, first, second) => {
        const values = valuesWith(stored);
        for (const one of first) doOn(values, one);
        values.take();
        for (const one of second) doOn(values, one);

        values.rollback();

        expect(seen(values)).toEqual(first.reduce(done, stored));
      }),
      { numRuns: 1000 },
    );
  });

  it('keep what was committed when nobody looked at it before the next commit failed', () => {
    fc.assert(
      fc.property(plain, deeds, deeds, deeds, (stored, first, second, third) => {
        const values = valuesWith(stored);
        for (const one of first) doOn(values, one);
        values.take();
        for (const one of second) doOn(values, one);
        const { giveBack } = values.take();
        giveBack();
        for (const one of third) doOn(values, one);

        const committed = first.reduce(done, stored);
        expect(seen(values)).toEqual([...second, ...third].reduce(done, committed));
        expect(applied(committed, values.take().difference)).toEqual(
          [...second, ...third].reduce(done, committed),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('list the keys in the order they were stored, new ones last', () => {
    const values = valuesWith({ b: 1, a: 2, c: 3 });

    set(values, 'z', 1);
    set(values, 'a', 5);
    values.delete('b');
    set(values, 'y', 1);

    expect(values.keys()).toEqual(['a', 'c', 'z', 'y']);
  });

  it('are changed by a deed and no more when the difference was taken', () => {
    const values = valuesWith({ a: 1 });
    expect(values.changed).toBe(false);

    set(values, 'a', 1);
    expect(values.changed).toBe(true);
    values.take();
    expect(values.changed).toBe(false);

    values.empty();
    expect(values.changed).toBe(true);
  });

  it('run the update of a request on what is stored, as often as need be', () => {
    const values = valuesWith({ visits: 5 });
    values.update('visits', (visits) => Number(visits) + 1);
    values.update('visits', (visits) => Number(visits) * 10);

    const { difference } = values.take();

    expect(values.get('visits')).toBe(60);
    expect(applied({ visits: 7 }, difference)).toEqual({ visits: 80 });
    expect(applied({ visits: 9 }, difference)).toEqual({ visits: 100 });
  });

  it('change nothing when an update throws, or answers what cannot be kept', () => {
    const values = valuesWith({ a: 1 });
    const fail = () => {
      throw new Error('no');
    };

    expect(() => values.update('a', fail)).toThrow('no');
    expect(() => values.update('a', () => /x/ as never)).toThrow('RegExp');
    expect(() => {
      set(values, 'b', NaN);
    }).toThrow('NaN');

    expect(values.changed).toBe(false);
    expect(seen(values)).toEqual({ a: 1 });
  });

  it('decode a value once for all that read it, and again when it was changed', () => {
    let decoded = 0;
    const counting = { ...jsonCodec, decode: (text: string) => ((decoded += 1), jsonCodec.decode(text)) };
    const values = new Values(counting, new Room(checkedLimits()), encoded({ list: [1] }));

    expect(values.get('list')).toBe(values.get('list'));
    expect(decoded).toBe(1);

    set(values, 'list', [2]);
    expect(values.get('list')).toEqual([2]);
  });

  it.each([
    ['a piece of JSON', '{'],
    ['a mark and nothing behind it', '~'],
    ['an invalid Date', '~[["Date",""]]'],
    ['a huge list of holes', '~[[-7,1000000000]]'],
    ['100000 levels', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['100000 rich levels', `~[${Array.from({ length: 100_000 }, (_, i) => `[${i + 1}]`).join()}]`],
  ])('say that %s is corrupt, and let it be set anew', (_, text) => {
    const values = new Values(jsonCodec, new Room(checkedLimits()), new Map([['card', text]]));
    const corrupt = expect.objectContaining({ code: 'CORRUPT_VALUE' });

    expect(() => values.get('card')).toThrow(corrupt);
    expect(() => values.update('card', (card) => card)).toThrow(corrupt);
    set(values, 'card', 'anew');
    expect(values.get('card')).toBe('anew');
  });

  it('give each reader a rich value of its own, so that nobody sees what another does to it', () => {
    const stored = { cart: { since: new Date(0) } };
    const values = valuesWith(stored);
    const since = () => (values.get('cart') as { since: Date }).since;

    since().setFullYear(2000);
    expect(since()).toEqual(new Date(0));
    values.update('cart', (cart) => cart);

    expect(since()).toEqual(new Date(0));
    expect(applied(stored, values.take().difference)).toEqual(stored);
  });

  describe('a change that is committed alone', () => {
    it('does not take the others with it, and is seen once it is done', () => {
      const values = valuesWith({ a: 1 });
      set(values, 'b', 2);

      const { change, done: whenDone } = values.alone('a', () => 77);
      expect(applied({ a: 5 }, { empty: false, keys: new Map([['a', change]]) })).toEqual({ a: 77 });
      expect(values.get('a')).toBe(1);
      expect(values.bytes).toBe(4);
      whenDone();

      expect(seen(values)).toEqual({ a: 77, b: 2 });
      expect(values.bytes).toBe(5);
      expect([...values.take().difference.keys.keys()]).toEqual(['b']);
    });

    it('stands beside what was committed with the others just before', () => {
      const values = valuesWith({ a: 1, c: 3 });
      set(values, 'b', 2);
      values.delete('c');
      values.take();

      const { change, done: whenDone } = values.alone('a', () => 77);
      applied({}, { empty: false, keys: new Map([['a', change]]) });
      whenDone();

      expect(seen(values)).toEqual({ a: 77, b: 2 });
    });

    it('is not seen where this request has changed the key itself', () => {
      const values = valuesWith({ a: 1 });
      set(values, 'a', 2);

      const { change, done: whenDone } = values.alone('a', () => undefined);
      applied({ a: 1 }, { empty: false, keys: new Map([['a', change]]) });
      whenDone();

      expect(values.get('a')).toBe(2);
      values.rollback();
      expect(values.has('a')).toBe(false);
    });
  });
});
