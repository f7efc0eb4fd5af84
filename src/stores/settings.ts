import type { Carrier } from './carrier.js';
import type { Clock } from './clock.js';
import type { Codec } from './codec.js';
import type { Driver } from './driver.js';
import type { CheckedLimits } from './limits.js';
import type { Notices } from './notices.js';
import type { Watcher } from './watcher.js';

/** What one session layer gives to all its visits. */
export interface VisitSettings {
  readonly driver: Driver;
  readonly carrier: Carrier;
  readonly codec: Codec;
  readonly limits: CheckedLimits;
  readonly clock: Clock;
  /** The life of a new session in seconds. Infinity: no fixed end. */
  readonly lifetime: number;
  /** How long a new session lives without use, in seconds. Infinity: for ever. */
  readonly idle: number;
  readonly invalidateCorrupt: InvalidateCorrupt;
  readonly notices: Notices;
  readonly watcher: Watcher;
  /** Tells the log of what failed without a request that could be told. */
  readonly report: (error: unknown) => void;
}

/**
 * What happens to a session with a value that cannot be decoded. `throw`: reading that value throws. `new`: the session
 * ends, and the request goes on as without one. `quarantine`: so too, and such values are kept aside.
 */
export type InvalidateCorrupt = 'throw' | 'new' | 'quarantine';
