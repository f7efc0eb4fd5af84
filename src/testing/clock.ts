import { TsgiError } from '../app/errors.js';
import type { Cancel, Clock } from '../stores/clock.js';

const MICRO = 1e6;

interface Timer {
  readonly due: number;
  readonly fn: () => void;
}

/**
 * A clock that moves only when told, so that a test about an hour takes no time.
 *
 * Timers go by the time that passes, not by the time the clock shows: `advance` fires them, `set` does not. Moments are
 * kept as whole microseconds, so that ten times 0.1 s is one second exactly.
 */
export class TestClock implements Clock {
  #shown: number;
  #passed = 0;
  readonly #timers = new Set<Timer>();

  /** @param moment what the clock shows first, in seconds since the epoch. Default 1,800,000,000: 15 January 2027, 08:00 UTC. */
  constructor(moment = 1_800_000_000) {
    this.#shown = micros(moment);
  }

  now(): number {
    return this.#shown / MICRO;
  }

  /** Timers of one moment fire in the order they were set. A length of 0 or less waits for the next `advance`, even of 0. */
  after(seconds: number, fn: () => void): Cancel {
    const timer = { due: this.#passed + Math.max(0, micros(seconds)), fn };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /**
   * Lets time pass. Each timer fires at its own moment, in order, those that timers set on the way included. One that
   * throws stops the clock there, and the error is thrown here.
   * @throws TsgiError `BAD_TIME` for a negative length: `set` is what moves a clock back.
   */
  advance(seconds: number): void {
    if (!(seconds >= 0)) {
      throw new TsgiError(
        'BAD_TIME',
        `advance() got ${seconds}. Time passes forward; set() moves the clock.`,
      );
    }
    const end = this.#passed + micros(seconds);
    for (let timer = this.#nextBy(end); timer !== undefined; timer = this.#nextBy(end)) {
      this.#pass(timer.due);
      this.#timers.delete(timer);
      timer.fn();
    }
    this.#pass(end);
  }

  /** What an administrator does: the clock shows another moment, later or earlier, and no time has passed. */
  set(moment: number): void {
    this.#shown = micros(moment);
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#timers.size;
  }

  #nextBy(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    }
    return next;
  }

  #pass(to: number): void {
    this.#shown += to - this.#passed;
    this.#passed = to;
  }
}

function micros(seconds: number): number {
  return Math.round(seconds * MICRO);
}
