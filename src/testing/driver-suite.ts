import type { Driver, Power } from '../stores/driver.js';
import { aliasChecks } from './driver-checks/aliases.js';
import { changeChecks } from './driver-checks/changes.js';
import { commitChecks } from './driver-checks/commit.js';
import { createChecks } from './driver-checks/create.js';
import { endChecks } from './driver-checks/end.js';
import { environmentChecks } from './driver-checks/environment.js';
import { eventChecks } from './driver-checks/events.js';
import { loadChecks } from './driver-checks/load.js';
import { lockChecks } from './driver-checks/locks.js';
import { powerChecks } from './driver-checks/powers.js';
import { quarantineChecks } from './driver-checks/quarantine.js';
import type { Check, Checks } from './driver-checks/subject.js';
import { sweepChecks } from './driver-checks/sweep.js';
import { valueChecks } from './driver-checks/values.js';

/** New, empty storage, made for one case. */
export interface DriverStorage {
  /** Opens a driver on it; the second time one as another process would have, which shares nothing but the storage. */
  open(): Driver | Promise<Driver>;
  /** Closes the drivers that were opened. What is persistent stays for the next `open`. */
  close?(): unknown;
  /** Removes the storage, after `close`. */
  remove?(): unknown;
}

/** One promise of the driver contract, ready to be run by any test runner. */
export interface DriverCase {
  /** The member of the contract and the promise: `end: answers false for a session that was never made`. */
  readonly name: string;
  readonly promise: string;
  /** The power it belongs to, when it is no promise of every driver. */
  readonly power?: Power;
  /** Why it is not tested: the driver lacks the power. It is in the name too, and `run` does nothing. */
  readonly skipped?: string;
  /** Rejects with an AssertionError when the driver breaks the promise. */
  readonly run: () => Promise<void>;
}

/**
 * The conformance suite for session drivers: every promise of the `Driver` contract as a plain case, each on storage of
 * its own. Cases may run at once.
 *
 * ```ts
 * for (const { name, run } of driverSuite(() => ({ open: () => new MyDriver() }))) it(name, run);
 * ```
 *
 * `powers` are those that the driver is to have; the cases of the others are in the list as skipped, so that the runner
 * shows what the driver leaves out.
 */
export function driverSuite(
  storage: () => DriverStorage | Promise<DriverStorage>,
  powers: readonly Power[] = [],
): DriverCase[] {
  const cases = (member: string, checks: Checks, power?: Power) =>
    Object.entries(checks).map(([promise, check]): DriverCase => {
      const name = `${member}: ${promise}`;
      if (power === undefined) return { name, promise, run: () => runOn(storage, check) };
      if (powers.includes(power)) return { name, promise, power, run: () => runOn(storage, check) };
      const skipped = `the driver does not have the power '${power}'`;
      return { name: `${name} (skipped: ${skipped})`, promise, power, skipped, run: () => Promise.resolve() };
    });

  return [
    ...cases('environment', environmentChecks),
    ...cases('load', loadChecks),
    ...cases('create', createChecks),
    ...cases('commit', commitChecks),
    ...cases('changes', changeChecks),
    ...cases('values', valueChecks),
    ...cases('end', endChecks),
    ...cases('sweep', sweepChecks),
    ...cases('aliases', aliasChecks, 'aliases'),
    ...cases('events', eventChecks, 'events'),
    ...cases('locks', lockChecks, 'locks'),
    ...cases('quarantine', quarantineChecks, 'quarantine'),
    ...cases('powers', powerChecks.claimed(powers)),
    ...cases('persistent', powerChecks.persistent, 'persistent'),
    ...cases('shared', powerChecks.shared, 'shared'),
  ];
}

async function runOn(makeStorage: () => DriverStorage | Promise<DriverStorage>, check: Check): Promise<void> {
  const storage = await makeStorage();
  const open = async () => storage.open();
  try {
    const driver = await open();
    await driver.createEnvironment();
    await check({
      driver,
      another: open,
      restart: async () => {
        await storage.close?.();
        return open();
      },
    });
  } finally {
    await storage.close?.();
    await storage.remove?.();
  }
}
