import { randomUUID } from 'node:crypto';
import type { Ending, StoredEvent, StoredSession } from './driver.js';

/** The events of a session that ends: one for each handler registered with it, all with one id. For drivers. */
export function eventsOf(
  session: StoredSession,
  { reason, now }: Pick<Ending, 'reason' | 'now'>,
): StoredEvent[] {
  const id = randomUUID();
  const { createdAt } = session;
  return session.handlers.map(({ app, handler, detail }) => {
    const values = session.values.get(app) ?? NO_VALUES;
    return { id, app, handler, detail, reason, createdAt, endedAt: now, values, attempt: 0 };
  });
}

/** The handlers of a session after more were registered: of those with one application and name the last counts. */
export function registered<R extends { readonly app: string; readonly handler: string }>(
  known: readonly R[],
  more: readonly R[],
): R[] {
  const all = [...known, ...more];
  const lastOf = (one: R) =>
    all.findLastIndex(({ app, handler }) => app === one.app && handler === one.handler);
  return all.filter((one, i) => lastOf(one) === i);
}

const NO_VALUES: ReadonlyMap<string, string> = new Map();
