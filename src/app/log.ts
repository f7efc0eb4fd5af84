import { inspect } from 'node:util';
import type { ErrorStream } from './environ.js';
import { isError } from './errors.js';
import { visible } from './visible.js';

/**
 * Writes an error with its stack and causes to the log, as one record: further lines are indented, and control characters
 * shown. Never throws, whatever was thrown and wherever the log goes.
 */
export function logFailure(errors: ErrorStream, where: string, error: unknown): void {
  logSentence(errors, `${where}: ${describeThrown(error)}`);
}

/** Writes what an administrator should know to the log, as one record. Never throws. */
export function logSentence(errors: ErrorStream, sentence: string): void {
  try {
    errors.write(`tsgi: ${visible(sentence).replaceAll('\n', '\n  ')}\n`);
  } catch {
    // a log that cannot be written is no reason to stop serving
  }
}

const DEEPEST_CAUSE = 5;

function describeThrown(thrown: unknown, depth = 0): string {
  if (!isError(thrown)) return `thrown: ${inspect(thrown, { depth: 0 })}`;
  const stack = typeof thrown.stack === 'string' ? thrown.stack : `${thrown.name}: ${thrown.message}`;
  if (thrown.cause === undefined || depth === DEEPEST_CAUSE) return stack;
  return `${stack}\ncaused by ${describeThrown(thrown.cause, depth + 1)}`;
}
