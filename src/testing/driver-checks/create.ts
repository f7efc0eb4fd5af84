import assert from 'node:assert/strict';
import { type Checks, commit, end, handler, handlersOf, make, MOMENTS, momentsOf } from './subject.js';
import { newKey, NOW, valuesOf } from './subject.js';

const OTHERS = { ...MOMENTS, createdAt: NOW + 1, expireTime: NOW + 60 };

export const createChecks: Checks = {
  "answers 'exists' for a session that is there, and changes nothing": async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    const register = [handler('shop', 'remind')];
    const difference = { shop: { cart: 'coffee', total: '1' } };

    assert.equal(await commit(driver, key, difference, { create: OTHERS, register }), 'exists');

    assert.deepEqual(await handlersOf(driver, key), []);
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
    assert.deepEqual(await momentsOf(driver, key), MOMENTS);
  },

  "answers 'exists' also for a session past its deadline": async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } }, { expireTime: NOW - 1 });

    const again = await commit(driver, key, {}, { create: OTHERS });

    assert.equal(again, 'exists');
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
  },

  'makes one session when it is asked for several times at once': async ({ driver }) => {
    const key = newKey();
    const asked = ['tea', 'coffee', 'milk'].map((cart) =>
      commit(driver, key, { shop: { cart } }, { create: MOMENTS }),
    );

    const results = await Promise.all(asked);

    assert.deepEqual(results.toSorted(), ['committed', 'exists', 'exists']);
    const winner = ['tea', 'coffee', 'milk'][results.indexOf('committed')];
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: winner } });
  },

  'makes one session where its key was used before, without what that one kept': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });
    await end(driver, key);

    await make(driver, { forum: { name: 'Anna' } }, { createdAt: NOW + 1 }, key);

    assert.deepEqual(await valuesOf(driver, key), { forum: { name: 'Anna' } });
    assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, createdAt: NOW + 1 });
  },

  'keeps Infinity as a length and as an end': async ({ driver }) => {
    const endless = { lifetime: Infinity, expireTime: Infinity, idle: Infinity };

    const key = await make(driver, {}, endless);

    assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, ...endless });
  },

  'keeps fractions of seconds': async ({ driver }) => {
    const moments = {
      createdAt: NOW + 0.123456,
      accessed: NOW + 0.25,
      lifetime: 0.1,
      expireTime: NOW + 9.75,
      idle: 12.5,
    };

    const key = await make(driver, {}, moments);

    assert.deepEqual(await momentsOf(driver, key), moments);
  },

  'makes nothing when an update throws': async ({ driver }) => {
    const key = newKey();
    const difference = { shop: { cart: 'tea', total: thrower(new Error('no total')) } };

    await assert.rejects(commit(driver, key, difference, { create: MOMENTS }));

    assert.equal(await driver.load(key), undefined);
  },
};

function thrower(error: Error): () => never {
  return () => {
    throw error;
  };
}
