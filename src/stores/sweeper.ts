import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancel, Clock } from './clock.js';
import type { Driver } from './driver.js';
import { SessionError } from './errors.js';
import type { Notices } from './notices.js';

/**
 * How many stored sessions one step looks at. To remove as many keeps the event loop for a few milliseconds: each removal
 * touches other pages of a large file.
 */
const STEP = 50;

/** How long an older id of a session is remembered after its grace, to notice its use, in seconds. */
const ALIASES_KEPT = 3600;

/** How long an event is kept that no handler acknowledges, in seconds: 30 days. */
const EVENTS_KEPT = 30 * 86_400;

/** What is to be swept: sessions whose deadline is in [from, to], as of now. */
export interface Swept {
  readonly from: number;
  readonly to: number;
  readonly now: number;
}

/** Ends sessions by deadline, a step at a time, with other work in between. */
export async function sweepAll(
  driver: Driver,
  { from, to, now }: Swept,
  isStopped: () => boolean = () => false,
): Promise<{ removed: number; lostEvents: number }> {
  const sum = { removed: 0, lostEvents: 0 };
  const forget = { aliasesBefore: now - ALIASES_KEPT, eventsBefore: now - EVENTS_KEPT };
  let after: string | undefined;
  do {
    const step = await driver.sweep({ from, to, now, after, limit: STEP, ...forget });
    sum.removed += step.removed;
    sum.lostEvents += step.lostEvents;
    after = step.next;
    await nextTurn();
  } while (after !== undefined && !isStopped());
  return sum;
}

/**
 * Sweeps a driver from time to time: each wait is 0.5 to 1.5 intervals, so that processes started together do not sweep
 * together, and keeps no process alive. After the clock has jumped by more than an interval one round is left out, since
 * it may have been set wrong.
 */
export class Sweeper {
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #notices: Notices;
  readonly #onError: (error: unknown) => void;
  #cancel: Cancel = () => undefined;
  #sweeping: Promise<void> | undefined;
  #stopped = false;

  constructor(
    { driver, clock, notices }: SweepSettings,
    interval: number,
    onError: (error: unknown) => void,
  ) {
    this.#driver = driver;
    this.#clock = clock;
    this.#notices = notices;
    this.#interval = interval;
    this.#onError = onError;
  }

  start(): void {
    const wait = this.#interval * (0.5 + Math.random());
    const due = this.#clock.now() + wait;
    this.#cancel = this.#clock.after(wait, () => {
      this.#sweeping = this.#round(due);
    });
  }

  /** Resolves when a step under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#sweeping;
  }

  async #round(due: number): Promise<void> {
    const now = this.#clock.now();
    const jumped = Math.abs(now - due) > this.#interval;
    try {
      if (!jumped) await this.#sweep(now);
    } catch (error) {
      this.#onError(error);
    }
    if (!this.#stopped) this.start();
  }

  async #sweep(now: number): Promise<void> {
    const sum = await sweepAll(this.#driver, { from: 0, to: now, now }, () => this.#stopped);
    this.#notices.tell('sweep', sum);
    if (sum.lostEvents > 0) this.#onError(lostEvents(sum.lostEvents));
  }
}

interface SweepSettings {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly notices: Notices;
}

function lostEvents(count: number): SessionError {
  return new SessionError(
    'EVENTS_LOST',
    `${count} ended sessions were told to no handler for 30 days, and are given up. Check that a process with their handlers runs.`,
  );
}
