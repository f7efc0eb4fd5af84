import assert from 'node:assert/strict';
import type { Driver, Lock } from '../../stores/driver.js';
import type { SessionKey } from '../../stores/session-id.js';
import { answered, bothOf, type Checks, commit, make, newKey, NOW, renamed, sweepAll } from './subject.js';

export const lockChecks: Checks = {
  'are held by one owner at a time': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);

    assert.equal(await lock(driver, key, 'anna'), true);

    assert.equal(await lock(driver, key, 'berta'), false);
    assert.equal(await lock(other, key, 'carla'), false);
  },

  'go to one of many who ask at once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    const owners = ['anna', 'berta', 'carla', 'dora'];

    const answers = await Promise.all(
      owners.map((owner, i) => lock(i % 2 === 0 ? driver : other, key, owner)),
    );

    assert.deepEqual(answers.toSorted(), [false, false, false, true]);
  },

  'of other sessions are others': async ({ driver }) => {
    const [one, another] = [await make(driver), await make(driver)];

    assert.equal(await lock(driver, one, 'anna'), true);

    assert.equal(await lock(driver, another, 'berta'), true);
  },

  'need no stored session': async ({ driver }) => {
    const key = newKey();

    assert.equal(await lock(driver, key, 'anna'), true);

    assert.equal(await lock(driver, key, 'berta'), false);
    assert.equal(await driver.load(key), undefined);
  },

  'may be prolonged by their owner': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });

    assert.equal(await lock(driver, key, 'anna', { now: NOW + 5, until: NOW + 60 }), true);

    assert.equal(await lock(other, key, 'berta', { now: NOW + 11 }), false);
    assert.equal(await lock(other, key, 'berta', { now: NOW + 61, until: NOW + 90 }), true);
  },

  'are not touched by one who asks in vain': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });

    await lock(driver, key, 'berta', { until: NOW + 60 });

    assert.equal(await lock(driver, key, 'carla', { now: NOW + 11 }), true);
    assert.equal(await unlock(driver, 'berta'), false);
  },

  'end by themselves at their time and not before': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10.5 });

    assert.equal(await lock(other, key, 'berta', { now: NOW + 10.25 }), false);
    assert.equal(await lock(other, key, 'berta', { now: NOW + 10.5, until: NOW + 90 }), true);
  },

  'are taken by another after their time, and not prolonged then': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });
    await lock(driver, key, 'berta', { now: NOW + 11, until: NOW + 60 });

    assert.equal(await lock(driver, key, 'anna', { now: NOW + 12 }), false);
  },

  'are free once they are given back': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    await lock(driver, key, 'anna');

    assert.equal(await unlock(driver, 'anna'), true);

    assert.equal(await lock(other, key, 'berta'), true);
  },

  'are given back once, and only by their owner': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna');

    assert.equal(await unlock(driver, 'berta'), false);
    assert.equal(await lock(driver, key, 'berta'), false);
    assert.equal(await unlock(driver, 'anna'), true);
    assert.equal(await unlock(driver, 'anna'), false);
  },

  'are not given back by one whose time was over before another took it': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });
    await lock(driver, key, 'berta', { now: NOW + 11, until: NOW + 60 });

    assert.equal(await unlock(driver, 'anna'), false);

    assert.equal(await lock(driver, key, 'carla', { now: NOW + 12 }), false);
    assert.equal(await unlock(driver, 'berta'), true);
  },

  'leave the locks of others when they are given back': async ({ driver }) => {
    const [one, another] = [newKey(), newKey()];
    await lock(driver, one, 'anna');
    await lock(driver, another, 'berta');

    await unlock(driver, 'anna');

    assert.equal(await lock(driver, another, 'carla'), false);
  },

  'of several keys may be held by one owner, who gives all of them back': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const [one, another, third] = [newKey(), await make(driver), newKey()];
    await lock(driver, third, 'berta');

    assert.equal(await lock(driver, one, 'anna'), true);
    assert.equal(await lock(driver, another, 'anna'), true);

    assert.equal(await lock(other, one, 'berta'), false);
    assert.equal(await lock(other, another, 'berta'), false);
    assert.equal(await unlock(other, 'anna'), true);
    assert.equal(await lock(driver, one, 'carla'), true);
    assert.equal(await lock(driver, another, 'carla'), true);
    assert.equal(await lock(driver, third, 'carla'), false);
  },

  'are only prolonged, where that is asked for': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    const prolong = (now: number) => lock(driver, key, 'anna', { held: true, now, until: now + 10 });

    const answers = [await prolong(NOW), await lock(driver, key, 'anna', { until: NOW + 5 })];
    answers.push(await prolong(NOW + 4), await lock(other, key, 'berta', { now: NOW + 13 }));

    assert.deepEqual(answers, [false, true, true, false]);
  },

  'are not prolonged once another has had them': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });
    const prolong = () => lock(driver, key, 'anna', { held: true, now: NOW + 12, until: NOW + 60 });
    await lock(other, key, 'berta', { now: NOW + 11, until: NOW + 60 });

    assert.equal(await prolong(), false);
    await unlock(other, 'berta');

    assert.equal(await prolong(), false);
    assert.equal(await lock(driver, key, 'carla', { now: NOW + 12 }), true);
  },

  'do not keep anyone from committing': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna');

    assert.equal(await commit(driver, key, { shop: { cart: 'tea' } }), 'committed');
  },

  'are kept by a sweep while they are held': async ({ driver }) => {
    const key = await make(driver);
    await lock(driver, key, 'anna', { until: NOW + 10 });

    await sweepAll(driver, { aliasesBefore: NOW, eventsBefore: NOW });

    assert.equal(await lock(driver, key, 'berta'), false);
    assert.equal(await unlock(driver, 'anna'), true);
  },

  'follow a session that gets another key': async ({ driver }) => {
    if (!driver.powers.has('aliases')) return;
    const key = await make(driver);
    await lock(driver, key, 'anna');

    const to = await renamed(driver, key);

    assert.equal(await lock(driver, to, 'berta'), false);
    assert.equal(await lock(driver, to, 'anna', { until: NOW + 90 }), true);
    assert.equal(await unlock(driver, 'anna'), true);
    assert.equal(await lock(driver, to, 'berta'), true);
  },

  'are the same by an older key of the session': async ({ driver }) => {
    if (!driver.powers.has('aliases')) return;
    const first = await make(driver);
    const second = await renamed(driver, first);
    const third = await renamed(driver, second);

    assert.equal(await lock(driver, first, 'anna'), true);

    assert.equal(await lock(driver, third, 'berta'), false);
    assert.equal(await lock(driver, second, 'berta'), false);
    assert.equal(await lock(driver, third, 'anna', { until: NOW + 90 }), true);
  },
};

function lock(driver: Driver, key: SessionKey, owner: string, more: Partial<Lock> = {}): Promise<boolean> {
  return answered(driver.lock?.({ key, owner, now: NOW, until: NOW + 30, ...more }), 'lock');
}

function unlock(driver: Driver, owner: string): Promise<boolean> {
  return answered(driver.unlock?.(owner), 'unlock');
}
