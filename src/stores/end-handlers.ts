import { setImmediate as nextTurn } from 'node:timers/promises';
import { allSettled } from '../app/promise.js';
import type { Cancel, Clock } from './clock.js';
import type { Codec, Value } from './codec.js';
import type { Driver, EndReason, StoredEvent } from './driver.js';
import { SessionError } from './errors.js';
import type { Notices } from './notices.js';
import { checkPower } from './powers.js';
import { ON_END } from './session.js';

/** What a handler is told of a session that has ended. The id of the session is not among it. */
export interface SessionEnd {
  /** Of this ending: the same for every handler, and when a handler is called again. */
  readonly id: string;
  readonly reason: EndReason;
  /** The application whose handler this is. */
  readonly app: string;
  /** In seconds since the epoch. */
  readonly createdAt: number;
  readonly endedAt: number;
  /** What the application kept in the session at its end. A value that cannot be decoded is not among them. */
  readonly values: ReadonlyMap<string, Value>;
  /** What `notifyOnExpire(name, detail)` was given; undefined also when that cannot be decoded. */
  readonly detail: Value | undefined;
  /** 1 at the first call. A later one may follow a call that succeeded, when its process ended before that was noted. */
  readonly attempt: number;
  /** Aborted when the handler takes longer than 30 s, or the application closes. */
  readonly signal: AbortSignal;
}

/** Called at least once for each session that has ended. What it throws, or a promise that rejects, has it called again. */
export type EndHandler = (end: SessionEnd) => unknown;

export interface EndHandlerOptions {
  readonly app: string;
  readonly onEnd?: EndHandler | undefined;
  readonly handlers?: Readonly<Record<string, EndHandler>> | undefined;
}

/** What end handlers work with while the application is open. */
export interface EndHandlerSettings {
  readonly driver: Driver;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly notices: Notices;
  readonly onError: (error: unknown) => void;
}

/**
 * The end handlers of one session layer. Ends are recorded by whoever ends a session, in the same transaction; here they
 * are taken, a few at a time and each by one process only, and given to the handlers until these succeed. Some that are slow
 * do not hold up the others.
 */
export class EndHandlers {
  readonly #app: string;
  readonly #handlers: ReadonlyMap<string, EndHandler>;
  #settings: EndHandlerSettings | undefined;
  #cancel: Cancel = () => undefined;
  #taking: Promise<void> | undefined;
  readonly #running = new Set<Promise<void>>();
  #stopping = new AbortController();

  /** @throws SessionError `BAD_HANDLER` */
  constructor({ app, onEnd, handlers = {} }: EndHandlerOptions) {
    const named = Object.entries(handlers);
    for (const [name, handler] of named) {
      checkName(name);
      checkFunction(`handlers: ${JSON.stringify(name)}`, handler);
    }
    if (onEnd !== undefined) checkFunction(ON_END, onEnd);
    this.#app = app;
    this.#handlers = new Map(onEnd === undefined ? named : [[ON_END, onEnd], ...named]);
  }

  /** Whether the application is to hear of the end of all its sessions. */
  get listens(): boolean {
    return this.#handlers.has(ON_END);
  }

  /** Whether `notifyOnExpire` may name it. */
  has(handler: string): boolean {
    return handler !== ON_END && this.#handlers.has(handler);
  }

  /** @throws SessionError `NO_POWER` for a driver without events. */
  open(settings: EndHandlerSettings): void {
    if (this.#handlers.size === 0) return;
    checkPower(settings.driver, 'events', 'An end handler');
    this.#settings = settings;
    this.#stopping = new AbortController();
  }

  /** Looks for events from time to time, until `close`. */
  start(): void {
    const settings = this.#settings;
    if (settings === undefined) return;
    this.#cancel = settings.clock.after(POLL * (0.5 + Math.random()), () => {
      void this.#take(settings).finally(() => {
        if (!this.#stopping.signal.aborted) this.start();
      });
    });
  }

  /** Resolves when no handler is running any more. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#cancel();
    await this.#taking;
    await allSettled([...this.#running]);
    this.#settings = undefined;
  }

  /** Calls the handlers for all events that are due. Resolves when no handler that was called by then is running. */
  async deliver(): Promise<void> {
    if (this.#settings === undefined) return;
    await this.#take(this.#settings);
    await allSettled([...this.#running]);
  }

  /** Takes the events that are due, each once: whoever asks meanwhile gets the same promise. */
  #take(settings: EndHandlerSettings): Promise<void> {
    this.#taking ??= this.#takeAll(settings).finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #takeAll(settings: EndHandlerSettings): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        const free = TOGETHER - this.#running.size;
        const events = await this.#claim(settings, free);
        for (const event of events) this.#begin(settings, event);
        if (events.length < free) return;
        await this.#placeFree();
      }
    } catch (error) {
      settings.onError(error);
    }
  }

  async #claim({ driver, clock }: EndHandlerSettings, limit: number): Promise<StoredEvent[]> {
    const now = clock.now();
    const claim = { app: this.#app, handlers: [...this.#handlers.keys()], now };
    return (await driver.claim?.({ ...claim, until: now + LEASE, limit })) ?? [];
  }

  #begin(settings: EndHandlerSettings, event: StoredEvent): void {
    const call = this.#handle(settings, event)
      .catch(settings.onError) // what could not be noted comes again after its lease
      .finally(() => this.#running.delete(call));
    this.#running.add(call);
  }

  /** Handlers that end together leave their places together, so that these are filled by one claim. */
  async #placeFree(): Promise<void> {
    await Promise.race(this.#running);
    await nextTurn();
  }

  async #handle(settings: EndHandlerSettings, event: StoredEvent): Promise<void> {
    const { driver, clock, notices, onError } = settings;
    const { app, handler, reason, attempt } = event;
    const failure = await this.#call(settings, event);
    if (failure !== undefined) onError(failure.error);
    notices.tell('event', {
      app,
      handler,
      reason,
      attempt,
      state: failure === undefined ? 'done' : 'failed',
    });
    const retryAt = clock.now() + backOff(attempt);
    await driver.settle?.(failure === undefined ? { event } : { event, retryAt });
  }

  /** Undefined when the handler succeeded. */
  async #call(settings: EndHandlerSettings, event: StoredEvent): Promise<{ error: unknown } | undefined> {
    const limit = new AbortController();
    const signal = AbortSignal.any([limit.signal, this.#stopping.signal]);
    const late = new Promise<never>((_, reject) => {
      limit.signal.addEventListener('abort', () => {
        reject(tooSlow(event));
      });
    });
    const cancel = settings.clock.after(LIMIT, () => {
      limit.abort();
    });
    try {
      await Promise.race([late, this.#handlers.get(event.handler)?.(endOf(settings.codec, event, signal))]);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      cancel();
    }
  }
}

/** Seconds between two looks for events, before jitter. */
const POLL = 1;

/** How many handlers of one layer run at a time. */
const TOGETHER = 32;

/** How long a handler may take, and how long nobody else gets its event, in seconds. */
const LIMIT = 30;
const LEASE = 60;

/** Seconds until a handler that failed is called again: more each time, an hour at most, and not all at once. */
function backOff(attempt: number): number {
  return Math.min(3600, 5 * 2 ** (attempt - 1)) * (0.5 + Math.random());
}

function endOf(codec: Codec, event: StoredEvent, signal: AbortSignal): SessionEnd {
  const { id, reason, app, createdAt, endedAt, attempt, detail } = event;
  const values = new Map<string, Value>();
  for (const [key, value] of event.values) {
    const decoded = decodedOrNone(codec, value);
    if (decoded !== undefined) values.set(key, decoded);
  }
  const told = detail === undefined ? undefined : decodedOrNone(codec, detail);
  return { id, reason, app, createdAt, endedAt, values, detail: told, attempt, signal };
}

function decodedOrNone(codec: Codec, value: string): Value | undefined {
  try {
    return codec.decode(value);
  } catch {
    return undefined; // it was damaged, and the handler is to hear of the rest
  }
}

function checkName(name: string): void {
  if (name !== ON_END) return;
  throw new SessionError(
    'BAD_HANDLER',
    `handlers cannot have the name '${ON_END}'. Use the option ${ON_END}.`,
  );
}

function checkFunction(option: string, handler: unknown): void {
  if (typeof handler === 'function') return;
  throw new SessionError('BAD_HANDLER', `${option} is no function. Give a function of the ended session.`);
}

function tooSlow({ app, handler }: StoredEvent): SessionError {
  return new SessionError(
    'HANDLER_SLOW',
    `The end handler '${handler}' of '${app}' took longer than ${LIMIT} s. It will be called again: let it end when its signal is aborted.`,
  );
}
