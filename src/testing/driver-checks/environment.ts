import assert from 'node:assert/strict';
import { type Checks, make, valuesOf } from './subject.js';

export const environmentChecks: Checks = {
  'is complete once it was created': async ({ driver }) => {
    assert.equal(await driver.completeEnvironment(), true);
  },

  'is complete only where sessions can be made': async ({ driver }) => {
    await driver.removeEnvironment();

    if (await driver.completeEnvironment()) await make(driver);
  },

  'creating it again changes nothing': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    await driver.createEnvironment();

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
  },

  'creating it twice at once is as once': async ({ driver }) => {
    await driver.removeEnvironment();

    await Promise.all([driver.createEnvironment(), driver.createEnvironment()]);

    await make(driver);
  },

  'removing it removes its sessions': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    await driver.removeEnvironment();
    await driver.createEnvironment();

    assert.equal(await driver.load(key), undefined);
  },

  'removing it with ignoreErrors removes its sessions too': async ({ driver }) => {
    const key = await make(driver, { shop: { cart: 'tea' } });

    await driver.removeEnvironment({ ignoreErrors: true });
    await driver.createEnvironment();

    assert.equal(await driver.load(key), undefined);
  },

  'removing one that is not there rejects': async ({ driver }) => {
    await driver.removeEnvironment();

    const isAlwaysThere = await driver.completeEnvironment();
    if (!isAlwaysThere) await assert.rejects(driver.removeEnvironment());
  },

  'removing one that is not there is no error with ignoreErrors': async ({ driver }) => {
    await driver.removeEnvironment();

    await driver.removeEnvironment({ ignoreErrors: true });
  },

  'can be created again after it was removed': async ({ driver }) => {
    await driver.removeEnvironment();
    await driver.createEnvironment();

    const key = await make(driver, { shop: { cart: 'tea' } });

    assert.deepEqual(await valuesOf(driver, key), { shop: { cart: 'tea' } });
  },
};
