import assert from 'node:assert/strict';
import {
  changesOf,
  type Checks,
  commit,
  make,
  MOMENTS,
  momentsOf,
  NOW,
  oneMore,
  valuesOf,
} from './subject.js';

const TEA = { shop: { cart: 'tea' } };

export const changeChecks: Checks = {
  'keeps the keys it does not name': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea', total: '3' } });

    await commit(driver, key, { shop: { cart: 'coffee' } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee', total: '3' } });
  },

  'keeps the applications it does not name': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' }, forum: { name: 'Anna' } });

    await commit(driver, key, { shop: { cart: 'coffee' } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee' }, forum: { name: 'Anna' } });
  },

  'deletes a key': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea', total: '3' } });

    await commit(driver, key, { shop: { cart: null } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { total: '3' } });
  },

  'deleting a key that is missing is no error': async ({ driver }) => {
    const key = await make(driver, TEA);

    assert.equal(await commit(driver, key, { shop: { total: null }, forum: { name: null } }), 'committed');

    assert.deepEqual(await valuesOf(driver, key), TEA);
  },

  'empties an application before it changes keys': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea', total: '3' } });
    const changes = changesOf({ shop: { cart: 'coffee', count: oneMore } }, true);

    await commit(driver, key, {}, { changes });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee', count: '1' } });
  },

  'empties one application and no other': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' }, forum: { name: 'Anna' } });

    await commit(driver, key, {}, { changes: changesOf({ shop: {} }, true) });

    assert.deepEqual(await valuesOf(driver, key), { forum: { name: 'Anna' } });
  },

  'gives an update the value that is stored by then': async ({ driver }) => {
    const key = await make(driver, TEA);
    await commit(driver, key, { shop: { cart: 'coffee' } });

    await commit(driver, key, { shop: { cart: (stored) => `${String(stored)} and milk` } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee and milk' } });
  },

  'gives an update undefined for a missing key': async ({ driver }) => {
    const key = await make(driver, TEA);

    await commit(driver, key, { shop: { total: (stored) => `was ${String(stored)}` } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea', total: 'was undefined' } });
  },

  'deletes a key whose update answers undefined': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea', total: '3' } });

    await commit(driver, key, { shop: { cart: () => undefined, missing: () => undefined } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { total: '3' } });
  },

  'moves the last use forward': async ({ driver }) => {
    const key = await make(driver);

    await commit(driver, key, {}, { move: { accessed: NOW + 30 } });

    assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, accessed: NOW + 30 });
  },

  'never moves the last use back': async ({ driver }) => {
    const key = await make(driver);

    await commit(driver, key, {}, { move: { accessed: NOW - 30 } });

    assert.deepEqual(await momentsOf(driver, key), MOMENTS);
  },

  'moves the fixed end, to later and to earlier': async ({ driver }) => {
    const key = await make(driver);

    for (const expireTime of [NOW + 7200, NOW + 1.5, Infinity, NOW + 60]) {
      await commit(driver, key, {}, { move: { expireTime } });
      assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, expireTime });
    }
  },

  'moves no moment that it does not name': async ({ driver }) => {
    const key = await make(driver, {}, { idle: 9999, lifetime: 77 });

    await commit(driver, key, TEA, { now: NOW + 5 });
    await commit(driver, key, {}, { now: NOW + 5, move: {} });

    assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, idle: 9999, lifetime: 77 });
  },
};
