// @ts-check
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';

// Imported before a server, it measures how late the event loop is, without a word in the server's own program. Over the
// channel to the runner, `begin` forgets what was before, and `end` tells it. A timer of a millisecond is what it looks at:
// its own millisecond is no delay.

/** @typedef {{ p50: number, p99: number, max: number }} Delays In milliseconds. */

const INTERVAL = 1;
const histogram = monitorEventLoopDelay({ resolution: INTERVAL });
histogram.enable();

process.on('message', (question) => {
  if (question === 'begin') histogram.reset();
  process.send?.(delays());
});

/** @returns {Delays} */
function delays() {
  return {
    p50: beyond(histogram.percentile(50)),
    p99: beyond(histogram.percentile(99)),
    max: beyond(histogram.max),
  };
}

/** @param {number} nanoseconds */
function beyond(nanoseconds) {
  return Math.max(0, nanoseconds / 1e6 - INTERVAL);
}
