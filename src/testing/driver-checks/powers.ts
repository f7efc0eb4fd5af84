import assert from 'node:assert/strict';
import type { Power } from '../../stores/driver.js';
import { type Checks, commit, end, make, momentsOf, newKey, NOW, oneMore, valuesOf } from './subject.js';
import { MOMENTS } from './subject.js';

const TEA = { shop: { cart: 'tea' } };

const persistent: Checks = {
  'what was committed is there after a restart': async ({ driver, restart }) => {
    const key = await make(driver, TEA);
    await commit(driver, key, { forum: { name: 'Anna' } }, { move: { expireTime: NOW + 60.5 } });

    const later = await restart();

    assert.equal(await later.completeEnvironment(), true);
    assert.deepEqual(await valuesOf(later, key), { ...TEA, forum: { name: 'Anna' } });
    assert.deepEqual(await momentsOf(later, key), { ...MOMENTS, expireTime: NOW + 60.5 });
  },

  'what was ended is not there after a restart': async ({ driver, restart }) => {
    const key = await make(driver, TEA);
    await end(driver, key);

    const later = await restart();

    assert.equal(await later.load(key), undefined);
  },
};

const shared: Checks = {
  'sees what another process commits': async ({ driver, another }) => {
    const other = await another();
    const key = await make(driver, TEA);
    assert.deepEqual(await valuesOf(driver, key), TEA);
    assert.deepEqual(await valuesOf(other, key), TEA);

    await commit(other, key, { shop: { cart: 'coffee' } }, { move: { expireTime: NOW + 60 } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'coffee' } });
    assert.deepEqual(await momentsOf(driver, key), { ...MOMENTS, expireTime: NOW + 60 });
  },

  'counts the updates of several processes': async ({ driver, another }) => {
    const other = await another();
    const key = await make(driver);
    const count = () => ({ shop: { count: oneMore } });

    for (let round = 0; round < 10; round += 1) {
      await Promise.all([driver, other, driver, other].map((one) => commit(one, key, count())));
    }

    assert.deepEqual(await valuesOf(driver, key), { shop: { count: '40' } });
  },

  'never revives a session that another process ended': async ({ driver, another }) => {
    const other = await another();
    const key = await make(driver, TEA);
    await commit(driver, key, { shop: { total: '1' } });

    assert.equal(await end(other, key), true);

    assert.equal(await commit(driver, key, { shop: { total: '2' } }), 'gone');
    assert.equal(await end(driver, key), false);
    assert.equal(await other.load(key), undefined);
  },

  'makes one session when two processes make it at once': async ({ driver, another }) => {
    const other = await another();
    const key = newKey();

    const results = await Promise.all(
      [driver, other].map((one) => commit(one, key, TEA, { create: MOMENTS })),
    );

    assert.deepEqual(results.toSorted(), ['committed', 'exists']);
  },

  'lets two processes create the environment at once': async ({ driver, another }) => {
    const other = await another();
    await driver.removeEnvironment();

    await Promise.all([driver.createEnvironment(), other.createEnvironment()]);

    const key = await make(driver, TEA);
    assert.deepEqual(await valuesOf(other, key), TEA);
  },
};

/** The suite is told the powers before a driver is there, so a driver that claims others would go untested. */
function claimed(powers: readonly Power[]): Checks {
  return {
    'are those that the suite was told to test': ({ driver }) => {
      assert.deepEqual([...driver.powers].toSorted(), powers.toSorted());
      return Promise.resolve();
    },

    'come with their members, and members with their power': ({ driver }) => {
      for (const [power, members] of MEMBERS) {
        const expected = members.map((member) => [member, driver.powers.has(power)]);
        assert.deepEqual(
          members.map((member) => [member, typeof driver[member] === 'function']),
          expected,
          `The power '${power}' and its members go together.`,
        );
      }
      return Promise.resolve();
    },
  };
}

const MEMBERS = [
  ['events', ['claim', 'settle']],
  ['locks', ['lock', 'unlock']],
  ['quarantine', ['quarantined', 'clearQuarantine']],
] as const;

export const powerChecks: {
  readonly persistent: Checks;
  readonly shared: Checks;
  readonly claimed: (powers: readonly Power[]) => Checks;
} = { persistent, shared, claimed };
