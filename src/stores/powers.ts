import type { Driver, Power } from './driver.js';
import { SessionError } from './errors.js';

/** @throws SessionError `NO_POWER` when the driver lacks what is asked of it. */
export function checkPower({ powers }: Driver, power: Power, wanted: string): void {
  if (!powers.has(power)) throw powerless(power, wanted);
}

export function powerless(power: Power, wanted: string): SessionError {
  return new SessionError(
    'NO_POWER',
    `${wanted} needs a storage with the power '${power}', which this environment's lacks. Use another storage, as 'database'.`,
  );
}
