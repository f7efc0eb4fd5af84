import assert from 'node:assert/strict';
import {
  changesOf,
  type Checks,
  commit,
  handler,
  handlersOf,
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

  'empties all applications before it changes keys': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea', count: '7' }, forum: { name: 'Anna' } });

    await commit(driver, key, { shop: { count: oneMore }, blog: { title: 'x' } }, { empty: true });

    assert.deepEqual(await valuesOf(driver, key), { shop: { count: '1' }, blog: { title: 'x' } });
  },

  'empties all applications where it names none': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' }, forum: { name: 'Anna' } });

    await commit(driver, key, {}, { empty: true });

    assert.deepEqual(await valuesOf(driver, key), {});
    assert.deepEqual(await momentsOf(driver, key), MOMENTS);
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

  'adds handlers to those that are registered': async ({ driver }) => {
    const key = await make(driver);

    await commit(driver, key, {}, { register: [handler('shop', 'remind')] });
    await commit(driver, key, TEA, { register: [handler('forum', 'remind'), handler('shop', 'goodbye')] });

    assert.deepEqual(await handlersOf(driver, key), [
      ['forum', 'remind', undefined],
      ['shop', 'goodbye', undefined],
      ['shop', 'remind', undefined],
    ]);
  },

  'registers a handler once for an application and a name, with the detail that came last': async ({
    driver,
  }) => {
    const key = await make(driver);
    const remind = (...details: string[]) => details.map((detail) => handler('shop', 'remind', detail));

    await commit(driver, key, {}, { register: [...remind('1'), handler('shop', 'goodbye', '1')] });
    await commit(driver, key, {}, { register: remind('2', '3') });

    assert.deepEqual(await handlersOf(driver, key), [
      ['shop', 'goodbye', '1'],
      ['shop', 'remind', '3'],
    ]);
  },

  'takes a detail away where a handler is registered again without one': async ({ driver }) => {
    const key = await make(driver);
    await commit(driver, key, {}, { register: [handler('shop', 'remind', '1')] });

    await commit(driver, key, {}, { register: [handler('shop', 'remind')] });

    assert.deepEqual(await handlersOf(driver, key), [['shop', 'remind', undefined]]);
  },

  'keeps details exactly, and names of handlers and applications apart': async ({ driver }) => {
    const key = await make(driver);
    const details = ['', ' ', 'null', '"', "'", '\\', 'a\0b', '\u2028', 'ä\u0308', '\u{1f600}', '__proto__'];
    const register = details.map((detail) => handler(`shop ${detail}`, `remind ${detail}`, detail));
    const alike = [handler('shop', 'remind'), handler('Shop', 'remind', '1'), handler('shop', 'Remind', '2')];

    await commit(driver, key, {}, { register: [...register, ...alike] });

    const found = new Map(
      (await handlersOf(driver, key))?.map(([app, ...rest]) => [`${app} ${rest[0]}`, rest]),
    );
    for (const { app, handler: name, detail } of [...register, ...alike]) {
      assert.deepEqual(found.get(`${app} ${name}`), [name, detail]);
    }
  },

  'keeps handlers whatever becomes of the values and the moments': async ({ driver }) => {
    const key = await make(driver, TEA);
    await commit(driver, key, {}, { register: [handler('shop', 'remind', '1')] });

    await commit(driver, key, { shop: { cart: null } }, { move: { accessed: NOW + 1 } });
    await commit(driver, key, {}, { empty: true });

    assert.deepEqual(await handlersOf(driver, key), [['shop', 'remind', '1']]);
  },
};
