import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.js';
import type { Driver } from './driver.js';
import { SessionError } from './errors.js';
import { powerless } from './powers.js';
import type { SessionKey } from './session-id.js';

export interface LockOptions {
  /** How long to wait for another owner, in seconds. Default 10. */
  timeout?: number;
  /** After how many seconds the lock ends by itself, as when its process does. Default 30. */
  lease?: number;
}

/** One request's lock of its session, against others that ask for it too. */
export class SessionLock {
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #owner = randomUUID();
  #held = false;

  /** @throws SessionError `NO_POWER` for a driver without locks. */
  constructor(driver: Driver, clock: Clock) {
    if (driver.lock === undefined) throw powerless('locks', 'lock()');
    this.#driver = driver;
    this.#clock = clock;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Waits by a monotonic clock, with jitter, so that waiting neither blocks nor ends early when the time is set. */
  async take(key: SessionKey, { timeout = 10, lease = 30 }: LockOptions): Promise<void> {
    const end = performance.now() + timeout * 1000;
    while (!(await this.prolong(key, lease))) {
      if (performance.now() >= end) throw lockTimeout(timeout);
      await delay(RETRY_MS * (0.5 + Math.random()));
    }
  }

  /** False when another owner has it, since the lease was over. */
  async prolong(key: SessionKey, lease: number): Promise<boolean> {
    const now = this.#clock.now();
    const taking = this.#driver.lock?.({ key, owner: this.#owner, now, until: now + lease });
    this.#held = (await taking) === true;
    return this.#held;
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await this.#driver.unlock?.(this.#owner);
  }
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
