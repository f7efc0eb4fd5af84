import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Driver } from '../../stores/driver.js';
import type { Moments } from '../../stores/expiry.js';
import type { SessionKey } from '../../stores/session-id.js';
import {
  type Checks,
  commit,
  end,
  type Difference,
  handler,
  handlersOf,
  make,
  MOMENTS,
  momentsOf,
  newKey,
  NOW,
} from './subject.js';
import { oneMore, valuesOf } from './subject.js';

const TEA = { shop: { cart: 'tea' } };

export const commitChecks: Checks = {
  'is seen by every load that is asked for afterwards': async ({ driver }) => {
    const key = await make(driver, TEA);

    for (const cart of ['coffee', 'milk', 'water']) {
      await commit(driver, key, { shop: { cart } });
      assert.deepEqual(await valuesOf(driver, key), { shop: { cart } });
    }
  },

  "answers 'gone' for a session that was never made, and makes none": async ({ driver }) => {
    const key = newKey();

    const result = await commit(driver, key, TEA, { move: { expireTime: NOW + 60 } });

    assert.equal(result, 'gone');
    assert.equal(await driver.load(key), undefined);
  },

  "answers 'gone' for a session that has ended, and does not revive it": async ({ driver }) => {
    const key = await make(driver, TEA);
    await end(driver, key);

    const result = await commit(driver, key, { shop: { total: '1' } }, { move: { accessed: NOW + 1 } });

    assert.equal(result, 'gone');
    assert.equal(await driver.load(key), undefined);
  },

  'never revives a session that is ended at the same time': async ({ driver }) => {
    const key = await make(driver, TEA);

    const early = commit(driver, key, { shop: { cart: oneMore } });
    const ended = end(driver, key);
    const late = commit(driver, key, { shop: { total: '1' } }, { move: { accessed: NOW + 1 } });
    await Promise.all([early, ended, late]);

    assert.equal(await driver.load(key), undefined);
  },

  "answers 'gone' for a session past its expireTime, and changes nothing": async ({ driver }) => {
    await assertGone(driver, { expireTime: NOW - 0.5 });
  },

  "answers 'gone' for a session that was idle for too long, and changes nothing": async ({ driver }) => {
    await assertGone(driver, { accessed: NOW - 67, idle: 60 });
  },

  "answers 'gone' at the deadline itself": async ({ driver }) => {
    await assertGone(driver, { expireTime: NOW });
    await assertGone(driver, { accessed: NOW - 66, idle: 60 });
    await assertGone(driver, { accessed: NOW - 3660, idle: 3600, expireTime: Infinity });
  },

  'is applied to an idle session while uses of it may have gone unrecorded': async ({ driver }) => {
    const short = await make(driver, {}, { accessed: NOW - 65, idle: 60 });
    const long = await make(driver, {}, { accessed: NOW - 3659, idle: 3600, expireTime: Infinity });

    assert.equal(await commit(driver, short, TEA), 'committed');
    assert.equal(await commit(driver, long, TEA), 'committed');
    assert.deepEqual(await valuesOf(driver, long), TEA);
  },

  "goes by the commit's moment and not by the machine's clock": async ({ driver }) => {
    const [then, end] = [1_000_000_000, 1_000_000_060]; // in 2001
    const moments = { createdAt: then, accessed: then, expireTime: end };
    const key = await make(driver, TEA, moments);

    assert.equal(await commit(driver, key, { shop: { total: '1' } }, { now: end - 1 }), 'committed');
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea', total: '1' } });
  },

  'rejects with the very error that an update throws': async ({ driver }) => {
    const key = await make(driver, TEA);
    const error = new Error('no more tea');

    const failing = commit(driver, key, { shop: { cart: () => raise(error) } });

    await assert.rejects(failing, (thrown) => thrown === error);
  },

  'applies nothing at all when an update throws': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' }, forum: { name: 'Anna' } });
    const move = { accessed: NOW + 1, expireTime: NOW + 60 };
    const failing = { cart: 'coffee', total: () => raise(new Error('no total')), count: '1' };

    const difference = { forum: { name: null }, shop: failing, blog: { title: 'x' } };
    const register = [handler('shop', 'remind')];

    await assert.rejects(commit(driver, key, difference, { move, register, empty: true }));

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' }, forum: { name: 'Anna' } });
    assert.deepEqual(await momentsOf(driver, key), MOMENTS);
    assert.deepEqual(await handlersOf(driver, key), []);
  },

  'fails alone: others of the same moment are committed': async ({ driver }) => {
    const key = await make(driver);

    const before = commit(driver, key, { shop: { before: '1' } });
    const failing = commit(driver, key, { shop: { cart: () => raise(new Error('no cart')) } });
    const after = commit(driver, key, { shop: { after: '2' } });
    const settled = await Promise.allSettled([before, failing, after]);

    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(await valuesOf(driver, key), { shop: { before: '1', after: '2' } });
  },

  'counts every one of many updates at once': async ({ driver }) => {
    const key = await make(driver);

    await Promise.all(Array.from({ length: 100 }, () => commit(driver, key, { shop: { count: oneMore } })));

    assert.deepEqual(await valuesOf(driver, key), { shop: { count: '100' } });
  },

  'keeps all of many different keys that are set at once': async ({ driver }) => {
    const key = await make(driver);
    const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);

    await Promise.all(keys.map((name) => commit(driver, key, { shop: { [name]: 'set' } })));

    assert.deepEqual(await valuesOf(driver, key), {
      shop: Object.fromEntries(keys.map((name) => [name, 'set'])),
    });
  },

  'is never seen by half': async ({ driver }) => {
    const both = (value: string) => ({ shop: { total: value }, forum: { total: value } });
    const key = await make(driver, both('0'));
    const writer = { done: false };
    const writing = writeAll(driver, key, ['1', '2', '3', '4', '5'].map(both)).finally(() => {
      writer.done = true;
    });

    while (!writer.done) {
      const { shop, forum } = (await valuesOf(driver, key)) ?? {};
      assert.deepEqual(shop, forum);
      await nextTurn();
    }
    await writing;
  },
};

/** A commit to a session with these moments answers 'gone' and changes nothing. */
async function assertGone(driver: Driver, moments: Partial<Moments>): Promise<void> {
  const key = await make(driver, TEA, moments);
  const more = { move: { accessed: NOW + 1, expireTime: NOW + 60 }, register: [handler('shop', 'remind')] };

  assert.equal(await commit(driver, key, { shop: { cart: 'coffee', total: '1' } }, more), 'gone');
  assert.equal(await commit(driver, key, {}, { empty: true }), 'gone');
  assert.deepEqual(await valuesOf(driver, key), TEA);
  assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, ...moments });
  assert.deepEqual(await handlersOf(driver, key), []);
}

async function writeAll(driver: Driver, key: SessionKey, differences: readonly Difference[]): Promise<void> {
  for (const difference of differences) await commit(driver, key, difference);
}

function raise(error: Error): never {
  throw error;
}
