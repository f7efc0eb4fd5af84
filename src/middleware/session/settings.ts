import type { ErrorStream } from '../../app/environ.js';
import type { Resources } from '../../app/layer.js';
import { logFailure } from '../../app/log.js';
import { Carrier } from '../../stores/carrier.js';
import { systemClock } from '../../stores/clock.js';
import { jsonCodec } from '../../stores/codec.js';
import type { Driver } from '../../stores/driver.js';
import { SessionError } from '../../stores/errors.js';
import { checkedLimits } from '../../stores/limits.js';
import { Notices } from '../../stores/notices.js';
import { checkPower } from '../../stores/powers.js';
import type { VisitSettings } from '../../stores/settings.js';
import { Watcher } from '../../stores/watcher.js';
import type { SessionOptions } from './options.js';

/** What the visits of one layer share; `options` were checked. */
export function settingsFor(options: SessionOptions, resources: Resources): VisitSettings {
  const { idle = Infinity, expire = idle === Infinity ? DAY : Infinity } = options;
  const { codec = jsonCodec, clock = systemClock, invalidateCorrupt = 'throw' } = options;
  const name = resources['web.environment.name'] as string;
  const driver = resources['web.environment.driver'] as Driver;
  if (invalidateCorrupt === 'quarantine') checkPower(driver, 'quarantine', "invalidateCorrupt: 'quarantine'");
  return {
    driver,
    codec,
    limits: checkedLimits(options.limits),
    clock,
    lifetime: expire,
    idle,
    invalidateCorrupt,
    carrier: new Carrier(name, options),
    notices: new Notices(name, clock, options.log),
    report: reporter(resources, 'what no reply waits for failed'),
    watcher: new Watcher(driver, clock, reporter(resources, 'a callback at the end of a session failed')),
  };
}

/** Creates the environment when that was asked for. @throws SessionError `NO_TABLES` */
export async function checkTables(
  driver: Driver,
  { setupEnvironment = false }: SessionOptions,
): Promise<void> {
  if (setupEnvironment) await driver.createEnvironment();
  else if (!(await driver.completeEnvironment())) throw noTables();
}

/** Writes what fails outside any request to the log. */
export function reporter(resources: Resources, what: string): (error: unknown) => void {
  const errors = resources['tsgi.errors'] as ErrorStream;
  return (error) => {
    logFailure(errors, `session(): ${what}`, error);
  };
}

const DAY = 86_400;

function noTables(): SessionError {
  return new SessionError(
    'NO_TABLES',
    'The environment was not created yet. Give session() setupEnvironment: true, or run createEnvironment().',
  );
}
