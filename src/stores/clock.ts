/** Takes back a timer; after it has fired, does nothing. */
export type Cancel = () => void;

/**
 * Where sessions get the time from: moments, cookie dates, SQL values and timers. One clock serves a whole application,
 * and a test passes one that moves when told.
 */
export interface Clock {
  /** Seconds since the epoch, with fractions. May be set back by an administrator. */
  now(): number;
  /** Calls `fn` once, `seconds` from now, without keeping the process alive. */
  after(seconds: number, fn: () => void): Cancel;
}

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  after(seconds, fn) {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      const step = Math.min(left, LONGEST_TIMER);
      const next = left > step ? () => wait(left - step) : fn;
      timer = setTimeout(next, step * 1000).unref();
    };
    wait(seconds);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Beyond it, in seconds, a timer of Node fires at once. */
const LONGEST_TIMER = 2_147_483;
