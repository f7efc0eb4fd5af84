/**
 * Whether an application answered later. Not `instanceof Promise`, which is false for a promise of another realm.
 * A layer that asks stays synchronous when everything inside it is.
 */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown }).then === 'function';
}
