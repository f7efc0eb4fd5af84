import type { Moments, Move } from './expiry.js';
import type { SessionKey } from './session-id.js';

/** A value as the codec wrote it. A driver keeps it and never looks inside. */
export type Encoded = string;

/**
 * What a driver can do beyond the contract. The published suite tests the powers a driver has and prints those it lacks.
 *
 * - `persistent`: what was committed is there again after the process ends.
 * - `shared`: several processes may use the same sessions at once.
 *
 * Durable end events, locks and aliases of regenerated sessions will each be a power too.
 */
export type Power = 'persistent' | 'shared';

/** Why a session ended. A driver with durable end events will keep it with the event. */
export type EndReason = 'destroyed' | 'expired' | 'idle' | 'invalidated' | 'evicted' | 'corrupt';

/** A session as it was last committed. */
export interface StoredSession extends Moments {
  /** The values of each application that has any, by key. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, Encoded>>;
}

/** What is to happen to one key, on the value that is stored when the commit is applied. */
export type Change =
  | { readonly kind: 'set'; readonly value: Encoded }
  | { readonly kind: 'delete' }
  /** Undefined stands for a missing key, in and out. Synchronous, and may run more than once. */
  | { readonly kind: 'update'; readonly apply: (stored: Encoded | undefined) => Encoded | undefined };

/** What is to happen to one application's values: `empty` first, then the changes. */
export interface AppChanges {
  readonly empty: boolean;
  readonly keys: ReadonlyMap<string, Change>;
}

/** A difference, applied as a whole or not at all. */
export interface Commit {
  readonly key: SessionKey;
  /** The manager's moment, in seconds. A stored session whose deadline is not after it counts as gone. */
  readonly now: number;
  /** Makes the session. */
  readonly create?: Moments;
  /** Moves the moments of the stored session. */
  readonly move?: Move;
  /** By application. Applications and keys that are not named keep what they have. */
  readonly changes: ReadonlyMap<string, AppChanges>;
}

/**
 * - `committed`: applied.
 * - `gone`: there is no such session (ended, swept, past its deadline, or never made); nothing was changed.
 * - `exists`: `create` met a stored session, even one past its deadline; nothing was changed.
 */
export type CommitResult = 'committed' | 'gone' | 'exists';

/** A part of the sessions that are past their deadline. */
export interface Sweep {
  /** Sessions whose deadline is in [from, to], both included, in seconds. */
  readonly from: number;
  readonly to: number;
  /** Where the step before stopped. */
  readonly after?: SessionKey | undefined;
  /** At most how many stored sessions one step looks at. */
  readonly limit: number;
}

export interface SweepStep {
  /** How many sessions were removed. */
  readonly removed: number;
  /** Where the next step goes on; undefined at the end. */
  readonly next: SessionKey | undefined;
}

/**
 * Remembers the sessions of one environment. A driver judges nothing: whether a session is live, whom it belongs to and
 * what a cookie means is the manager's business. A driver works for many managers at once.
 *
 * A promise rejects only when the storage fails, with an error whose `status` is 503 when that may pass by itself.
 */
export interface Driver {
  readonly powers: ReadonlySet<Power>;

  /** Whether everything the environment needs is there, at today's version. @throws on a newer or foreign one. */
  completeEnvironment(): Promise<boolean>;
  /** Creates what is missing and upgrades what is older; never drops data. Doing it again changes nothing. */
  createEnvironment(): Promise<void>;
  /** Removes the environment and all its sessions. @throws when it is not there, unless `ignoreErrors`. */
  removeEnvironment(options?: { ignoreErrors?: boolean }): Promise<void>;

  /**
   * The session as last committed by anyone, past its deadline or not; undefined when there is none. What it answers
   * is a picture: later commits do not change it.
   */
  load(key: SessionKey): Promise<StoredSession | undefined>;
  /**
   * The same at once. Only on drivers that can; without it the manager loads before the application runs.
   */
  loadNow?(key: SessionKey): StoredSession | undefined;

  /**
   * Applies a difference to what is stored at that moment, atomically against every other commit, and resolves when that
   * is as durable as the driver gets. When an `update` throws, nothing is applied and the promise rejects with its error.
   */
  commit(commit: Commit): Promise<CommitResult>;

  /** Removes a session and all its values, past its deadline or not. False when there is none, as the second time. */
  end(key: SessionKey, reason: EndReason): Promise<boolean>;

  /**
   * Removes sessions by deadline, a step at a time, so that nobody waits for long. Every session that was there before
   * the first step is looked at once; one that a commit prolongs meanwhile is kept.
   */
  sweep(sweep: Sweep): Promise<SweepStep>;
}
