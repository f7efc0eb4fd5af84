import { describe, it, jest } from '@jest/globals';
import type { Power } from '../../src/stores/driver.js';
import { type DriverStorage, driverSuite } from '../../src/testing/driver-suite.js';
import { temporaryFolder } from '../support/processes.js';

const POWERS: readonly Power[] = ['persistent', 'shared', 'aliases'];

describe('FileDriver', () => {
  for (const { name, run, skipped } of driverSuite(inFolder, POWERS)) {
    if (skipped === undefined) it(name, run);
    else process.stdout.write(`FileDriver, left out: ${name}\n`);
  }
});

/** Storage of the suite: a folder that each opened driver has opened by itself. */
function inFolder(): DriverStorage {
  const { path, remove } = temporaryFolder();
  const drivers: { close: () => Promise<void> }[] = [];
  return {
    async open() {
      const { FileDriver } = await copyOfTheDriver();
      const driver = FileDriver.open(path, 'testEnv');
      drivers.push(driver);
      return driver;
    },
    async close() {
      for (const driver of drivers.splice(0)) await driver.close();
    },
    remove,
  };
}

/** Within one copy of the modules a folder has one driver; another copy opens another, as another process does. */
async function copyOfTheDriver() {
  jest.resetModules();
  return import('../../src/stores/file.js');
}
