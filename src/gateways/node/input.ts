import type { IncomingMessage } from 'node:http';
import { TsgiError } from '../../app/errors.js';

/** The input of a request without a body. */
export const NO_INPUT: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

/**
 * The body of a request. Whoever stops reading early leaves the connection whole, so that a reply can still be sent.
 * Reading throws `CLIENT_GONE` when the client leaves, or is too slow, before the body is complete.
 */
export class RequestInput implements AsyncIterable<Uint8Array> {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    } catch (cause) {
      throw clientGone('The connection ended before the request was complete.', cause);
    }
  }
}

/** Nobody is left who could read an answer: gateways do not log it, and callbacks of `tsgi.finished` are told. */
export function clientGone(message: string, cause?: unknown): TsgiError {
  return new TsgiError('CLIENT_GONE', message, { status: 400, cause });
}

/**
 * Reads on, after the reply, what the application left of a request's body: the next request on the connection stands
 * behind it. Past `DRAINED` bytes the connection ends instead, in the order that lets the client read its reply first:
 * our end is closed, and the rest, which would reset the connection, is refused a moment later.
 */
export function drain(request: IncomingMessage): void {
  if (request.readableEnded) return;
  let left = DRAINED;
  request.removeAllListeners('readable');
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) hangUp(request);
  });
  request.resume();
}

const DRAINED = 256 * 1024;
const LINGER = 500;

function hangUp(request: IncomingMessage): void {
  const { socket } = request;
  request.removeAllListeners('data').pause();
  socket.end();
  setTimeout(() => socket.destroy(), LINGER).unref();
}
