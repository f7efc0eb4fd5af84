import assert from 'node:assert/strict';
import type { Driver } from '../../stores/driver.js';
import type { SessionKey } from '../../stores/session-id.js';
import { BEHIND, type Checks, commit, end, FROM, make, newKey, NOW } from './subject.js';
import { ONE_STEP, sweepAll, thereOf, valuesOf } from './subject.js';

export const sweepChecks: Checks = {
  'removes sessions whose deadline is between the bounds': async ({ driver }) => {
    const early = await make(driver, {}, { expireTime: FROM + 1 });
    const late = await make(driver, {}, { expireTime: NOW - 0.5 });

    await removedBy(driver);

    assert.deepEqual(await thereOf(driver, [early, late]), []);
  },

  'keeps sessions whose deadline is not between the bounds': async ({ driver }) => {
    const before = await make(driver, { shop: { cart: 'tea' } }, { expireTime: FROM - 0.5 });
    const after = await make(driver, { shop: { cart: 'coffee' } }, { expireTime: NOW + 0.5 });
    const never = await make(driver, {}, { expireTime: Infinity });

    const removed = await removedBy(driver);

    assert.equal(removed, 0);
    assert.deepEqual(await thereOf(driver, [before, after, never]), [before, after, never]);
    assert.deepEqual(await valuesOf(driver, after), { shop: { cart: 'coffee' } });
  },

  'includes the lower bound': async ({ driver }) => {
    const key = await make(driver, {}, { expireTime: FROM });

    assert.equal(await removedBy(driver), 1);

    assert.equal(await driver.load(key), undefined);
  },

  'includes the upper bound': async ({ driver }) => {
    const key = await make(driver, {}, { expireTime: NOW });

    assert.equal(await removedBy(driver), 1);

    assert.equal(await driver.load(key), undefined);
  },

  'goes by the last use as well': async ({ driver }) => {
    const idle = await make(driver, {}, { accessed: NOW - 100, idle: 50, expireTime: NOW + 3600 });
    const used = await make(driver, {}, { accessed: NOW - 100, idle: 200, expireTime: NOW + 3600 });

    await removedBy(driver);

    assert.deepEqual(await thereOf(driver, [idle, used]), [used]);
  },

  'keeps an idle session while uses of it may have gone unrecorded': async ({ driver }) => {
    const short = await make(driver, {}, { accessed: NOW - 105, idle: 100 });
    const long = await make(driver, {}, { accessed: NOW - 3659, idle: 3600, expireTime: Infinity });

    assert.equal(await removedBy(driver), 0);

    assert.deepEqual(await thereOf(driver, [short, long]), [short, long]);
  },

  'answers how many were removed': async ({ driver }) => {
    for (let i = 0; i < 5; i += 1) await make(driver, {}, { expireTime: NOW - 1 });
    await make(driver);

    assert.equal(await removedBy(driver), 5);
    assert.equal(await removedBy(driver), 0);
  },

  'leaves nothing to a session that is made under the same key': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } }, { expireTime: NOW - 1 });
    await removedBy(driver);

    await make(driver, {}, {}, key);

    assert.deepEqual(await valuesOf(driver, key), {});
  },

  'ends at once where nothing is stored': async ({ driver }) => {
    const step = await driver.sweep(ONE_STEP);

    assert.deepEqual(step, { removed: 0, lostEvents: 0, next: undefined });
  },

  'takes bounds for aliases and events, whether it keeps such things or not': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    const step = await driver.sweep({ ...ONE_STEP, aliasesBefore: NOW, eventsBefore: NOW });

    assert.deepEqual({ ...step, next: undefined }, { removed: 0, lostEvents: 0, next: undefined });
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
  },

  'looks at no more than `limit` sessions in a step': async ({ driver }) => {
    const keys = await makeMany(driver, 5, NOW - 1);

    const { removed, next } = await driver.sweep({ ...ONE_STEP, limit: 2 });

    assert.ok(removed <= 2, `${removed} sessions were removed in a step of 2.`);
    assert.equal(typeof next, 'string', 'There is no next step, though three sessions were not looked at.');
    assert.equal((await thereOf(driver, keys)).length, 5 - removed);
  },

  'reaches every session in small steps': async ({ driver }) => {
    const past = await makeMany(driver, 7, NOW - 1);
    const live = await makeMany(driver, 6, NOW + 60);

    const removed = await removedBy(driver, { limit: 2 });

    assert.equal(removed, 7);
    assert.deepEqual(await thereOf(driver, past), []);
    assert.deepEqual(await thereOf(driver, live), live);
  },

  'reaches every session that was there before, whatever is made and ended meanwhile': async ({ driver }) => {
    const ended = await makeMany(driver, 6, NOW + 60);
    const past = await makeMany(driver, 6, NOW - 1);

    await removedBy(driver, { limit: 2 }, async () => {
      await make(driver);
      await end(driver, ended.shift() ?? newKey());
    });

    assert.deepEqual(await thereOf(driver, past), []);
  },

  'keeps a session that was prolonged between two steps': async ({ driver }) => {
    const keys = await makeMany(driver, 4, NOW - 1);
    const prolong = async () => {
      for (const key of keys) await commit(driver, key, {}, PROLONG);
    };

    const first = await driver.sweep({ ...ONE_STEP, limit: 1 });
    await prolong();
    const rest = await removedBy(driver, { after: first.next, limit: 1 });

    assert.equal(rest, 0);
    assert.equal((await thereOf(driver, keys)).length, 4 - first.removed);
  },

  'keeps a session that is prolonged during a step': async ({ driver }) => {
    const first = await make(driver, {}, { expireTime: NOW - 1 });
    const prolonging = commit(driver, first, {}, PROLONG);
    await Promise.all([driver.sweep(ONE_STEP), prolonging]);
    assert.deepEqual(await thereOf(driver, [first]), (await prolonging) === 'committed' ? [first] : []);

    const second = await make(driver, {}, { expireTime: NOW - 1 });
    const [, result] = await Promise.all([driver.sweep(ONE_STEP), commit(driver, second, {}, PROLONG)]);
    assert.deepEqual(await thereOf(driver, [second]), result === 'committed' ? [second] : []);
  },
};

/** What a manager commits whose clock is a little behind the sweeper's. */
const PROLONG = { now: BEHIND, move: { expireTime: NOW + 3600 } };

async function removedBy(...sweep: Parameters<typeof sweepAll>): Promise<number> {
  return (await sweepAll(...sweep)).removed;
}

async function makeMany(driver: Driver, count: number, expireTime: number): Promise<SessionKey[]> {
  const keys = Array.from({ length: count }, newKey);
  for (const key of keys) await make(driver, { shop: { cart: 'tea' } }, { expireTime }, key);
  return keys;
}
