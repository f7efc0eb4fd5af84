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
  /** When it is read again. Infinity: it is being read. */
  lookAt: number;
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
    if (known !== undefined) known.callbacks.push(callback);
    else this.#watches.set(key, { key, callbacks: [callback], lookAt: Infinity, cancel: () => undefined });
    this.due(key, deadline);
  }

  /** This process has moved the session's end. One that is later than before is found when the one before has come. */
  due(key: SessionKey, deadline: number): void {
    const watch = this.#watches.get(key);
    if (watch !== undefined) this.#lookAt(watch, deadline);
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

  /** Unless it is to be read before that anyway: what was read may be older than what this process has just written. */
  #lookAt(watch: Watch, deadline: number): void {
    const now = this.#clock.now();
    const moment = Math.min(deadline, now + READ_AGAIN);
    if (moment >= watch.lookAt) return;
    watch.cancel();
    watch.lookAt = moment;
    watch.cancel = this.#clock.after(moment - now, () => {
      watch.lookAt = Infinity;
      this.#look(watch).catch((error: unknown) => {
        this.#onError(error);
        if (this.#isOn(watch)) this.#lookAt(watch, this.#clock.now() + RETRY);
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
    this.#lookAt(watch, deadlineOf(stored));
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
