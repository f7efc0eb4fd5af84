import assert from 'node:assert/strict';
import type { CorruptValue, Driver, QuarantinedValue } from '../../stores/driver.js';
import type { SessionKey } from '../../stores/session-id.js';
import { answered, bothOf, type Checks, copyOf, end, make, newKey, NOW } from './subject.js';

export const quarantineChecks: Checks = {
  'lists the values that were put aside, in that order': async ({ driver }) => {
    await putAside(driver, ['b', 'a']);
    await putAside(driver, ['c']);

    assert.deepEqual(valuesOf(await list(driver)), ['b', 'a', 'c']);
  },

  'tells where each was, and when it was found': async ({ driver }) => {
    const corrupt = [
      { app: 'shop', key: 'cart', value: '{' },
      { app: 'forum', key: 'cart', value: '{' },
    ];

    await end(driver, await make(driver), { reason: 'corrupt', now: NOW + 1.5, corrupt });

    const found = (await list(driver)).map(({ app, key, value, foundAt }) => ({ app, key, value, foundAt }));
    assert.deepEqual(
      found,
      corrupt.map((value) => ({ ...value, foundAt: NOW + 1.5 })),
    );
  },

  'keeps values exactly': async ({ driver }) => {
    const awkward = ['', ' ', 'null', '"', "'", '\\', 'a\0b', '\u2028', 'ä\u0308', '\u{1f600}', '{"a":'];

    await putAside(driver, awkward);

    assert.deepEqual(valuesOf(await list(driver)), awkward);
  },

  'keeps the values of one application and key from each session': async ({ driver }) => {
    await putAside(driver, ['a']);
    await putAside(driver, ['a']);

    assert.deepEqual(valuesOf(await list(driver)), ['a', 'a']);
  },

  'numbers its values upwards': async ({ driver }) => {
    await putAside(driver, ['a', 'b']);
    await putAside(driver, ['c']);

    const numbers = (await list(driver)).map(({ number }) => number);

    assert.deepEqual(
      [...new Set(numbers)].toSorted((one, other) => one - other),
      numbers,
    );
  },

  'is listed in pages, each from where the one before stopped': async ({ driver }) => {
    await putAside(driver, ['a', 'b', 'c', 'd', 'e']);

    const first = await list(driver, { limit: 2 });
    const second = await list(driver, { limit: 2, after: first.at(-1)?.number ?? NaN });
    const third = await list(driver, { limit: 2, after: second.at(-1)?.number ?? NaN });
    const fourth = await list(driver, { limit: 2, after: third.at(-1)?.number ?? NaN });

    assert.deepEqual([first, second, third, fourth].map(valuesOf), [['a', 'b'], ['c', 'd'], ['e'], []]);
  },

  'gets nothing by an ending that names nothing': async ({ driver }) => {
    await end(driver, await make(driver, { shop: { cart: 'tea' } }), { reason: 'corrupt' });

    assert.deepEqual(await list(driver), []);
  },

  'gets nothing where there was no session to end': async ({ driver }) => {
    const key = await make(driver);
    await end(driver, key);

    await putAside(driver, ['a'], key);
    await putAside(driver, ['b'], newKey());

    assert.deepEqual(await list(driver), []);
  },

  'gets values once when a session is ended several times at once': async (subject) => {
    const [driver, other] = await bothOf(subject);
    const key = await make(driver);

    await Promise.all([driver, other, driver].map((one) => putAside(one, ['a', 'b'], key)));

    assert.deepEqual(valuesOf(await list(other)), ['a', 'b']);
  },

  'is cleared with an answer how many values there were': async ({ driver }) => {
    await putAside(driver, ['a', 'b', 'c']);

    assert.equal(await clear(driver), 3);

    assert.deepEqual(await list(driver), []);
    assert.equal(await clear(driver), 0);
  },

  'takes values again after it was cleared': async ({ driver }) => {
    await putAside(driver, ['a']);
    await clear(driver);

    await putAside(driver, ['b']);

    assert.deepEqual(valuesOf(await list(driver)), ['b']);
  },

  'is removed with the environment': async ({ driver }) => {
    await putAside(driver, ['a']);

    await driver.removeEnvironment();
    await driver.createEnvironment();

    assert.deepEqual(await list(driver), []);
  },

  'is the same for another process, where the driver is shared': async (subject) => {
    const [driver, other] = await bothOf(subject);
    await putAside(driver, ['a']);
    await putAside(other, ['b']);

    assert.deepEqual(await list(driver), await list(other));
    assert.equal(await clear(other), 2);
    assert.deepEqual(await list(driver), []);
  },

  'survives a restart, where the driver is persistent': async ({ driver, restart }) => {
    if (!driver.powers.has('persistent')) return;
    await putAside(driver, ['a', 'b']);
    const before = await list(driver);

    const later = await restart();

    assert.deepEqual(await list(later), before);
    assert.equal(before.length, 2);
  },
};

/** Ends a session with values to put aside: a new one, unless its key is given. */
async function putAside(driver: Driver, values: readonly string[], key?: SessionKey): Promise<void> {
  const corrupt = values.map((value): CorruptValue => ({ app: 'shop', key: 'cart', value }));
  await end(driver, key ?? (await make(driver)), { reason: 'corrupt', corrupt });
}

async function list(
  driver: Driver,
  page: { after?: number; limit: number } = { limit: 100 },
): Promise<QuarantinedValue[]> {
  return copyOf(await answered(driver.quarantined?.(page), 'quarantined'));
}

function clear(driver: Driver): Promise<number> {
  return answered(driver.clearQuarantine?.(), 'clearQuarantine');
}

function valuesOf(found: readonly QuarantinedValue[]): string[] {
  return found.map(({ value }) => value);
}
