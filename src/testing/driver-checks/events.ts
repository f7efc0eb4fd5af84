import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Claim, Driver, EndReason, Settlement, StoredEvent } from '../../stores/driver.js';
import type { Moments } from '../../stores/expiry.js';
import type { SessionKey } from '../../stores/session-id.js';
import {
  answered,
  BEHIND,
  bothOf,
  type Checks,
  commit,
  copyOf,
  type Difference,
  end,
  handler,
  make,
  MOMENTS,
  newKey,
  NOW,
  ONE_STEP,
  rename,
  renamed,
  sweepAll,
} from './subject.js';

const TEA = { shop: { cart: 'tea' } };

export const eventChecks: Checks = {
  'the end of a session records one for each handler, under one id': async ({ driver }) => {
    const key = await make(driver, TEA);
    const register = [handler('shop', 'remind', '1'), handler('shop', 'goodbye'), handler('forum', 'remind')];
    await commit(driver, key, {}, { register });

    await end(driver, key);

    const events = [...(await claim(driver)), ...(await claim(driver, { app: 'forum' }))];
    assert.deepEqual(events.map(({ app, handler: name }) => `${app} ${name}`).toSorted(), [
      'forum remind',
      'shop goodbye',
      'shop remind',
    ]);
    assert.equal(new Set(events.map(({ id }) => id)).size, 1);
  },

  'two endings have different ids': async ({ driver }) => {
    await ended(driver);
    await ended(driver);

    const ids = (await claim(driver)).map(({ id }) => id);

    assert.equal(ids.length, 2);
    assert.notEqual(ids[0], ids[1]);
  },

  'tell why and when the session ended, and when it was made': async ({ driver }) => {
    for (const reason of ['destroyed', 'expired', 'idle', 'invalidated', 'evicted', 'corrupt'] as const) {
      const key = await heard(driver, TEA, { createdAt: NOW - 77.25 });
      await end(driver, key, { reason, now: NOW + 1.5 });

      const [event] = await claim(driver, { now: NOW + 2 });

      assert.ok(event, `The end of a session that was ${reason} recorded no event.`);
      const { createdAt, endedAt, attempt } = event;
      assert.deepEqual(
        { reason: event.reason, createdAt, endedAt, attempt },
        { reason, createdAt: NOW - 77.25, endedAt: NOW + 1.5, attempt: 1 },
      );
    }
  },

  'carry what their application kept at the end, and nothing of others': async ({ driver }) => {
    const key = await heard(driver, { shop: { cart: 'tea', total: '3' }, forum: { name: 'Anna' } });
    await commit(driver, key, { shop: { cart: 'coffee' } }, { register: [handler('blog', 'remind')] });

    await end(driver, key);

    assert.deepEqual(
      (await claim(driver))[0]?.values,
      new Map(Object.entries({ cart: 'coffee', total: '3' })),
    );
    assert.deepEqual((await claim(driver, { app: 'blog' }))[0]?.values, new Map());
  },

  'carry values, keys and details exactly': async ({ driver }) => {
    const awkward = ['', ' ', 'null', '"', "'", '\\', 'a\0b', '\u2028', 'ä\u0308', '\u{1f600}', '__proto__'];
    const keys = new Map(awkward.map((text) => [text, { kind: 'set', value: text } as const]));
    const key = await make(driver);
    const register = awkward.map((detail, i) => handler('shop', `handler ${i}`, detail));
    await commit(driver, key, {}, { register, changes: new Map([['shop', { empty: false, keys }]]) });

    await end(driver, key);

    const events = await claim(driver, { handlers: register.map((one) => one.handler) });
    const details = new Map(events.map((event) => [event.handler, event.detail]));
    assert.deepEqual(details, new Map(register.map((one) => [one.handler, one.detail])));
    assert.deepEqual(events[0]?.values, new Map(awkward.map((text) => [text, text])));
  },

  'have no detail where none was registered': async ({ driver }) => {
    await ended(driver);

    const [event] = await claim(driver);

    assert.ok(event);
    assert.equal(event.detail, undefined);
  },

  'none is recorded where no handler is registered': async ({ driver }) => {
    const key = await make(driver, TEA);

    await end(driver, key);

    assert.deepEqual(await claim(driver), []);
  },

  'none is recorded where there was nothing to end': async ({ driver }) => {
    const key = await heard(driver);
    await end(driver, key);
    assert.equal((await claim(driver)).length, 1);

    assert.equal(await end(driver, key), false);
    assert.equal(await end(driver, newKey()), false);

    assert.deepEqual(await claim(driver), []);
  },

  'one is recorded when a session is ended several times at once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await heard(driver);

    await Promise.all([driver, other, driver, other].map((one) => end(one, key)));

    assert.equal((await claim(driver)).length, 1);
  },

  'are there as soon as the session is not': async ({ driver }) => {
    const key = await heard(driver);
    const ending = { done: false };
    const ended = end(driver, key).finally(() => {
      ending.done = true;
    });

    while (!ending.done && (await driver.load(key)) !== undefined) await nextTurn();

    assert.equal((await claim(driver)).length, 1);
    await ended;
  },

  'are recorded by a sweep, with the end that came first and the moment of the sweep': async ({ driver }) => {
    const expired = { detail: 'expired', moments: { expireTime: NOW - 30, accessed: NOW - 80, idle: 100 } };
    const idle = { detail: 'idle', moments: { expireTime: NOW - 3, accessed: NOW - 180, idle: 100 } };
    const both = { detail: 'expired', moments: { expireTime: NOW - 70, accessed: NOW - 180, idle: 100 } };
    for (const { detail, moments } of [expired, idle, both]) {
      await make(driver, {}, moments).then((key) =>
        commit(driver, key, {}, { now: NOW - 500, register: [handler('shop', 'remind', detail)] }),
      );
    }

    assert.deepEqual(await sweepAll(driver), { removed: 3, lostEvents: 0 });

    const events = await claim(driver);
    assert.equal(events.length, 3);
    for (const { reason, detail, endedAt } of events) assert.deepEqual([reason, endedAt], [detail, NOW]);
  },

  'are recorded by a sweep for a handler that is registered while it runs': async ({ driver }) => {
    const keys = Array.from({ length: 5 }, newKey);
    for (const key of keys) await make(driver, TEA, { expireTime: NOW - 1 }, key);
    const register = [handler('shop', 'remind')];

    const registering = keys.map((key) => commit(driver, key, {}, { now: BEHIND, register }));
    const [{ removed }, ...answers] = await Promise.all([driver.sweep(ONE_STEP), ...registering]);

    assert.equal(removed, keys.length);
    assert.equal((await claim(driver)).length, answers.filter((answer) => answer === 'committed').length);
  },

  'are recorded once for each session when two sweep at once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const register = [handler('shop', 'remind')];
    const making = Array.from({ length: 200 }, () =>
      commit(driver, newKey(), TEA, { create: { ...MOMENTS, expireTime: NOW - 1 }, register }),
    );
    await Promise.all(making);

    const sweeps = await Promise.all([driver, other].map((one) => sweepAll(one, { limit: 30 })));

    const events = await claim(other, { limit: 1000 });
    assert.equal((sweeps[0]?.removed ?? 0) + (sweeps[1]?.removed ?? 0), 200);
    assert.equal(events.length, 200);
    assert.equal(new Set(events.map(({ id }) => id)).size, 200);
  },

  'go to claims of their application and their handler only': async ({ driver }) => {
    const key = await make(driver, TEA);
    await commit(driver, key, {}, { register: [handler('shop', 'remind'), handler('forum', 'goodbye')] });
    await end(driver, key);

    assert.deepEqual(await claim(driver, { handlers: ['goodbye', 'REMIND', ''] }), []);
    assert.deepEqual(await claim(driver, { handlers: [] }), []);
    assert.deepEqual(await claim(driver, { app: 'blog' }), []);
    assert.deepEqual(await claim(driver, { app: 'Shop' }), []);

    const events = await claim(driver, { handlers: ['other', 'remind'] });
    assert.deepEqual(
      events.map((event) => [event.app, event.handler]),
      [['shop', 'remind']],
    );
  },

  'are claimed by one of many who claim at once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    for (let i = 0; i < 20; i += 1) await ended(driver);

    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, i) => claim(i % 2 === 0 ? driver : other, { limit: 4 })),
    );

    const ids = claims.flat().map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, 'Two who claimed at once got the same event.');
    const rest = await claim(driver);
    assert.equal(ids.length + rest.length, 20);
  },

  'are claimed oldest first, no more at once than was asked for': async ({ driver }) => {
    for (let i = 0; i < 5; i += 1) await ended(driver, String(i), { now: NOW + i });

    const first = await claim(driver, { now: NOW + 10, limit: 2 });
    const rest = await claim(driver, { now: NOW + 10, limit: 4 });

    assert.deepEqual(detailsOf(first), ['0', '1']);
    assert.deepEqual(detailsOf(rest), ['2', '3', '4']);
  },

  'are not claimed again before the time of the claim is over': async (subject) => {
    const [driver, other] = await bothOf(subject);
    await ended(driver);
    assert.equal((await claim(driver, { until: NOW + 60 })).length, 1);

    assert.deepEqual(await claim(driver, { now: NOW + 59 }), []);
    assert.deepEqual(await claim(other, { now: NOW + 59.5 }), []);
  },

  'are claimed again after that, as the same event and with the next attempt': async (subject) => {
    const [driver, other] = await bothOf(subject);
    await ended(driver, 'detail');
    const [first] = await claim(driver, { until: NOW + 60 });

    const second = await claim(other, { now: NOW + 61, until: NOW + 90 });
    const third = await claim(driver, { now: NOW + 91 });

    assert.ok(first);
    assert.deepEqual(second, [{ ...first, attempt: 2 }]);
    assert.deepEqual(third, [{ ...first, attempt: 3 }]);
  },

  'one that is done with is gone, and settling it again answers false': async ({ driver }) => {
    await ended(driver);
    const event = await claimOne(driver);

    assert.equal(await settle(driver, { event }), true);

    assert.equal(await settle(driver, { event }), false);
    assert.equal(await settle(driver, { event, retryAt: NOW + 1 }), false);
    assert.deepEqual(await claim(driver, { now: NOW + 1e6 }), []);
  },

  'one that was never recorded cannot be settled': async ({ driver }) => {
    await ended(driver);
    const event = await claimOne(driver);

    for (const other of [{ id: 'x' }, { app: 'forum' }, { handler: 'goodbye' }]) {
      assert.equal(await settle(driver, { event: { ...event, ...other } }), false);
      assert.equal(await settle(driver, { event: { ...event, ...other }, retryAt: NOW }), false);
    }

    assert.equal((await claim(driver, { now: NOW + 1e6 })).length, 1);
  },

  'one that is done with leaves those of other handlers': async ({ driver }) => {
    const key = await heard(driver);
    await commit(driver, key, {}, { register: [handler('shop', 'goodbye'), handler('forum', 'remind')] });
    await end(driver, key);

    const [event] = await claim(driver, { handlers: ['remind'] });
    assert.ok(event);
    await settle(driver, { event });

    assert.deepEqual(handlersOf(await claim(driver, { now: NOW + 1e6 })), ['goodbye']);
    assert.deepEqual(handlersOf(await claim(driver, { app: 'forum' })), ['remind']);
  },

  'one that is to be tried again is due at that moment and not before': async ({ driver }) => {
    await ended(driver);
    const event = await claimOne(driver, { until: NOW + 60 });

    assert.equal(await settle(driver, { event, retryAt: NOW + 500.5 }), true);

    assert.deepEqual(await claim(driver, { now: NOW + 500 }), []);
    assert.deepEqual(await claim(driver, { now: NOW + 501 }), [{ ...event, attempt: 2 }]);
  },

  'one that is to be tried again may be due before the time of its claim is over': async ({ driver }) => {
    await ended(driver);
    const event = await claimOne(driver, { until: NOW + 60 });

    await settle(driver, { event, retryAt: NOW + 5 });

    assert.equal((await claim(driver, { now: NOW + 6 })).length, 1);
  },

  'a later claim is not cut short or postponed by an earlier one that is to be tried again': async ({
    driver,
  }) => {
    await ended(driver);
    const first = await claimOne(driver, { until: NOW + 60 });
    const second = await claimOne(driver, { now: NOW + 61, until: NOW + 120 });
    assert.equal(second.attempt, 2);

    assert.equal(await settle(driver, { event: first, retryAt: NOW + 62 }), true);
    assert.deepEqual(await claim(driver, { now: NOW + 119 }), []);

    assert.equal(await settle(driver, { event: first, retryAt: NOW + 900 }), true);
    assert.equal((await claim(driver, { now: NOW + 121 })).length, 1);
  },

  'one that is done with after a later claim took it is gone all the same': async ({ driver }) => {
    await ended(driver);
    const first = await claimOne(driver, { until: NOW + 60 });
    const second = await claimOne(driver, { now: NOW + 61, until: NOW + 120 });

    assert.equal(await settle(driver, { event: first }), true);

    assert.equal(await settle(driver, { event: second }), false);
    assert.deepEqual(await claim(driver, { now: NOW + 1e6 }), []);
  },

  'one that is settled by several at once is settled once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    await ended(driver);
    const event = await claimOne(driver);

    const answers = await Promise.all([driver, other, driver].map((one) => settle(one, { event })));

    assert.deepEqual(answers.toSorted(), [false, false, true]);
  },

  'are given up by a sweep when they were recorded before its bound, and counted': async ({ driver }) => {
    for (const age of [500, 400, 300]) await ended(driver, String(age), { now: NOW - age });
    const [claimed] = await claim(driver, { limit: 1, until: NOW + 900 });

    const { lostEvents } = await sweepAll(driver, { eventsBefore: NOW - 300 });

    assert.equal(lostEvents, 2);
    assert.deepEqual(detailsOf(await claim(driver, { now: NOW + 1e6 })), ['300']);
    assert.ok(claimed);
    assert.equal(await settle(driver, { event: claimed }), false);
  },

  'are kept by a sweep that names no bound': async ({ driver }) => {
    await ended(driver, 'old', { now: 1 });

    assert.deepEqual(await sweepAll(driver), { removed: 0, lostEvents: 0 });

    assert.deepEqual(detailsOf(await claim(driver)), ['old']);
  },

  'are recorded for a session that got another key and is ended by the older': async ({ driver }) => {
    if (!driver.powers.has('aliases')) return;
    const key = await heard(driver, TEA);
    const to = await renamed(driver, key);
    await commit(driver, to, { shop: { cart: 'coffee' } });

    await end(driver, key);
    await end(driver, to);

    const events = await claim(driver);
    assert.deepEqual(
      events.map(({ values }) => values),
      [new Map([['cart', 'coffee']])],
    );
  },

  'are recorded by a sweep for a session that gets another key while it runs': async ({ driver }) => {
    if (!driver.powers.has('aliases')) return;
    const key = await heard(driver, TEA, { expireTime: NOW - 1 });

    const renaming = rename(driver, key, {}, {}, BEHIND);
    await Promise.all([driver.sweep(ONE_STEP), renaming]);
    await sweepAll(driver);

    assert.equal((await claim(driver)).length, 1);
  },

  'are removed with the environment': async ({ driver }) => {
    await ended(driver);

    await driver.removeEnvironment();
    await driver.createEnvironment();

    assert.deepEqual(await claim(driver), []);
  },

  'survive a restart, claimed or not, where the driver is persistent': async ({ driver, restart }) => {
    if (!driver.powers.has('persistent')) return;
    await ended(driver, 'claimed');
    const before = await claimOne(driver, { until: NOW + 60 });
    await ended(driver, 'waiting');

    const later = await restart();

    assert.deepEqual(detailsOf(await claim(later, { now: NOW + 59, until: NOW + 1e6 })), ['waiting']);
    assert.deepEqual(await claim(later, { now: NOW + 61 }), [{ ...before, attempt: 2 }]);
  },
};

/** A session with a handler that is to hear of its end. */
async function heard(
  driver: Driver,
  difference: Difference = TEA,
  moments: Partial<Moments> = {},
  detail?: string,
): Promise<SessionKey> {
  const register = [handler('shop', 'remind', detail)];
  const key = newKey();
  const made = await commit(driver, key, difference, { create: { ...MOMENTS, ...moments }, register });
  assert.equal(made, 'committed', 'A session could not be made with a handler.');
  return key;
}

/** Makes a session with a handler and ends it. */
async function ended(
  driver: Driver,
  detail?: string,
  more: { now?: number; reason?: EndReason } = {},
): Promise<void> {
  const key = await heard(driver, TEA, {}, detail);
  assert.equal(await end(driver, key, more), true, 'A session could not be ended.');
}

async function claim(driver: Driver, more: Partial<Claim> = {}): Promise<StoredEvent[]> {
  const handlers = ['remind', 'goodbye'];
  const wanted = { app: 'shop', handlers, now: NOW, until: NOW + 60, limit: 100, ...more };
  return copyOf(await answered(driver.claim?.(wanted), 'claim'));
}

async function claimOne(driver: Driver, more: Partial<Claim> = {}): Promise<StoredEvent> {
  const [event, ...others] = await claim(driver, more);
  assert.ok(event, 'There is no event to claim.');
  assert.equal(others.length, 0, 'There are more events than one.');
  return event;
}

function settle(driver: Driver, settlement: Settlement): Promise<boolean> {
  return answered(driver.settle?.(settlement), 'settle');
}

function detailsOf(events: readonly StoredEvent[]): (string | undefined)[] {
  return events.map(({ detail }) => detail);
}

function handlersOf(events: readonly StoredEvent[]): string[] {
  return events.map((event) => event.handler).toSorted();
}
