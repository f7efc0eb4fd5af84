import { isPromise } from '../app/promise.js';
import type { Cancel, Clock } from './clock.js';
import type { Driver, EndReason, StoredSession } from './driver.js';
import { deadlineOf, judge } from './expiry.js';
import type { SessionKey } from './session-id.js';

/** Hears in this process that a session has ended; the reason is undefined when another process ended it. */
export type Ended = (reason: EndReason | undefined) => unknown;

interface Watch {
  /** What the session is kept under, as far as this process knows. */
  key: SessionKey;
  readonly callbacks: Ended[];
  cancel: Cancel;
}

/**
 * Watches sessions for callbacks of this process: Twisted's `notifyOnExpire`. At a session's deadline it is read again,
 * since another process may have prolonged or ended it. Nothing survives the process.
 */
export class Watcher {
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #watches = new Map<SessionKey, Watch>();

  constructor(driver: Driver, clock: Clock, onError: (error: unknown) => void) {
    this.#driver = driver;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** From now on the callback is called once when the session has ended. */
  watch(key: SessionKey, deadline: number, callback: Ended): void {
    const known = this.#watches.get(key);
    if (known !== undefined) {
      known.callbacks.push(callback);
      return;
    }
    const watch = { key, callbacks: [callback], cancel: () => undefined };
    this.#watches.set(key, watch);
    this.#wait(watch, deadline - this.#clock.now());
  }

  /** This process has ended the session. */
  ended(key: SessionKey, reason: EndReason | undefined): void {
    const watch = this.#watches.get(key);
    if (watch === undefined) return;
    watch.cancel();
    this.#watches.delete(key);
    for (const callback of watch.callbacks) this.#call(callback, reason);
  }

  /** The session is kept under another key. */
  moved(from: SessionKey, to: SessionKey): void {
    const watch = this.#watches.get(from);
    if (watch === undefined || from === to) return;
    this.#watches.delete(from);
    this.#watches.set(to, watch);
    watch.key = to;
  }

  stop(): void {
    for (const { cancel } of this.#watches.values()) cancel();
    this.#watches.clear();
  }

  #wait(watch: Watch, seconds: number): void {
    watch.cancel = this.#clock.after(Math.min(seconds, READ_AGAIN), () => {
      this.#look(watch).catch((error: unknown) => {
        this.#onError(error);
        if (this.#isOn(watch)) this.#wait(watch, RETRY);
      });
    });
  }

  async #look(watch: Watch): Promise<void> {
    const stored = await this.#driver.load(watch.key);
    if (!this.#isOn(watch)) return; // ended or stopped meanwhile
    if (stored === undefined) this.ended(watch.key, undefined);
    else this.#judge(watch, stored);
  }

  #judge(watch: Watch, stored: StoredSession): void {
    const now = this.#clock.now();
    const { state } = judge({ ...stored, alias: undefined }, now); // any id will do
    if (state !== 'live') {
      this.ended(watch.key, state === 'idle' ? 'idle' : 'expired');
      return;
    }
    this.moved(watch.key, stored.key);
    this.#wait(watch, deadlineOf(stored) - now);
  }

  #isOn(watch: Watch): boolean {
    return this.#watches.get(watch.key) === watch;
  }

  #call(callback: Ended, reason: EndReason | undefined): void {
    try {
      const result = callback(reason);
      if (isPromise(result)) result.catch(this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }
}

/** How often to read a session that lives long, in seconds: another process may end it, or give it another key. */
const READ_AGAIN = 1800;

/** When to try again to read a storage that could not be read, in seconds. */
const RETRY = 10;
