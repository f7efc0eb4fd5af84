/**
 * A turn: a gateway calls the application for the requests that have arrived in one pass of the event loop, or for one that
 * came alone. What they share is set up once, and what they ask for is done once all of them have come as far as they can
 * without waiting. See decisions/016.
 */
let ends: (() => void)[] | undefined;
let isShared = false;

/** Runs a gateway's work for the requests of one turn, which may be one alone. */
export function runTurn(requests: number, work: () => void): void {
  if (ends !== undefined) {
    work(); // of a gateway within an application
    return;
  }
  ends = [];
  isShared = requests > 1;
  queueMicrotask(awaitEnd);
  work();
}

/** Whether this is within a turn, so that what is set up now serves its other requests too. */
export function inTurn(): boolean {
  return ends !== undefined;
}

/** Calls back at the end of the turn that this is in. */
export function atEndOfTurn(callback: () => void): void {
  ends?.push(callback);
}

/**
 * Calls back when the requests that have arrived have come as far as they can: at the end of a turn that several share; else
 * when the event loop has looked at all that has arrived, since others may come behind one that came alone.
 */
export function afterArrivals(callback: () => void): void {
  if (ends !== undefined && isShared) ends.push(callback);
  else setImmediate(callback);
}

/** Node runs a tick after all promises that need not wait: by then also applications that are async have come that far. */
function awaitEnd(): void {
  process.nextTick(end);
}

/** Whatever fails, the others are called. */
function end(): void {
  const callbacks = ends ?? [];
  ends = undefined;
  for (const callback of callbacks) {
    try {
      callback();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
