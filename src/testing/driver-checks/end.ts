import assert from 'node:assert/strict';
import { type Checks, commit, end, handler, handlersOf, make, newKey, NOW, valuesOf } from './subject.js';

const TEA = { shop: { cart: 'tea' } };

export const endChecks: Checks = {
  'removes the session': async ({ driver }) => {
    const key = await make(driver, TEA);

    assert.equal(await end(driver, key), true);

    assert.equal(await driver.load(key), undefined);
  },

  'removes a session past its deadline too': async ({ driver }) => {
    const key = await make(driver, TEA, { expireTime: NOW - 60 });

    assert.equal(await end(driver, key, { reason: 'expired' }), true);

    assert.equal(await driver.load(key), undefined);
  },

  'answers false for a session that was never made': async ({ driver }) => {
    assert.equal(await end(driver, newKey()), false);
  },

  'answers false the second time': async ({ driver }) => {
    const key = await make(driver, TEA);
    await end(driver, key);

    assert.equal(await end(driver, key), false);
  },

  'answers true once when it is asked for several times at once': async ({ driver }) => {
    const key = await make(driver, TEA);

    const answers = await Promise.all(
      (['destroyed', 'expired', 'idle'] as const).map((reason) => end(driver, key, { reason })),
    );

    assert.deepEqual(answers.toSorted(), [false, false, true]);
  },

  'removes no other session': async ({ driver }) => {
    const other = await make(driver, { shop: { cart: 'coffee' } });
    const key = await make(driver, TEA);

    await end(driver, key);

    assert.deepEqual(await valuesOf(driver, other), { shop: { cart: 'coffee' } });
  },

  'leaves nothing to a session that is made under the same key': async ({ driver }) => {
    const key = await make(driver, TEA);
    await end(driver, key);

    await make(driver, {}, {}, key);
    await commit(driver, key, { shop: { total: '1' } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { total: '1' } });
  },

  'leaves no handlers to a session that is made under the same key': async ({ driver }) => {
    const key = await make(driver, TEA);
    await commit(driver, key, {}, { register: [handler('shop', 'remind')] });
    await end(driver, key);

    await make(driver, {}, {}, key);

    assert.deepEqual(await handlersOf(driver, key), []);
  },

  'takes every reason': async ({ driver }) => {
    for (const reason of REASONS) {
      const key = await make(driver, TEA);
      assert.equal(await end(driver, key, { reason }), true, `A session could not be ended as ${reason}.`);
    }
  },

  'takes values to put aside, whether it keeps such things or not': async ({ driver }) => {
    const key = await make(driver, TEA);
    const corrupt = [{ app: 'shop', key: 'cart', value: 'tea' }];

    assert.equal(await end(driver, key, { reason: 'corrupt', corrupt }), true);

    assert.equal(await driver.load(key), undefined);
  },
};

const REASONS = ['destroyed', 'expired', 'idle', 'invalidated', 'evicted', 'corrupt'] as const;
