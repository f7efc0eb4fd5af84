/**
 * A turn: one pass of the event loop in which a gateway calls the application for all requests that have arrived. What they
 * share is set up once, and what they ask for is done once all of them have come as far as they can without waiting.
 * See decisions/016.
 */
let ends: (() => void)[] | undefined;

/** Runs a gateway's work for the requests of one turn. */
export function runTurn(work: () => void): void {
  if (ends !== undefined) {
    work(); // of a gateway within an application
    return;
  }
  ends = [];
  queueMicrotask(awaitEnd);
  work();
}

/** Whether this is within a turn, so that what is set up now serves its other requests too. */
export function inTurn(): boolean {
  return ends !== undefined;
}

/** Calls back at the end of the turn; without one, when the event loop has looked at all that has arrived. */
export function atEndOfTurn(callback: () => void): void {
  if (ends === undefined) setImmediate(callback);
  else ends.push(callback);
}

/** Node runs a tick after all promises that need not wait: by then also applications that are async have come that far. */
function awaitEnd(): void {
  process.nextTick(end);
}

function end(): void {
  const callbacks = ends ?? [];
  ends = undefined;
  for (const callback of callbacks) callback();
}
