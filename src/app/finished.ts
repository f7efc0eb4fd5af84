import type { Environ, Finished } from './environ.js';
import type { Reply } from './reply.js';
import { logFailure } from './log.js';

/**
 * Runs the callbacks of `tsgi.finished`, the last one first: inner layers let go before those around them. Each waits for
 * the one before, and is taken off the list before it runs, so that none runs twice. Never rejects.
 */
export async function runFinished(
  callbacks: Finished[],
  environ: Environ,
  reply: Reply | undefined,
  error: unknown,
): Promise<void> {
  for (let callback = callbacks.pop(); callback !== undefined; callback = callbacks.pop()) {
    try {
      await callback(environ, reply, error);
    } catch (failure) {
      logFailure(environ['tsgi.errors'], 'a callback of tsgi.finished failed', failure);
    }
  }
}
