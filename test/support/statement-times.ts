import { performance } from 'node:perf_hooks';
import BetterSqlite3 from 'better-sqlite3';
import { queuedTime } from './queued-time.js';

/** How long a statement has kept its process from everything else, in milliseconds. */
export interface Timing {
  readonly sql: string;
  /** By the clock on the wall. */
  readonly took: number;
  /** Without the time in which the processor was given to others, where the system tells it: Linux. */
  readonly own: number;
}

/** The face of a statement of better-sqlite3 that is measured. */
interface Statement {
  readonly source: string;
}

/**
 * Measures every statement that this process runs from now on, by wrapping those of better-sqlite3 themselves, so that
 * nothing that blocks is missed. Answers the list that they are added to.
 */
export function timeStatements(): Timing[] {
  const timings: Timing[] = [];
  const queued = queuedTime();
  const probe = new BetterSqlite3(':memory:');
  const prototype = Object.getPrototypeOf(probe.prepare('SELECT 1')) as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  probe.close();
  for (const name of ['run', 'get', 'all']) {
    const original = prototype[name];
    if (original === undefined) throw new Error(`better-sqlite3 has no ${name}()`);
    prototype[name] = function timed(this: Statement, ...args: unknown[]) {
      const before = queued();
      const start = performance.now();
      try {
        return original.apply(this, args);
      } finally {
        const took = performance.now() - start;
        timings.push({ sql: this.source, took, own: took - (queued() - before) });
      }
    };
  }
  return timings;
}
