import type { Moments, Move } from './expiry.js';
import type { SessionKey } from './session-id.js';

/** A value as the codec wrote it. A driver keeps it and never looks inside. */
export type Encoded = string;

/**
 * What a driver can do beyond what every driver does. The published suite tests the powers a driver has and prints those
 * it lacks.
 *
 * - `persistent`: what was committed is there again after the process ends.
 * - `shared`: several processes may use the same sessions at once.
 * - `aliases`: a session can get another key, and its older ones lead to it: `commit` with `rename`.
 * - `events`: the end of a session is recorded for the handlers registered with it: `claim` and `settle`.
 * - `locks`: `lock` and `unlock`.
 * - `quarantine`: values that cannot be decoded are put aside: `quarantined` and `clearQuarantine`.
 */
export type Power = 'persistent' | 'shared' | 'aliases' | 'events' | 'locks' | 'quarantine';

/** Why a session ended. */
export type EndReason = 'destroyed' | 'expired' | 'idle' | 'invalidated' | 'evicted' | 'corrupt';

/** A session as it was last committed. */
export interface StoredSession extends Moments {
  /** What it is stored under. Another key than the one asked for, when that is an older one. */
  readonly key: SessionKey;
  /** There when the key asked for is an older one of the session. */
  readonly alias?: Alias;
  /** The handlers that are to hear of its end. */
  readonly handlers: readonly Registration[];
  /** The values of each application that has any, by key. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, Encoded>>;
}

/** An older key of a session. */
export interface Alias {
  /**
   * The moment from which it changes nothing any more, in seconds: the manager refuses its visitors, the driver its commits.
   * It still loads the session, and ends it. A `rename` with an earlier one brings those of the still older keys down to it.
   */
  readonly until: number;
  /** The key that followed it, as the manager sealed its id. The driver keeps it and never looks inside. */
  readonly next: string;
}

/** A handler of an application that is to hear of a session's end. */
export interface Registration {
  readonly app: string;
  readonly handler: string;
  readonly detail?: Encoded | undefined;
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
  /**
   * An older key of the session does as well, while its `until` is after `now`: the difference goes to the session it leads
   * to. Past that whoever knew it, as one who planted it, must not reach what the session has become.
   */
  readonly key: SessionKey;
  /** The manager's moment, in seconds. A stored session whose deadline is not after it counts as gone. */
  readonly now: number;
  /** Makes the session; then there is no `move`, `empty` or `rename`. */
  readonly create?: Moments | undefined;
  /** Moves the moments of the stored session. */
  readonly move?: Move | undefined;
  /** Removes the values of all applications, before the changes. */
  readonly empty?: boolean | undefined;
  /** By application. Applications and keys that are not named keep what they have. */
  readonly changes: ReadonlyMap<string, AppChanges>;
  /** Handlers to add. Of those with one application and name the last counts. */
  readonly register?: readonly Registration[] | undefined;
  /** Gives the session another key; the one before becomes an alias. Power `aliases`. */
  readonly rename?: Rename | undefined;
}

export interface Rename extends Alias {
  /** A key that was never used. */
  readonly to: SessionKey;
}

/**
 * - `committed`: applied.
 * - `superseded`: applied, but `key` is an older key of the session; `rename` was not done.
 * - `gone`: there is no such session (ended, swept, past its deadline, or never made), or `key` is an older one past its
 *   `until`; nothing was changed.
 * - `exists`: `create` met a stored session, even one past its deadline or by an older key; nothing was changed.
 */
export type CommitResult = 'committed' | 'superseded' | 'gone' | 'exists';

export interface Ending {
  /** An older key of the session does as well, whatever its `until`. */
  readonly key: SessionKey;
  readonly reason: EndReason;
  /** The manager's moment, in seconds. */
  readonly now: number;
  /** Values to put aside. Power `quarantine`. */
  readonly corrupt?: readonly CorruptValue[];
}

/** A value that cannot be decoded. */
export interface CorruptValue {
  readonly app: string;
  readonly key: string;
  readonly value: Encoded;
}

/** A part of the sessions that are past their deadline. */
export interface Sweep {
  /** Sessions whose deadline is in [from, to], both included, in seconds. */
  readonly from: number;
  readonly to: number;
  /** The manager's moment, in seconds, at which they end, by the reason that `endingOf` names. */
  readonly now: number;
  /** Where the step before stopped. */
  readonly after?: string | undefined;
  /** At most how many stored sessions one step looks at. */
  readonly limit: number;
  /** Aliases whose `until` is before this moment are forgotten by the last step, at the latest. Default: none. */
  readonly aliasesBefore?: number;
  /** Events that were recorded before this moment are given up, as well. Default: none. */
  readonly eventsBefore?: number;
}

export interface SweepStep {
  /** How many sessions were removed. */
  readonly removed: number;
  /** How many events this step gave up, which no handler has acknowledged. */
  readonly lostEvents: number;
  /** Where the next step goes on; undefined at the end. Whatever text the driver likes. */
  readonly next: string | undefined;
}

/** That a session has ended, for one of the handlers registered with it. */
export interface StoredEvent {
  /** Of the ending: the same for all its handlers and on every delivery. */
  readonly id: string;
  readonly app: string;
  readonly handler: string;
  readonly detail?: Encoded | undefined;
  readonly reason: EndReason;
  readonly createdAt: number;
  readonly endedAt: number;
  /** What the application kept in the session at its end. */
  readonly values: ReadonlyMap<string, Encoded>;
  /** How often it was claimed, this time included. */
  readonly attempt: number;
}

export interface Claim {
  readonly app: string;
  readonly handlers: readonly string[];
  /** The manager's moment, in seconds: events that are due then. */
  readonly now: number;
  /** Nobody else gets the claimed events before this moment; at it they are due again. */
  readonly until: number;
  readonly limit: number;
}

/** What became of a claimed event. */
export interface Settlement {
  readonly event: Pick<StoredEvent, 'id' | 'app' | 'handler' | 'attempt'>;
  /** When it is due again; without it, it is done with. */
  readonly retryAt?: number;
}

export interface Lock {
  /** An older key of the session does as well. */
  readonly key: SessionKey;
  /** A name that nobody else has. The same owner may ask again, for longer, and may hold the locks of other keys as well. */
  readonly owner: string;
  readonly now: number;
  /** The lock ends by itself at this moment. */
  readonly until: number;
  /**
   * Only prolongs: true while this owner has it, or nobody has had it since. False otherwise, also when nobody has it, as after
   * another has given it back or a sweep has forgotten it. Default: takes a free lock too.
   */
  readonly held?: true;
}

export interface QuarantinedValue extends CorruptValue {
  /** Where a next page goes on. */
  readonly number: number;
  readonly foundAt: number;
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
   * is a picture: later commits do not change it, and nobody else does.
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

  /**
   * Removes a session and all its values, past its deadline or not, and records an event for each handler registered with
   * it, all or nothing. False when there is none, as the second time.
   */
  end(ending: Ending): Promise<boolean>;

  /**
   * Ends sessions by deadline, a step at a time, so that nobody waits for long. Every session that was there before
   * the first step is looked at once; one that a commit prolongs meanwhile is kept.
   */
  sweep(sweep: Sweep): Promise<SweepStep>;

  /** Power `events`: takes events that are due, the oldest first. Each is another one's to take only after `until`. */
  claim?(claim: Claim): Promise<StoredEvent[]>;
  /**
   * Power `events`: forgets an event that is done with, or makes it due again, unless a later claim has taken it since.
   * False when there is no such event any more, as the second time.
   */
  settle?(settlement: Settlement): Promise<boolean>;

  /**
   * Power `locks`: takes the lock of a session, or prolongs one's own. False while another owner has it. It needs no stored
   * session, and follows one that gets another key.
   */
  lock?(lock: Lock): Promise<boolean>;
  /**
   * Power `locks`: gives back all locks that an owner has. False when there are none, as after another took them past their
   * time.
   */
  unlock?(owner: string): Promise<boolean>;

  /** Power `quarantine`: what was put aside, in that order, from the one after `after` on. */
  quarantined?(page: { after?: number; limit: number }): Promise<QuarantinedValue[]>;
  /** Power `quarantine`: forgets what was put aside. Answers how many values. */
  clearQuarantine?(): Promise<number>;
}
