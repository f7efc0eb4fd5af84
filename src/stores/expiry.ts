/** The moments a session's end follows from, in seconds since the epoch; lengths in seconds. */
export interface Moments {
  readonly createdAt: number;
  /** The last use that was recorded. */
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
  | { readonly state: 'idle'; readonly lateBy: number } // not used for longer than `idle`
  | { readonly state: 'expired'; readonly lateBy: number } // past its `expireTime`
  | { readonly state: 'live'; readonly left: number };

/** The moment from which a session is gone, swept or not. */
export function deadlineOf({ accessed, expireTime, idle }: Moments): number {
  return Math.min(expireTime, accessed + idle);
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

/** Judges a session at a moment. At its deadline itself it is gone. */
export function judge(stored: Moments | undefined, now: number): Verdict {
  if (stored === undefined) return { state: 'unknown' };
  const deadline = deadlineOf(stored);
  if (now < deadline) return { state: 'live', left: deadline - now };
  return { state: stored.expireTime <= now ? 'expired' : 'idle', lateBy: now - deadline };
}
