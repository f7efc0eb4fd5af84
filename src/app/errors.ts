import { types } from 'node:util';
import type { Header } from './headers.js';

export interface TsgiErrorOptions {
  cause?: unknown;
  /** The HTTP status of the reply that answers this error. Default 500. */
  status?: number;
  /** Headers of that reply, such as Retry-After. */
  headers?: readonly Header[];
}

/**
 * Every error of this toolkit: a `code` to branch on, the `status` that the error layer and every gateway answer with,
 * and a sentence that says what was found, what was expected and what to do. No message holds a secret or a session id.
 */
export class TsgiError extends Error {
  /** Tells errors of this toolkit from others, whichever copy of it made them. */
  readonly isTsgiError = true;
  readonly code: string;
  readonly status: number;
  readonly headers: readonly Header[];

  constructor(code: string, message: string, { cause, status = 500, headers = [] }: TsgiErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/**
 * Whether a thrown value is an error. `instanceof Error` alone is wrong for errors of another realm (a vm context, a
 * test runner), and `isNativeError` for those that a native addon makes.
 */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown) || looksLikeError(thrown);
}

/** The `code` of an error, if it has one: `SQLITE_BUSY`, `ENOENT`, `NO_TABLES`. */
export function codeOfError(thrown: unknown): string | undefined {
  const code = property(thrown, 'code');
  return typeof code === 'string' ? code : undefined;
}

/**
 * The HTTP status a thrown value asks for by `status` or `statusCode`, as the errors of this toolkit and of the
 * http-errors package do. 500 for anything else.
 */
export function statusOfError(thrown: unknown): number {
  const status = property(thrown, 'status') ?? property(thrown, 'statusCode');
  const asked = Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
  return asked ? (status as number) : 500;
}

/** The headers a thrown value asks for: Retry-After of a 503. */
export function headersOfError(thrown: unknown): readonly Header[] {
  return isTsgiError(thrown) ? thrown.headers : [];
}

/** Whether it is an error of this toolkit, also of another copy of it in the same program. */
export function isTsgiError(thrown: unknown): thrown is TsgiError {
  return property(thrown, 'isTsgiError') === true;
}

/** A property of anything, without falling over a getter that throws. */
function property(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null) return undefined;
  try {
    return (of as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function looksLikeError(thrown: unknown): boolean {
  return typeof property(thrown, 'message') === 'string' && typeof property(thrown, 'stack') === 'string';
}
