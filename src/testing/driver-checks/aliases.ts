import assert from 'node:assert/strict';
import type { Driver } from '../../stores/driver.js';
import {
  BEHIND,
  bothOf,
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
  oneMore,
  ONE_STEP,
  rename,
  renamed,
  renameTo,
  sweepAll,
  thereOf,
  valuesOf,
} from './subject.js';

const TEA = { shop: { cart: 'tea' } };

export const aliasChecks: Checks = {
  'a rename gives a session another key, and it keeps what it has': async ({ driver }) => {
    const moments = { accessed: NOW - 3, idle: 500, expireTime: NOW + 9.5 };
    const key = await make(driver, { ...TEA, forum: { name: 'Anna' } }, moments);
    await commit(driver, key, {}, { register: [handler('shop', 'remind', '1')] });

    const to = await renamed(driver, key);

    assert.deepEqual(await valuesOf(driver, to), { ...TEA, forum: { name: 'Anna' } });
    assert.deepEqual(await momentsOf(driver, to), { ...MOMENTS, ...moments });
    assert.deepEqual(await handlersOf(driver, to), [['shop', 'remind', '1']]);
  },

  'the new key is the one of the session, and no alias': async ({ driver }) => {
    const to = await renamed(driver, await make(driver));

    const stored = await driver.load(to);

    assert.deepEqual([stored?.key, stored?.alias], [to, undefined]);
  },

  'an older key loads the session as the new one does, with its alias': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = newKey();

    await renamed(driver, key, { to, until: NOW + 30.25, next: "an 'id', sealed\0" });

    const [older, newer] = [await driver.load(key), await driver.load(to)];
    assert.ok(older && newer);
    assert.deepEqual({ ...older.alias }, { until: NOW + 30.25, next: "an 'id', sealed\0" });
    assert.equal(older.key, to);
    assert.deepEqual({ ...older, alias: undefined }, { ...newer, alias: undefined });
  },

  'an older key loads at once what it loads later, where the driver can': async ({ driver }) => {
    if (driver.loadNow === undefined) return;
    const key = await make(driver, TEA);

    await renamed(driver, key);

    assert.deepEqual(driver.loadNow(key), await driver.load(key));
    assert.notEqual(driver.loadNow(key), undefined);
  },

  'an older key is answered long after its time': async ({ driver }) => {
    const key = await make(driver, TEA);

    const to = await renamed(driver, key, { until: 1_000_000_000 });

    assert.equal((await driver.load(key))?.key, to);
    assert.deepEqual(await valuesOf(driver, key), TEA);
  },

  'every older key leads to the newest, each with its own alias': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first, { until: NOW + 1, next: 'second' });
    const third = await renamed(driver, second, { until: NOW + 2, next: 'third' });
    const fourth = await renamed(driver, third, { until: NOW + 3, next: 'fourth' });

    const loaded = await Promise.all([first, second, third, fourth].map((key) => driver.load(key)));

    const keys = loaded.map((stored) => stored?.key);
    assert.deepEqual(keys, [fourth, fourth, fourth, fourth]);
    const aliases = loaded.map((stored) => stored?.alias && [stored.alias.until, stored.alias.next]);
    assert.deepEqual(aliases, [[NOW + 1, 'second'], [NOW + 2, 'third'], [NOW + 3, 'fourth'], undefined]);
  },

  'a rename with an earlier time brings that of the still older keys down': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first, { until: NOW + 100 });
    const third = await renamed(driver, second, { until: NOW + 5 });
    await renamed(driver, third, { until: NOW + 50 });

    const loaded = await Promise.all([first, second, third].map((key) => driver.load(key)));

    assert.deepEqual(
      loaded.map((stored) => stored?.alias?.until),
      [NOW + 5, NOW + 5, NOW + 50],
    );
  },

  'an older key loads what was committed by the new one': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key);

    await commit(driver, to, { shop: { cart: 'coffee' } }, { move: { accessed: NOW + 5 } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee' } });
    assert.equal((await momentsOf(driver, key))?.accessed, NOW + 5);
  },

  "a commit by an older key is applied, and answers 'superseded'": async ({ driver }) => {
    const first = await make(driver, { shop: { cart: 'tea', count: '1' }, forum: { name: 'Anna' } });
    const second = await renamed(driver, first);
    const third = await renamed(driver, second);
    const register = [handler('shop', 'remind')];
    const move = { accessed: NOW + 5, expireTime: NOW + 60 };

    const answers = [
      await commit(driver, first, { shop: { count: oneMore } }, { move, register }),
      await commit(driver, second, { shop: { count: oneMore, cart: null } }),
    ];

    assert.deepEqual(answers, ['superseded', 'superseded']);
    assert.deepEqual(await valuesOf(driver, third), { shop: { count: '3' }, forum: { name: 'Anna' } });
    assert.deepEqual(await momentsOf(driver, third), { ...MOMENTS, ...move });
    assert.deepEqual(await handlersOf(driver, third), [['shop', 'remind', undefined]]);
  },

  "a commit by an older key answers 'gone' past the deadline, and changes nothing": async ({ driver }) => {
    const key = await make(driver, TEA, { expireTime: NOW - 1 });
    const to = await renamed(driver, key, {}, BEHIND);

    assert.equal(await commit(driver, key, { shop: { cart: 'coffee' } }), 'gone');

    assert.deepEqual(await valuesOf(driver, to), TEA);
  },

  "a commit by an older key answers 'gone' from its time on, and changes nothing": async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key, { until: NOW + 5.5 });
    const late = { move: { expireTime: NOW + 9000 }, empty: true, register: [handler('shop', 'remind')] };
    const at = (now: number, more: object = {}) =>
      commit(driver, key, { shop: { total: '1' } }, { now, ...more });

    const answers = [await at(NOW + 5.25), await at(NOW + 5.5, late), await at(NOW + 60, late)];

    assert.deepEqual(answers, ['superseded', 'gone', 'gone']);
    assert.deepEqual(await valuesOf(driver, to), { shop: { cart: 'tea', total: '1' } });
    assert.deepEqual(await momentsOf(driver, to), MOMENTS);
    assert.deepEqual(await handlersOf(driver, to), []);
  },

  'a commit by an older key changes nothing once a rename has brought its time down': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first, { until: NOW + 100 });
    const third = await renamed(driver, second, { until: NOW });

    assert.equal(await commit(driver, first, { shop: { cart: 'coffee' } }), 'gone');

    assert.deepEqual(await valuesOf(driver, third), TEA);
  },

  'a rename by an older key is not done, but the rest of its commit is': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key, { next: 'first' });
    const late = newKey();

    const answer = await rename(driver, key, { to: late, next: 'late' }, { shop: { total: '1' } });

    assert.equal(answer, 'superseded');
    assert.equal(await driver.load(late), undefined);
    const stored = await driver.load(key);
    assert.deepEqual([stored?.key, stored?.alias?.next], [to, 'first']);
    assert.deepEqual(await valuesOf(driver, to), { shop: { cart: 'tea', total: '1' } });
  },

  'a rename is done together with the rest of its commit': async ({ driver }) => {
    const key = await make(driver, { ...TEA, forum: { name: 'Anna' } });
    const to = newKey();
    const register = [handler('shop', 'remind')];
    const more = { empty: true, register, move: { accessed: NOW + 5 }, rename: renameTo(to) };

    assert.equal(await commit(driver, key, { shop: { total: '1' } }, { ...more }), 'committed');

    assert.deepEqual(await valuesOf(driver, to), { shop: { total: '1' } });
    assert.deepEqual(await momentsOf(driver, to), { ...MOMENTS, accessed: NOW + 5 });
    assert.deepEqual(await handlersOf(driver, to), [['shop', 'remind', undefined]]);
  },

  'a rename of a session that is gone makes nothing': async ({ driver }) => {
    const past = await make(driver, TEA, { expireTime: NOW - 1 });
    const ended = await make(driver, TEA);
    await end(driver, ended);

    for (const key of [past, ended, newKey()]) {
      const to = newKey();
      assert.equal(await rename(driver, key, { to }), 'gone');
      assert.equal(await driver.load(to), undefined);
    }
    assert.equal((await driver.load(past))?.alias, undefined);
  },

  'a rename is not done when an update of its commit throws': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = newKey();
    const fail = () => {
      throw new Error('no cart');
    };

    await assert.rejects(rename(driver, key, { to }, { shop: { total: '1', cart: fail } }));

    assert.equal(await driver.load(to), undefined);
    const stored = await driver.load(key);
    assert.deepEqual([stored?.key, stored?.alias], [key, undefined]);
  },

  'of two renames at once one is done, and nothing of the other is lost': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver, TEA);
    const keys = [newKey(), newKey()] as const;

    const answers = await Promise.all([
      rename(driver, key, { to: keys[0], next: '0' }, { shop: { one: '1' } }),
      rename(other, key, { to: keys[1], next: '1' }, { shop: { two: '2' } }),
    ]);

    assert.deepEqual(answers.toSorted(), ['committed', 'superseded']);
    const winner = answers.indexOf('committed');
    const stored = await other.load(key);
    assert.deepEqual([stored?.key, stored?.alias?.next], [keys[winner], String(winner)]);
    assert.deepEqual(await thereOf(driver, keys), [keys[winner]]);
    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea', one: '1', two: '2' } });
  },

  'commits by the key that is being replaced are all applied': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);
    const count = (one: Driver) => commit(one, key, { shop: { count: oneMore } });

    const before = Array.from({ length: 10 }, (_, i) => count(i % 2 === 0 ? driver : other));
    const to = renamed(driver, key);
    const after = Array.from({ length: 10 }, (_, i) => count(i % 2 === 0 ? driver : other));
    const answers = await Promise.all([...before, ...after]);

    assert.deepEqual(
      answers.filter((answer) => answer !== 'committed' && answer !== 'superseded'),
      [],
    );
    assert.deepEqual(await valuesOf(other, await to), { shop: { count: '20' } });
  },

  "no session is made under an older key of another: that answers 'exists'": async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key);

    const answer = await commit(driver, key, { shop: { cart: 'coffee' } }, { create: MOMENTS });

    assert.equal(answer, 'exists');
    assert.equal((await driver.load(key))?.key, to);
    assert.deepEqual(await valuesOf(driver, to), TEA);
  },

  'an older key ends the session': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first);
    const third = await renamed(driver, second);

    assert.equal(await end(driver, first), true);

    assert.equal(await driver.load(third), undefined);
  },

  'an older key ends the session long after its time': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key, { until: NOW - 100 });

    assert.equal(await end(driver, key), true);

    assert.equal(await driver.load(to), undefined);
  },

  'after the end no key leads anywhere': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first);
    const third = await renamed(driver, second);

    await end(driver, third);

    for (const key of [first, second, third]) {
      assert.equal(await driver.load(key), undefined);
      assert.equal(await commit(driver, key, TEA), 'gone');
      assert.equal(await end(driver, key), false);
    }
  },

  'a session that is ended by all its keys at once ends once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const first = await make(driver, TEA);
    const second = await renamed(driver, first);
    const third = await renamed(driver, second);

    const answers = await Promise.all([end(driver, first), end(other, second), end(driver, third)]);

    assert.deepEqual(answers.toSorted(), [false, false, true]);
  },

  'a session that is made under a used key is not reached by older keys': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first);
    await end(driver, second);

    await make(driver, { shop: { cart: 'coffee' } }, {}, second);

    assert.equal(await driver.load(first), undefined);
    assert.equal(await commit(driver, first, TEA), 'gone');
    assert.equal(await end(driver, first), false);
    assert.deepEqual(await valuesOf(driver, second), { shop: { cart: 'coffee' } });
  },

  'a session that is made under what was an older key is one of its own': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first);
    await end(driver, first);

    await make(driver, { shop: { cart: 'coffee' } }, {}, first);

    const stored = await driver.load(first);
    assert.deepEqual([stored?.key, stored?.alias], [first, undefined]);
    assert.deepEqual(await valuesOf(driver, first), { shop: { cart: 'coffee' } });
    assert.equal(await driver.load(second), undefined);
  },

  'a sweep forgets the older keys whose time was over before its bound': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key, { until: NOW - 0.5 });

    await sweepAll(driver, { aliasesBefore: NOW });

    assert.equal(await driver.load(key), undefined);
    assert.equal(await commit(driver, key, { shop: { cart: 'coffee' } }), 'gone');
    assert.deepEqual(await valuesOf(driver, to), TEA);
  },

  'a sweep keeps all other older keys': async ({ driver }) => {
    const first = await make(driver, TEA);
    const second = await renamed(driver, first, { until: NOW - 20 });
    const third = await renamed(driver, second, { until: NOW + 0.5 });

    await sweepAll(driver);
    await sweepAll(driver, { aliasesBefore: NOW - 20 });

    assert.deepEqual(
      [await driver.load(first), await driver.load(second)].map((stored) => stored?.key),
      [third, third],
    );
  },

  'a sweep ends a renamed session once, and no key leads to it': async ({ driver }) => {
    const first = await make(driver, TEA, { expireTime: NOW - 1 });
    const second = await renamed(driver, first, {}, BEHIND);
    const third = await renamed(driver, second, {}, BEHIND);

    assert.equal((await sweepAll(driver)).removed, 1);

    assert.deepEqual(await thereOf(driver, [first, second, third]), []);
    await make(driver, {}, {}, third);
    assert.deepEqual(await thereOf(driver, [first, second]), []);
  },

  'a sweep reaches sessions that are renamed meanwhile, and ends each once': async ({ driver }) => {
    const keys = Array.from({ length: 8 }, newKey);
    for (const key of keys) await make(driver, TEA, { expireTime: NOW - 1 }, key);
    const renameAll = async () => {
      for (const key of keys) {
        const stored = await driver.load(key);
        if (stored !== undefined) await rename(driver, stored.key, {}, {}, BEHIND);
      }
    };

    const [first] = await Promise.all([driver.sweep({ ...ONE_STEP, limit: 3 }), renameAll()]);
    const rest = await sweepAll(driver, { limit: 3, after: first.next }, renameAll);

    assert.equal(first.removed + rest.removed, keys.length);
    assert.deepEqual(await thereOf(driver, keys), []);
  },

  'are forgotten with the environment': async ({ driver }) => {
    const key = await make(driver, TEA);
    const to = await renamed(driver, key);

    await driver.removeEnvironment();
    await driver.createEnvironment();
    await make(driver, TEA, {}, to);

    assert.equal(await driver.load(key), undefined);
  },

  'lead to the session for another process too, where the driver is shared': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver, TEA);
    assert.deepEqual(await valuesOf(other, key), TEA);

    const to = await renamed(driver, key);

    assert.equal((await other.load(key))?.key, to);
    assert.equal(await commit(other, key, { shop: { cart: 'coffee' } }), 'superseded');
    assert.deepEqual(await valuesOf(driver, to), { shop: { cart: 'coffee' } });
    assert.equal(await end(other, key), true);
    assert.equal(await driver.load(to), undefined);
  },

  'survive a restart, where the driver is persistent': async ({ driver, restart }) => {
    if (!driver.powers.has('persistent')) return;
    const key = await make(driver, TEA);
    const to = await renamed(driver, key, { next: 'second' });

    const later = await restart();

    const stored = await later.load(key);
    assert.deepEqual([stored?.key, stored?.alias?.until, stored?.alias?.next], [to, NOW + 30, 'second']);
    assert.equal(await commit(later, key, {}), 'superseded');
  },
};
