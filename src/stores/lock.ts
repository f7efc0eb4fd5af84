import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.js';
import type { Driver, Lock } from './driver.js';
import { SessionError } from './errors.js';
import { powerless } from './powers.js';
import type { SessionKey } from './session-id.js';
import type { VisitSettings } from './settings.js';

export interface LockOptions {
  /** How long to wait for another owner, in seconds. Default 10. */
  timeout?: number;
  /** After how many seconds the lock ends by itself, as when its process does. Default 30. */
  lease?: number;
}

/** One request's lock of a session, against others that ask for it too. */
export class SessionLock {
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #owner = randomUUID();
  #key: SessionKey | undefined;

  /** @throws SessionError `NO_POWER` for a driver without locks. */
  constructor({ driver, clock, report }: Pick<VisitSettings, 'driver' | 'clock' | 'report'>) {
    if (driver.lock === undefined) throw powerless('locks', 'lock()');
    this.#driver = driver;
    this.#clock = clock;
    this.#report = report;
  }

  get held(): boolean {
    return this.#key !== undefined;
  }

  /**
   * Waits by a monotonic clock, with jitter, so that waiting neither blocks nor ends early when the time is set. Ends without
   * the lock when nobody waits for it any more.
   */
  async take(key: SessionKey, options: LockOptions, isOver: () => boolean): Promise<void> {
    const { timeout, lease } = checkedLock(options);
    const end = performance.now() + timeout * 1000;
    while (!isOver()) {
      if ((await this.#driver.lock?.({ key, ...this.#until(lease) })) === true) {
        this.#key = key;
        return;
      }
      if (performance.now() >= end) throw lockTimeout(timeout);
      await delay(RETRY_MS * (0.5 + Math.random()));
    }
  }

  /** False when the lease was over, and another has, or had, the lock since. */
  async prolong(options: LockOptions): Promise<boolean> {
    const { lease } = checkedLock(options);
    if (this.#key === undefined) return false;
    return (await this.#driver.lock?.({ key: this.#key, held: true, ...this.#until(lease) })) === true;
  }

  /** Never rejects: what was done under the lock is done, and the lease ends it. */
  async release(): Promise<void> {
    if (this.#key === undefined) return;
    this.#key = undefined;
    try {
      await this.#driver.unlock?.(this.#owner);
    } catch (error) {
      this.#report(error);
    }
  }

  #until(lease: number): Pick<Lock, 'owner' | 'now' | 'until'> {
    const now = this.#clock.now();
    return { owner: this.#owner, now, until: now + lease };
  }
}

/** @throws SessionError `BAD_LOCK` */
function checkedLock({ timeout = 10, lease = 30 }: LockOptions): Required<LockOptions> {
  if (timeout >= 0 && lease > 0) return { timeout, lease };
  throw new SessionError(
    'BAD_LOCK',
    `lock() got timeout ${timeout} and lease ${lease}. They are numbers of seconds: 0 or more, and more than 0.`,
  );
}

const RETRY_MS = 20;

function lockTimeout(seconds: number): SessionError {
  return new SessionError(
    'LOCK_TIMEOUT',
    `Another request held the lock of this session for ${seconds} s. Try again, or give lock() a longer timeout.`,
    { status: 503, headers: [['Retry-After', '1']] },
  );
}

export function lockLost(): SessionError {
  return new SessionError(
    'LOCK_LOST',
    'The lock of this session was over before the work was done, and another request has it. Give a longer lease.',
    { status: 503, headers: [['Retry-After', '1']] },
  );
}
