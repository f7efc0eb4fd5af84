import type { Claim, Settlement, StoredEvent } from '../driver.js';

interface Waiting {
  event: StoredEvent;
  dueAt: number;
}

/** Events that wait for their handlers, the oldest first. */
export class MemoryOutbox {
  #waiting: Waiting[] = [];

  add(events: readonly StoredEvent[]): void {
    this.#waiting.push(...events.map((event) => ({ event, dueAt: event.endedAt })));
  }

  claim({ app, handlers, now, until, limit }: Claim): StoredEvent[] {
    const isDue = ({ event, dueAt }: Waiting) =>
      dueAt <= now && event.app === app && handlers.includes(event.handler);
    return this.#waiting
      .filter(isDue)
      .slice(0, limit)
      .map((waiting) => {
        waiting.dueAt = until;
        waiting.event = { ...waiting.event, attempt: waiting.event.attempt + 1 };
        return waiting.event;
      });
  }

  settle({ event, retryAt }: Settlement): boolean {
    const waiting = this.#waiting.find((one) => isSame(one.event, event));
    if (waiting === undefined) return false;
    if (retryAt === undefined) this.#waiting = this.#waiting.filter((one) => one !== waiting);
    else if (waiting.event.attempt === event.attempt) waiting.dueAt = retryAt;
    return true;
  }

  /** Gives up events that were recorded before a moment. Answers how many. */
  forget(before: number): number {
    const kept = this.#waiting.filter(({ event }) => event.endedAt >= before);
    const lost = this.#waiting.length - kept.length;
    this.#waiting = kept;
    return lost;
  }

  clear(): void {
    this.#waiting = [];
  }
}

function isSame(one: StoredEvent, { id, app, handler }: Settlement['event']): boolean {
  return one.id === id && one.app === app && one.handler === handler;
}
