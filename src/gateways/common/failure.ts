import { STATUS_CODES } from 'node:http';
import { headersOfError, isTsgiError, statusOfError } from '../../app/errors.js';
import { type Reply, text } from '../../app/reply.js';

/**
 * What a gateway answers when the application gave no reply that could be sent: a plain text page with the status and
 * the headers that the error asks for. The message of an error is shown only when it is ours and tells the client what
 * to change (4xx); of a 5xx nothing is told.
 */
export function failureReply(error: unknown): Reply {
  const code = statusOfError(error);
  const status = `${code} ${STATUS_CODES[code] ?? 'Error'}`;
  const told = code < 500 && isTsgiError(error);
  const sentence = told ? error.message : 'The server could not answer this request.';
  return text(`${status}\n\n${sentence}\n`, { status, headers: [...SAFE, ...headersOfError(error)] });
}

const SAFE = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
] as const;
