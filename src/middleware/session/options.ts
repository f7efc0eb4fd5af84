import type { Reply } from '../../app/reply.js';
import { Carrier, type CarrierOptions } from '../../stores/carrier.js';
import type { Clock } from '../../stores/clock.js';
import type { Codec } from '../../stores/codec.js';
import type { EndHandler } from '../../stores/end-handlers.js';
import { SessionError } from '../../stores/errors.js';
import { checkedLimits, type Limits } from '../../stores/limits.js';
import { checkLength, type Manager } from '../../stores/manager.js';
import type { SessionLog } from '../../stores/notices.js';
import type { InvalidateCorrupt } from '../../stores/settings.js';
import { checkApp } from '../../stores/store.js';

export interface SessionOptions extends CarrierOptions {
  /** Names the application, whose values other applications in the session do not see: `a-z A-Z 0-9 - _ .`, 1 to 255. */
  app: string;
  /**
   * The life of a session in seconds, from when it is made: a fixed end that `setExpire` moves. Default 86400, or none
   * (Infinity) when `idle` is given alone.
   */
  expire?: number;
  /**
   * How long a session lives without use, in seconds; any look at it is a use. It ends then at the earliest, and a tenth of
   * it (a minute at most) later at the latest, as most uses are not written. Default: for ever. Twisted's `sessionTimeout`.
   */
  idle?: number;
  /** Creates the environment's tables when they are missing; data is never dropped. Default false: that is an error. */
  setupEnvironment?: boolean;
  /**
   * What happens to a session with a value that cannot be decoded, as after a change of the codec. Default `throw`: reading
   * that value throws. `new`: the session ends, and the request goes on as without one. `quarantine`: so too, and such
   * values are kept aside for `manager.quarantined()`. Myghty's `session_invalidate_corrupt`.
   */
  invalidateCorrupt?: InvalidateCorrupt;
  /**
   * Called for every ended session that was made within this layer, or that its application kept something in: with the
   * reason and the application's last values, at least once, in one process or another. It is retried until it succeeds.
   */
  onEnd?: EndHandler;
  /** By name: what `manager.notifyOnExpire(name, detail)` has called when its session has ended. As `onEnd` otherwise. */
  handlers?: Readonly<Record<string, EndHandler>>;
  /** Where a line about each thing that happens to a session goes, without ids and values. Default: nowhere. */
  log?: SessionLog;
  /** A subclass with defaults or members of its own. Twisted's `sessionFactory`. */
  Manager?: typeof Manager;
  /** How values become text. Default `jsonCodec`: JSON, and text that begins with `~` for what JSON cannot hold. */
  codec?: Codec;
  /** How much may be kept. Default: 64 KiB a value, 256 KiB an application, 1 MiB a session, 1 KiB a key. */
  limits?: Limits;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
  /** Seconds between clean-ups of ended sessions, with jitter; false leaves them to `manager.cleanup()`. Default 60. */
  sweep?: number | false;
  /** Whether a reply keeps the request's changes. Default: any status below 500. Endings are kept in any case. */
  commitOn?: (reply: Reply) => boolean;
}

/** @throws SessionError for each of the options that cannot be: `BAD_APP` and those that `session` names. */
export function checkOptions(options: SessionOptions): void {
  const { app, expire, idle, sweep = false, invalidateCorrupt = 'throw', limits, log } = options;
  checkApp(app);
  if (expire !== undefined) checkLength('expire', expire);
  if (idle !== undefined) checkLength('idle', idle);
  checkedLimits(limits);
  new Carrier('checked', options); // its constructor refuses what is wrong with the cookie, the secret and the id
  if (sweep !== false && !(Number.isFinite(sweep) && sweep > 0))
    throw bad('BAD_SWEEP', `sweep is ${String(sweep)}. It is a number of seconds, or false.`);
  if (!['throw', 'new', 'quarantine'].includes(invalidateCorrupt))
    throw bad('BAD_CORRUPT', `invalidateCorrupt is ${JSON.stringify(invalidateCorrupt)}. ${CORRUPT_CHOICES}`);
  if (log !== undefined && typeof (log as Partial<SessionLog>).write !== 'function')
    throw bad('BAD_LOG', 'log has no write(line). Give a stream, such as process.stderr.');
}

const CORRUPT_CHOICES = "It is 'throw', 'new' or 'quarantine'.";

function bad(code: string, sentence: string): SessionError {
  return new SessionError(code, sentence);
}
