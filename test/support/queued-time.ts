import { openSync, readSync } from 'node:fs';

/**
 * What reads for how many milliseconds this thread has been ready to run while the processor was given to others, where
 * the system tells it (Linux); elsewhere always 0.
 */
export function queuedTime(): () => number {
  const buffer = Buffer.alloc(128);
  let file: number;
  try {
    file = openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return () => 0;
  }
  return () => {
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  };
}
