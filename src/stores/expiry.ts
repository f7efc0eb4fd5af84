/** The moments a session's end follows from, in seconds since the epoch; lengths in seconds. */
export interface Moments {
  readonly createdAt: number;
  /** The last use that was recorded. Later ones may have gone unrecorded for up to `touchInterval(idle)`. */
  readonly accessed: number;
  /** The length the session was made with. Infinity: no fixed end. */
  readonly lifetime: number;
  /** The fixed end; moved by `setExpire` only. Infinity: none. */
  readonly expireTime: number;
  /** How long the session lives without use. Infinity: for ever. */
  readonly idle: number;
}

/** What is to be said of a session, and why. */
export type Verdict =
  | { readonly state: 'none' } // no id came
  | { readonly state: 'unknown' } // never ours, ended, or swept
  | { readonly state: 'superseded'; readonly lateBy: number } // an older id of a session that got a new one
  | { readonly state: 'corrupt' } // what it kept cannot be read
  | { readonly state: 'idle'; readonly lateBy: number } // not used for longer than `idle`
  | { readonly state: 'expired'; readonly lateBy: number } // past its `expireTime`
  | { readonly state: 'live'; readonly left: number };

/** The moment from which a session is gone, swept or not. It counts a use that was not recorded as one that was. */
export function deadlineOf({ accessed, expireTime, idle }: Moments): number {
  return Math.min(expireTime, accessed + idle + touchInterval(idle));
}

/**
 * How long a use may go unrecorded after one that was recorded, in seconds: a tenth of `idle`, at most a minute. Thus a
 * session ends `idle` after its last use at the earliest and one interval later at the latest, and most uses write nothing.
 */
export function touchInterval(idle: number): number {
  return Math.min(60, idle / 10);
}

/** Whether a use at this moment is to be recorded. Without `idle` nothing depends on it. */
export function isTouchDue({ accessed, idle }: Moments, now: number): boolean {
  return idle !== Infinity && now - accessed >= touchInterval(idle);
}

/** A later end or use of a session; what is not named stays. */
export interface Move {
  readonly expireTime?: number;
  readonly accessed?: number;
}

/** The moments after a move. `accessed` never goes back, whatever a clock that was set back says. */
export function moved(moments: Moments, { expireTime = moments.expireTime, accessed = 0 }: Move): Moments {
  const { createdAt, lifetime, idle } = moments;
  return { createdAt, accessed: Math.max(accessed, moments.accessed), lifetime, expireTime, idle };
}

/** An older key of a session is good until the grace of its regeneration ends. */
interface MaybeAliased extends Moments {
  readonly alias?: { readonly until: number } | undefined;
}

/** Judges a session at a moment. At its deadline itself it is gone. */
export function judge(stored: MaybeAliased | undefined, now: number): Verdict {
  if (stored === undefined) return { state: 'unknown' };
  const { until } = stored.alias ?? { until: Infinity };
  if (now >= until) return { state: 'superseded', lateBy: now - until };
  const deadline = deadlineOf(stored);
  if (now < deadline) return { state: 'live', left: deadline - now };
  return { state: stored.expireTime <= now ? 'expired' : 'idle', lateBy: now - deadline };
}

/** Which of the two ends of a session comes first: the reason for which a sweep ends it. */
export function endingOf(stored: Moments): 'idle' | 'expired' {
  return stored.expireTime <= deadlineOf(stored) ? 'expired' : 'idle';
}
