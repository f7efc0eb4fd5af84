import type { Application } from './application.js';
import type { Reply } from './reply.js';

/**
 * Whether an application answered later. Not `instanceof Promise`, which is false for a promise of another realm.
 * A layer that asks stays synchronous when everything inside it is.
 */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Calls the application, and `leave` once it has answered or failed, at once or later. */
export function callThenLeave<E>(
  application: Application<E>,
  environ: E,
  leave: () => void,
): Reply | Promise<Reply> {
  let reply: Reply | Promise<Reply>;
  try {
    reply = application(environ);
  } catch (error) {
    leave();
    throw error;
  }
  if (isPromise(reply)) return reply.finally(leave);
  leave();
  return reply;
}

/** Calls the application with environ keys that hide those of an outer layer of the same kind until it is left. */
export function callShadowing<E extends object>(
  application: Application<E>,
  environ: object,
  keys: Partial<E>,
): Reply | Promise<Reply> {
  const outer = Object.fromEntries(
    Object.keys(keys).map((key) => [key, Reflect.get(environ, key) as unknown]),
  );
  const inside = Object.assign(environ, keys) as E;
  return callThenLeave(application, inside, () => {
    Object.assign(environ, outer);
  });
}

/** Waits for all of them, whatever fails, and rejects with the first failure: what it was waited for is then over. */
export async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
