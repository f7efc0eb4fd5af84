import assert from 'node:assert/strict';
import type { SessionKey } from '../../stores/session-id.js';
import {
  type Checks,
  commit,
  end,
  handler,
  handlersOf,
  make,
  MOMENTS,
  momentsOf,
  newKey,
  NOW,
  plainValues,
  valuesOf,
} from './subject.js';

export const loadChecks: Checks = {
  'answers undefined for a session that was never made': async ({ driver }) => {
    await make(driver);

    assert.equal(await driver.load(newKey()), undefined);
  },

  'answers the values as they were committed': async ({ driver }) => {
    const values = { shop: { cart: 'tea', total: '3' }, forum: { cart: 'no' } };

    const key = await make(driver, values);

    assert.deepEqual(await valuesOf(driver, key), values);
  },

  'answers the moments as they were committed': async ({ driver }) => {
    const moments = {
      createdAt: NOW - 1,
      accessed: NOW + 2,
      lifetime: 300,
      expireTime: NOW + 4000,
      idle: 50_000,
    };

    const key = await make(driver, {}, moments);

    assert.deepEqual(await momentsOf(driver, key), moments);
  },

  'answers a session that has no values': async ({ driver }) => {
    const key = await make(driver);

    assert.deepEqual(await valuesOf(driver, key), {});
  },

  'names no application that has no values left': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' }, forum: { name: 'Anna' } });

    await commit(driver, key, { shop: { cart: null } });

    assert.deepEqual(await valuesOf(driver, key), { forum: { name: 'Anna' } });
  },

  'answers a session past its deadline too': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } }, { expireTime: 1_000_000_000 });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
  },

  'answers a picture that later commits do not change': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });
    const picture = await driver.load(key);
    assert.ok(picture);

    const move = { accessed: NOW + 1, expireTime: NOW + 7200 };
    const register = [handler('shop', 'remind')];
    const difference = { shop: { cart: 'coffee', total: '1' }, forum: { name: 'Anna' } };
    await commit(driver, key, difference, { move, register });

    assert.deepEqual(plainValues(picture), { shop: { cart: 'tea' } });
    assert.deepEqual({ ...picture, ...MOMENTS }, picture);
    assert.deepEqual(picture.handlers, []);
  },

  'answers the key of the session, and no alias': async ({ driver }) => {
    const key = await make(driver);

    const stored = await driver.load(key);

    assert.deepEqual([stored?.key, stored?.alias], [key, undefined]);
  },

  'answers the handlers that the session was made with': async ({ driver }) => {
    const register = [handler('shop', 'remind', '"tea"'), handler('forum', 'goodbye')];
    const key = newKey();

    await commit(driver, key, {}, { create: MOMENTS, register });

    assert.deepEqual(await handlersOf(driver, key), [
      ['forum', 'goodbye', undefined],
      ['shop', 'remind', '"tea"'],
    ]);
  },

  'answers no handlers where none was registered': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    assert.deepEqual(await handlersOf(driver, key), []);
  },

  'keeps sessions apart': async ({ driver }) => {
    const anna = await make(driver, { shop: { cart: 'tea' } });
    const berta = await make(driver, { shop: { cart: 'coffee' } });

    assert.deepEqual(await valuesOf(driver, anna), { shop: { cart: 'tea' } });
    assert.deepEqual(await valuesOf(driver, berta), { shop: { cart: 'coffee' } });
  },

  'keeps sessions apart whose keys differ only by case': async ({ driver }) => {
    const upper = await make(driver, { shop: { cart: 'tea' } });
    const lower = upper.toLowerCase() as SessionKey;

    assert.equal(await driver.load(lower), undefined);
    await make(driver, {}, {}, lower);
    assert.deepEqual(await valuesOf(driver, upper), { shop: { cart: 'tea' } });
  },

  'answers at once what it answers later, where it can': async ({ driver }) => {
    if (driver.loadNow === undefined) return;
    const key = newKey();
    assert.equal(driver.loadNow(key), undefined);

    await make(driver, { shop: { cart: 'tea' } }, {}, key);
    assert.deepEqual(driver.loadNow(key), await driver.load(key));

    await commit(driver, key, { shop: { cart: 'coffee' } }, { move: { accessed: NOW + 1 } });
    assert.deepEqual(driver.loadNow(key), await driver.load(key));

    await end(driver, key);
    assert.equal(driver.loadNow(key), undefined);
  },
};
