import assert from 'node:assert/strict';
import type { AppChanges, Change, Driver } from '../../stores/driver.js';
import type { SessionKey } from '../../stores/session-id.js';
import { type Checks, commit, make, oneMore, valuesOf } from './subject.js';

/** Texts that storage likes to change. */
const AWKWARD = [
  ...['null', 'undefined', 'NaN', '0', '007', '1e3', 'true', '{}', '[]', '"', "'", '\\', '%00', '--', ';'],
  ...[
    ' ',
    ' a',
    'a ',
    'a  ',
    '\t',
    '\n',
    '\r\n',
    '\0',
    'a\0b',
    'a\0',
    '\u007f',
    '\u0085',
    '\ufeff',
    '\u2028',
  ],
  ...['a', 'A', 'ä', 'Ä', 'a\u0308', 'ß', 'SS', 'İ', '\u{1f600}', '\u{10ffff}', '👩‍👩‍👧', '\ufffd', '\uffff'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'length', 'then'],
];

export const valueChecks: Checks = {
  'come back exactly': async ({ driver }) => {
    const key = await make(driver, {
      shop: Object.fromEntries(AWKWARD.map((text, i) => [`key ${i}`, text])),
    });

    const kept = await keptBy(driver, key, 'shop');

    assert.deepEqual(kept, new Map(AWKWARD.map((text, i) => [`key ${i}`, text])));
  },

  'come back exactly to an update': async ({ driver }) => {
    const key = await make(driver, {
      shop: Object.fromEntries(AWKWARD.map((text, i) => [`key ${i}`, text])),
    });
    const met: (string | undefined)[] = [];
    const note = (stored: string | undefined) => {
      met.push(stored);
      return stored;
    };

    await commit(driver, key, { shop: Object.fromEntries(AWKWARD.map((_, i) => [`key ${i}`, note])) });

    assert.deepEqual(met.slice(-AWKWARD.length), AWKWARD);
  },

  'may be empty, which is not the same as missing': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: '' } });

    await commit(driver, key, { shop: { seen: () => '', met: () => 'x', cart: (stored) => stored } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: '', seen: '', met: 'x' } });
  },

  'may be 64 KiB long': async ({ driver }) => {
    const long = 'ä€😀 '.repeat(16_384).slice(0, 65_536);

    const key = await make(driver, { shop: { cart: long } });

    assert.equal((await valuesOf(driver, key))?.['shop']?.['cart'], long);
  },

  'are kept under keys that come back exactly and are kept apart': async ({ driver }) => {
    const key = await make(driver);
    const keys = ['', ...AWKWARD, 'x'.repeat(1000), 'x'.repeat(1001)];

    await commitKeys(driver, key, 'shop', keys, (name) => ({ kind: 'set', value: `of ${name}` }));

    assert.deepEqual(await keptBy(driver, key, 'shop'), new Map(keys.map((name) => [name, `of ${name}`])));
  },

  'are found again by awkward keys, to be changed and deleted': async ({ driver }) => {
    const key = await make(driver);
    const keys = ['', ...AWKWARD];
    const append = (stored: string | undefined) => `${String(stored)}+`;

    await commitKeys(driver, key, 'shop', keys, () => ({ kind: 'set', value: 'x' }));
    await commitKeys(driver, key, 'shop', keys, () => ({ kind: 'update', apply: append }));
    assert.deepEqual(await keptBy(driver, key, 'shop'), new Map(keys.map((name) => [name, 'x+'])));

    await commitKeys(driver, key, 'shop', keys, () => ({ kind: 'delete' }));
    assert.deepEqual(await valuesOf(driver, key), {});
  },

  'are kept apart for applications with similar names': async ({ driver }) => {
    const apps = ['shop', 'Shop', 'SHOP', 'shop.', 'shop.cart', '.', '-', '_', '__proto__', 'a'.repeat(255)];
    const keys = ['cart', 'cart.cart', '.cart', 'total'];
    const key = await make(driver);

    for (const app of apps) {
      await commitKeys(driver, key, app, keys, (name) => ({ kind: 'set', value: `${app} ${name}` }));
    }

    for (const app of apps) {
      const expected = new Map(keys.map((name) => [name, `${app} ${name}`]));
      assert.deepEqual(await keptBy(driver, key, app), expected);
    }
  },

  'may be many': async ({ driver }) => {
    const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
    const key = await make(driver);

    await commitKeys(driver, key, 'shop', keys, () => ({ kind: 'update', apply: oneMore }));

    assert.deepEqual(await keptBy(driver, key, 'shop'), new Map(keys.map((name) => [name, '1'])));
  },
};

/** A change of each key. Maps, since in an object `__proto__` would be no key like others. */
async function commitKeys(
  driver: Driver,
  session: SessionKey,
  app: string,
  keys: readonly string[],
  change: (key: string) => Change,
): Promise<void> {
  const difference: AppChanges = { empty: false, keys: new Map(keys.map((key) => [key, change(key)])) };
  await commit(driver, session, {}, { changes: new Map([[app, difference]]) });
}

async function keptBy(driver: Driver, session: SessionKey, app: string): Promise<Map<string, string>> {
  const stored = await driver.load(session);
  return new Map(stored?.values.get(app));
}
