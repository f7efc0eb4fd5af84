import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Value } from '../../src/stores/codec.js';
import type { Driver } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import type { Store } from '../../src/stores/store.js';
import { naughtyStrings } from '../support/naughty-strings.js';
import { temporaryFolder } from '../support/processes.js';
import { type Site, site, siteOn } from '../support/visits.js';

describe('Store', () => {
  it('is a map of this application’s values', async () => {
    const shop = site();
    const { store } = shop.visit(await shop.made({ cart: ['tea'], total: 3 }));

    expect(store.app).toBe('shop');
    expect(store.size).toBe(2);
    expect(store.keys()).toEqual(['cart', 'total']);
    expect(store.values()).toEqual([['tea'], 3]);
    expect(store.items()).toEqual([
      ['cart', ['tea']],
      ['total', 3],
    ]);
    expect([...store]).toEqual(store.items());
    expect([store.get('total'), store.has('total')]).toEqual([3, true]);
    expect([store.get('none'), store.has('none')]).toEqual([undefined, false]);
  });

  it('is empty without a session, and makes none by being read', () => {
    const shop = site();
    const { store, visit } = shop.visit();

    expect([store.size, store.keys(), store.values(), store.items(), [...store]]).toEqual([
      0,
      [],
      [],
      [],
      [],
    ]);
    expect([store.get('a'), store.has('a'), store.delete('a')]).toEqual([undefined, false, false]);
    store.empty();

    expect(visit.finish(true)).toBeUndefined();
  });

  it('keeps a copy: later changes of what was set are not taken over', () => {
    const { store } = site().visit();
    const list = ['tea'];

    store.set('cart', list);
    list.push('coffee');

    expect(store.get('cart')).toEqual(['tea']);
    expect(() => (store.get('cart') as string[]).push('milk')).toThrow(TypeError);
  });

  it('is one for each application, and they do not see each other', async () => {
    const shop = site();
    const { visit, manager, store } = shop.visit();
    store.set('name', 'shop');

    expect(manager.store('forum').get('name')).toBeUndefined();
    manager.store('forum').set('name', 'forum');
    manager.store('shop').set('cart', 'tea');
    await visit.finish(true);

    expect(manager.store('shop')).toBe(manager.store('shop'));
    expect(await shop.stored(manager.sessionID)).toEqual({
      shop: { name: '"shop"', cart: '"tea"' },
      forum: { name: '"forum"' },
    });
  });

  it('forgets its values and no others when it is emptied', async () => {
    const shop = site();
    const id = await shop.made({ a: 1, b: 2 });
    const before = shop.visit(id);
    before.manager.store('forum').set('name', 'Anna');
    await before.visit.finish(true);

    const { visit, store } = shop.visit(id);
    store.empty();
    store.set('c', 3);
    await visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { c: '3' }, forum: { name: '"Anna"' } });
  });

  it('answers what an update makes of the value as this request sees it', async () => {
    const shop = site();
    const { store } = shop.visit(await shop.made({ list: [1] }));

    expect(store.update('list', (list) => [...(list as number[]), 2])).toEqual([1, 2]);
    expect(store.update('list', (list) => [...(list as number[]), 3])).toEqual([1, 2, 3]);
    expect(store.update('new', (value) => value ?? 'first')).toBe('first');
    expect(store.update('list', () => undefined)).toBeUndefined();
    expect(store.has('list')).toBe(false);
  });

  it('increments from 0, by 1 or by what is asked', () => {
    const { store } = site().visit();

    expect([store.increment('n'), store.increment('n', 5), store.increment('n', -0.5)]).toEqual([1, 6, 5.5]);
  });

  it.each<[Value]>([['text'], [null], [[1]], [true]])('does not increment %j', (value) => {
    const { store } = site().visit();
    store.set('n', value);

    expect(() => store.increment('n')).toThrow(expect.objectContaining({ code: 'NOT_A_NUMBER' }));
    expect(store.get('n')).toEqual(value);
  });

  it('fails the commit of an increment that meets no number by then, and loses nothing', async () => {
    const shop = site();
    const id = await shop.made({ n: 1 });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    one.store.increment('n');
    other.store.set('n', 'text');
    await other.visit.finish(true);

    await expect(one.visit.finish(true)).rejects.toMatchObject({ code: 'NOT_A_NUMBER' });

    expect(await shop.stored(id)).toEqual({ shop: { n: '"text"' } });
  });

  it.each([NaN, Infinity])('does not increment by %p', (by) => {
    const { store, visit } = site().visit();

    expect(() => store.increment('n', by)).toThrow(expect.objectContaining({ code: 'NOT_STORABLE' }));

    expect(store.has('n')).toBe(false);
    expect(visit.cookies.waiting).toEqual([]); // no session was made for nothing
  });

  it('refuses a value that cannot be kept, and keeps the one before', async () => {
    const shop = site();
    const { store } = shop.visit(await shop.made({ a: 1 }));

    expect(() => {
      store.set('a', { pattern: /x/ } as unknown as Value);
    }).toThrow('The value\'s part "pattern" is a RegExp');
    expect(store.get('a')).toBe(1);
  });

  it.each([
    ['half a character', 'a\ud800'],
    ['the other half', '\udfffb'],
    ['a number', 7 as unknown as string],
    ['nothing', undefined as unknown as string],
  ])('refuses %s as a key', async (_, key) => {
    const { store } = site().visit();
    const badKey = expect.objectContaining({ code: 'BAD_KEY' });

    expect(() => {
      store.set(key, 1);
    }).toThrow(badKey);
    expect(() => store.update(key, () => 1)).toThrow(badKey);
    expect(() => store.increment(key)).toThrow(badKey);
    await expect(store.compareAndSet(key, undefined, 1)).rejects.toEqual(badKey);
    expect([store.get(key), store.has(key), store.delete(key)]).toEqual([undefined, false, false]);
  });

  it.each(['', ' ', 'a b', 'a/b', 'ä', 'a\n', 'a\0', 'x'.repeat(256), 5 as unknown as string])(
    'refuses %j as the name of an application',
    (app) => {
      expect(() => site().visit().manager.store(app)).toThrow(expect.objectContaining({ code: 'BAD_APP' }));
    },
  );

  it.each(['a', 'A', '0', 'a.b', '-', '_', '__proto__', 'constructor', 'x'.repeat(255)])(
    'takes %s for a name like others',
    async (app) => {
      const shop = site();
      const { visit, manager } = shop.visit();

      manager.store(app).set('a', 1);
      await visit.finish(true);

      expect(shop.visit(manager.sessionID).manager.store(app).get('a')).toBe(1);
    },
  );
});

describe('a store with defaults', () => {
  interface Cart {
    items: readonly string[];
    count: number;
    since: Date;
    coupon?: string;
  }
  const defaults: Cart = { items: ['gift'], count: 10, since: new Date(0) };

  it('answers the default for an absent key, and tells of no value that is not there', () => {
    const { visit, manager } = site().visit();
    const shop = manager.store<Cart>('shop', defaults);

    expect([shop.get('items'), shop.get('count'), shop.get('since')]).toEqual([['gift'], 10, new Date(0)]);
    expect(shop.get('coupon')).toBeUndefined();
    expect([shop.has('count'), shop.delete('count'), shop.size]).toEqual([false, false, 0]);
    expect([shop.keys(), shop.values(), shop.items(), [...shop]]).toEqual([[], [], [], []]);
    expect(visit.finish(true)).toBeUndefined();
  });

  it('answers what is stored where there is something, null too', async () => {
    const shop = site();
    const { manager } = shop.visit(await shop.made({ count: 1, note: null }));
    const store = manager.store<{ count: number; note: string | null }>('shop', { count: 10, note: 'none' });

    expect([store.get('count'), store.get('note')]).toEqual([1, null]);
    expect(store.items()).toEqual([
      ['count', 1],
      ['note', null],
    ]);
  });

  it('lets update and increment start from the default, at the commit too', async () => {
    const shop = site();
    const id = await shop.made({ count: 1, items: ['tea'] });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    const store = one.manager.store<Cart>('shop', defaults);

    expect(store.increment('count')).toBe(2);
    expect(store.update('items', (items) => [...items, 'milk'])).toEqual(['tea', 'milk']);
    other.store.empty();
    await other.visit.finish(true);
    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { count: '11', items: '["gift","milk"]' } });
  });

  it('answers the default after an update to nothing, which makes no session', () => {
    const { visit, manager } = site().visit();
    const shop = manager.store<Cart>('shop', defaults);

    expect(shop.update('count', () => undefined)).toBe(10);
    expect(visit.cookies.waiting).toEqual([]);
    shop.set('count', 1);

    expect(shop.update('count', () => undefined)).toBe(10);
    expect(shop.has('count')).toBe(false);
  });

  it('takes the default for an absent key’s value in compareAndSet, and undefined too', async () => {
    const { manager, store: plain } = site().visit();
    const shop = manager.store<Cart>('shop', defaults);

    expect(await shop.compareAndSet('count', 9, 11)).toBe(false);
    expect(await plain.compareAndSet('count', 10, 11)).toBe(false);
    expect(manager.outcome).toBe('unchanged');
    expect(await shop.compareAndSet('count', shop.get('count'), 11)).toBe(true);
    expect(await shop.compareAndSet('count', 10, 12)).toBe(false);
    expect(await shop.compareAndSet('since', undefined, new Date(1))).toBe(true);
    expect(shop.items()).toEqual([
      ['count', 11],
      ['since', new Date(1)],
    ]);
  });

  it('hands out copies of its defaults, so that nobody changes what the next request starts from', () => {
    const { manager } = site().visit();
    const shop = manager.store<Cart>('shop', defaults);

    expect(() => (shop.get('items') as string[]).push('more')).toThrow(TypeError);
    shop.get('since').setFullYear(2000);
    shop.update('since', (since) => (since.setFullYear(2001), undefined));

    expect(defaults).toEqual({ items: ['gift'], count: 10, since: new Date(0) });
    expect(shop.get('since')).toEqual(new Date(0));
  });

  it('is one of several that see the same values, each with defaults of its own', () => {
    const { manager, store } = site().visit();
    const [ten, twenty] = [10, 20].map((count) => manager.store('shop', { count }));
    expect([ten?.get('count'), twenty?.get('count'), store.get('count')]).toEqual([10, 20, undefined]);

    ten?.increment('count');

    expect([ten?.get('count'), twenty?.get('count'), store.get('count')]).toEqual([11, 11, 11]);
    expect(manager.store<Cart>('shop')).toBe(store);
  });

  it('has no defaults but those it was given', () => {
    const { manager } = site().visit();
    const shop = manager.store('shop', {}) as unknown as Store;

    expect([shop.get('constructor'), shop.get('__proto__'), shop.get('toString')]).toEqual(
      new Array(3).fill(undefined),
    );
  });

  it('refuses a default that cannot be kept when it is asked for', () => {
    const { manager } = site().visit();
    const shop = manager.store<{ count: number }>('shop', { count: NaN });

    expect(() => shop.get('count')).toThrow(expect.objectContaining({ code: 'NOT_STORABLE' }));
  });
});

describe('compareAndSet', () => {
  it('sets the value when the stored one is as expected, at once and for others to see', async () => {
    const shop = site();
    const id = await shop.made({ a: { list: [1] }, b: 2 });
    const { store, manager } = shop.visit(id);

    expect(await store.compareAndSet('a', { list: [1] }, 'new')).toBe(true);

    expect(store.get('a')).toBe('new');
    expect(manager.outcome).toBe('committed');
    expect(await shop.stored(id)).toEqual({ shop: { a: '"new"', b: '2' } });
  });

  it.each<[string, () => Value]>([
    ['a Map', () => new Map([['tea', { count: 2n, since: new Date(5) }]])],
    ['a Set', () => new Set([new Date(5), undefined])],
    ['a Date', () => new Date(5)],
    ['bytes', () => Uint8Array.of(1, 2)],
    ['an undefined part', () => ({ a: undefined })],
  ])('compares %s by what it holds', async (_, make) => {
    const shop = site();
    const { store } = shop.visit(await shop.made({ a: make() }));

    expect(await store.compareAndSet('a', { other: 1 }, 'new')).toBe(false);
    expect(await store.compareAndSet('a', make(), 'new')).toBe(true);
  });

  it.each<[string, Value, Value]>([
    ['a Date', new Date(5), new Date(6)],
    ['a Map', new Map([['a', 1]]), new Map([['a', 2]])],
    ['a Set', new Set([1]), new Set([2])],
    ['bytes', Uint8Array.of(1), Uint8Array.of(2)],
    ['an undefined part', { a: undefined }, {}],
  ])('tells %s from another', async (_, stored, other) => {
    const shop = site();
    const { store } = shop.visit(await shop.made({ a: stored }));

    expect(await store.compareAndSet('a', other, 'new')).toBe(false);
  });

  it.each<[string, Value | undefined]>([
    ['another value', 2],
    ['a value of another type', '1'],
    ['nothing', undefined],
  ])('does not set it when %s is expected', async (_, expected) => {
    const shop = site();
    const id = await shop.made({ a: 1 });
    const { store } = shop.visit(id);

    expect(await store.compareAndSet('a', expected, 'new')).toBe(false);

    expect(store.get('a')).toBe(1);
    expect(await shop.stored(id)).toEqual({ shop: { a: '1' } });
  });

  it('sets a key that is absent when that is expected, for one of many at once', async () => {
    const shop = site();
    const id = await shop.made();
    const rivals = Array.from({ length: 10 }, () => shop.visit(id));

    const won = await Promise.all(rivals.map(({ store }, i) => store.compareAndSet('leader', undefined, i)));

    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await shop.stored(id)).toEqual({ shop: { leader: String(won.indexOf(true)) } });
  });

  it('makes the session, and is kept when the request fails, while the rest is dropped', async () => {
    const shop = site();
    const { visit, manager, store } = shop.visit();

    expect(await store.compareAndSet('a', undefined, 1)).toBe(true);
    store.set('b', 2);
    await visit.finish(false);

    expect(await shop.stored(manager.sessionID)).toEqual({ shop: { a: '1' } });
    expect(manager.responseHeaders).toHaveLength(1);
  });

  it.each<[string, (store: Store) => unknown]>([
    ['set', (store) => store.set('a', 2)],
    ['delete', (store) => store.delete('a')],
    ['empty', (store) => store.empty()],
  ])('refuses a key that this request has changed before, by %s', async (_, change) => {
    const shop = site();
    const { store, manager } = shop.visit(await shop.made({ a: 1 }));
    change(store);

    await expect(store.compareAndSet('a', 1, 3)).rejects.toMatchObject({ code: 'UNSAVED' });
    await manager.save();
    expect(await store.compareAndSet('a', store.get('a'), 3)).toBe(true);
    expect(store.get('a')).toBe(3);
  });

  it('answers false when the session was ended elsewhere', async () => {
    const shop = site();
    const id = await shop.made({ a: 1 });
    const { store, manager } = shop.visit(id);
    expect(store.get('a')).toBe(1);
    await shop.visit().manager.destroy({ sessionID: id, ignoreWarning: true });

    expect(await store.compareAndSet('a', 1, 2)).toBe(false);
    expect(manager.outcome).toBe('dropped');
    expect(store.get('a')).toBe(1);
  });

  it('rejects when the value or what is expected cannot be kept', async () => {
    const { store } = site().visit();
    const pattern = /x/ as unknown as Value;
    store.set('b', 1);

    await expect(store.compareAndSet('a', undefined, pattern)).rejects.toMatchObject({
      code: 'NOT_STORABLE',
    });
    await expect(store.compareAndSet('a', pattern, 1)).rejects.toMatchObject({ code: 'NOT_STORABLE' });
  });
});

describe('naughty strings', () => {
  const folder = temporaryFolder();
  let database: SqliteDatabase;

  beforeAll(async () => {
    database = await SqliteDatabase.open({ database: folder.file('naughty.db'), autoCreate: true });
    await SqliteDriver.of(database, 'naughty').createEnvironment();
  });

  afterAll(async () => {
    await database.close();
    folder.remove();
  });

  it.each<[string, () => Site<Driver>]>([
    ['memory', () => siteOn(new MemoryDriver())],
    ['SQLite', () => siteOn(SqliteDriver.of(database, 'naughty'))],
  ])('come back exactly as keys and as values, from %s', async (_, open) => {
    const shop = open();
    const { visit, manager, store } = shop.visit();
    for (const text of naughtyStrings) store.set(text, { [text]: text });
    const { sessionID } = manager;
    await visit.finish(true);

    const { store: later } = shop.visit(sessionID);

    expect(later.size).toBe(new Set(naughtyStrings).size);
    for (const text of naughtyStrings) {
      expect(Object.entries(later.get(text) as Record<string, string>)).toEqual([[text, text]]);
    }
  });

  it('are refused as names of applications, or are ordinary ones', async () => {
    const shop = siteOn(SqliteDriver.of(database, 'naughty'));
    const { visit, manager } = shop.visit();
    const taken = naughtyStrings.filter((text) => /^[\w.-]{1,255}$/.test(text));
    const refused = naughtyStrings.filter((text) => !taken.includes(text));

    const { sessionID } = manager;
    for (const text of taken) manager.store(text).set('name', text);
    await visit.finish(true);

    for (const text of refused) {
      expect(() => manager.store(text)).toThrow(expect.objectContaining({ code: 'BAD_APP' }));
    }
    const later = shop.visit(sessionID).manager;
    for (const text of taken) expect(later.store(text).get('name')).toBe(text);
  });

  it('lead to no session as cookies, and to no error', () => {
    const shop = siteOn(SqliteDriver.of(database, 'naughty'));

    for (const text of naughtyStrings) {
      const { manager, store } = shop.visit(text);
      expect([manager.created, store.size]).toEqual([true, 0]);
    }
  });
});
