import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancel, Clock } from './clock.js';
import type { Driver } from './driver.js';
import type { SessionKey } from './session-id.js';

/** How many stored sessions one step looks at: about a millisecond of the event loop. */
const STEP = 1000;

/** Removes the sessions whose deadline is in [from, to], a step at a time, with other work in between. */
export async function sweepAll(
  driver: Driver,
  from: number,
  to: number,
  isStopped = () => false,
): Promise<number> {
  let removed = 0;
  let after: SessionKey | undefined;
  do {
    const step = await driver.sweep({ from, to, after, limit: STEP });
    removed += step.removed;
    after = step.next;
    await nextTurn();
  } while (after !== undefined && !isStopped());
  return removed;
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
  readonly #onError: (error: unknown) => void;
  #cancel: Cancel = () => undefined;
  #sweeping: Promise<void> | undefined;
  #stopped = false;

  constructor(driver: Driver, clock: Clock, interval: number, onError: (error: unknown) => void) {
    this.#driver = driver;
    this.#clock = clock;
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
      if (!jumped) await sweepAll(this.#driver, 0, now, () => this.#stopped);
    } catch (error) {
      this.#onError(error);
    }
    if (!this.#stopped) this.start();
  }
}
