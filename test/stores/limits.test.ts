import { describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../src/stores/codec.js';
import { checkedLimits, type Limits, Room } from '../../src/stores/limits.js';
import { Values } from '../../src/stores/values.js';
import { type Site, site as anySite, type TroubledDriver } from '../support/visits.js';

const KIB = 1024;

function site(limits: Limits): Site<TroubledDriver> {
  return anySite({ limits: checkedLimits(limits) });
}

/** A text that takes so many bytes with its quotes and the key 'a'. */
function textFor(bytes: number): string {
  return 'x'.repeat(bytes - 3);
}

function thrownBy(deed: () => unknown): unknown {
  try {
    deed();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the limits of a session', () => {
  it('are 64 KiB a value, 256 KiB an application, 1 MiB a session and 1 KiB a key when nothing is said', () => {
    const defaults = { key: KIB, value: 64 * KIB, app: 256 * KIB, session: 1024 * KIB };

    expect(checkedLimits()).toEqual(defaults);
    expect(checkedLimits({ app: 5, session: Infinity })).toEqual({ ...defaults, app: 5, session: Infinity });
  });

  it.each<[string, unknown, string]>([
    ['nothing', { value: 0 }, 'limits.value is 0.'],
    ['less than nothing', { app: -1 }, 'limits.app is -1.'],
    ['NaN', { session: NaN }, 'limits.session is NaN.'],
    ['half a byte', { key: 1.5 }, 'limits.key is 1.5.'],
    ['text', { value: '64k' }, 'limits.value is 64k.'],
    ['null', { value: null }, 'limits.value is null.'],
    ['another name', { values: 5 }, 'limits has no "values".'],
    ['a name of every object', { constructor: 5 }, 'limits has no "constructor".'],
    ['no object', 5, 'limits is no object.'],
    ['null in their place', null, 'limits is no object.'],
  ])('cannot be %s', (_, limits, sentence) => {
    const error = thrownBy(() => checkedLimits(limits as Limits));

    expect(error).toMatchObject({ code: 'BAD_LIMITS' });
    expect((error as Error).message).toContain(sentence);
  });

  it.each<[keyof Limits, Limits, string, string]>([
    ['value', { value: 10 }, textFor(10), textFor(11)],
    ['app', { app: 30 }, textFor(30 - 3), textFor(31 - 3)],
    ['session', { session: 30 }, textFor(30 - 9), textFor(31 - 9)],
  ])('are reached to the last byte: %s', async (_, limits, fits, over) => {
    const shop = site(limits);
    const { visit, manager, store } = shop.visit();
    store.set('b', 7); // 2 bytes
    store.set('c', 'gone');
    store.delete('c');
    store.set('', 7); // 1 byte
    manager.store('forum').set('é', 'é'); // 6 bytes
    await visit.finish(true);

    const { store: later } = shop.visit(manager.sessionID);

    expect(thrownBy(() => later.set('a', over))).toMatchObject({ code: 'TOO_LARGE', status: 413 });
    later.set('a', fits);
    expect(later.get('a')).toBe(fits);
  });

  it('count a key in bytes too, and say the beginning of one that is too long', () => {
    const { store } = site({ key: 300 }).visit();

    store.set('é'.repeat(150), 1);

    expect(thrownBy(() => store.set('é'.repeat(151), 1))).toMatchObject({
      code: 'TOO_LARGE',
      message: `The key "${'é'.repeat(100)}… (51 characters more)" has 302 bytes, and a key may have at most 300. Use a shorter one, or give session() a larger limits.key.`,
    });
  });

  it.each<[string, Limits, string]>([
    [
      'value',
      { value: 20 },
      'The key "cart" and its value have 30 bytes, and may have at most 20. Keep large things elsewhere and their names in the session, or give session() a larger limits.value.',
    ],
    [
      'app',
      { app: 34 },
      'With the key "cart" and its value (30 bytes) this application would keep 36 bytes in the session, and may keep at most 34.',
    ],
    [
      'session',
      { session: 36 },
      'With the key "cart" and its value (30 bytes) all applications would keep 43 bytes in the session, and may keep at most 36.',
    ],
  ])('say the key, its size, the limit and what to do, but not the value: %s', (_, limits, sentence) => {
    const { store, manager } = site(limits).visit();
    store.set('name', 17);
    manager.store('forum').set('name', 170);

    const { message } = thrownBy(() => store.set('cart', 'secret'.repeat(4))) as Error;

    expect(message).toContain(sentence);
    expect(message).not.toContain('secret');
  });

  it('throw at once whatever makes a value larger, and leave the view and the difference as they were', async () => {
    const shop = site({ value: 10 });
    const id = await shop.made({ text: 'abc', n: 99_999_999 });
    const { store, visit } = shop.visit(id);
    const tooLarge = expect.objectContaining({ code: 'TOO_LARGE' });
    store.set('b', 1);

    expect(() => store.set('text', 'abcdefg')).toThrow(tooLarge);
    expect(() => store.update('text', (text) => `${text as string}defg`)).toThrow(tooLarge);
    expect(() => store.increment('n', 9e9)).toThrow(tooLarge);
    await expect(store.compareAndSet('text', 'abc', 'abcdefg')).rejects.toEqual(tooLarge);
    expect(store.items()).toEqual([
      ['text', 'abc'],
      ['n', 99_999_999],
      ['b', 1],
    ]);
    await visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { text: '"abc"', n: '99999999', b: '1' } });
  });

  it('make no session for a value that is refused', async () => {
    const { store, visit } = site({ value: 10 }).visit();

    expect(() => store.set('a', textFor(11))).toThrow();
    expect(() => store.update('a', () => textFor(11))).toThrow();
    await expect(store.compareAndSet('a', undefined, textFor(11))).rejects.toThrow();

    expect(visit.cookies.waiting).toEqual([]);
    expect(visit.finish(true)).toBeUndefined();
  });

  it('are not counted again when an update meets another value at the commit', async () => {
    const shop = site({ value: 10 });
    const id = await shop.made({ a: 'x' });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    one.store.update('a', (text) => `${text as string}yyyy`);
    other.store.set('a', 'xxxx');
    await other.visit.finish(true);

    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { a: '"xxxxyyyy"' } });
  });

  it('let what is over them already shrink, stay and go', () => {
    const stored = new Map(['a', 'b'].map((key) => [key, jsonCodec.encode(textFor(100))]));
    const room = new Room(checkedLimits({ value: 20, app: 30, session: 30 }));
    const strict = new Values(jsonCodec, room, stored);

    const set = (text: string) => {
      strict.set('a', jsonCodec.encode(text));
    };

    set(textFor(100).replace('x', 'y'));
    set(textFor(50));
    expect(() => {
      set(textFor(51));
    }).toThrow();
    strict.delete('b');

    expect(strict.bytes).toBe(50);
  });

  it('count what other applications keep, read or not, and what they have changed', async () => {
    const shop = site({ session: 40 });
    const { visit, manager } = shop.visit();
    manager.store('read').set('a', textFor(10));
    manager.store('unread').set('a', textFor(10));
    await visit.finish(true);
    const { store, manager: later } = shop.visit(manager.sessionID);

    later.store('read').get('a');
    expect(() => store.set('a', textFor(21))).toThrow();
    store.set('a', textFor(20));
    expect(() => later.store('new').set('a', 1)).toThrow();
    later.store('unread').empty();

    later.store('new').set('a', textFor(10));
  });
});
