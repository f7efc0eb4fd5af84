import type { Application } from './application.js';
import type { Environ } from './environ.js';
import { TsgiError } from './errors.js';
import type { Header } from './headers.js';
import type { Chunk, Reply } from './reply.js';

/**
 * WSGI's `start_response` (PEP 3333). A second call is only allowed with the error that makes it necessary: it replaces
 * the first one and what was written, and throws that error when the reply was answered already.
 */
export type StartResponse = (
  status: string,
  headers: readonly Header[],
  error?: unknown,
) => (chunk: Chunk) => void;

/** An application in the form of WSGI: it calls `startResponse`, then answers the body, an iterable of chunks. */
export type WsgiApplication<E extends Environ = Environ> = (
  environ: E,
  startResponse: StartResponse,
) => WsgiBody | Promise<WsgiBody>;

/** A body may have `close()`, which runs once when the body has ended in whatever way. */
export type WsgiBody = (Iterable<Chunk> | AsyncIterable<Chunk>) & { close?(): void | Promise<void> };

/**
 * Runs an application written in the WSGI form. Its body is read up to the first chunk before the reply is answered,
 * since a generator may call `startResponse` as late as that (PEP 3333, "The start_response() Callable").
 * @throws TsgiError `START_RESPONSE` when it is not called by then, or called again without an error, or when `write`
 * is called after the reply was answered.
 */
export function fromWsgi<E extends Environ>(application: WsgiApplication<E>): Application<E> {
  return async (environ) => {
    const response = new Response();
    const chunks = read(await application(environ, response.start));
    const first = await chunks.next();
    try {
      return response.reply(first, chunks);
    } catch (error) {
      await chunks.return();
      throw error;
    }
  };
}

/** What `startResponse` and the `write` it answers have collected. */
class Response {
  #head: Pick<Reply, 'status' | 'headers'> | undefined;
  #written: Chunk[] = [];
  #answered = false;

  readonly start: StartResponse = (status, headers, error) => {
    if (this.#head !== undefined && error === undefined) {
      throw new TsgiError('START_RESPONSE', 'startResponse was called again without an error. Call it once.');
    }
    if (this.#answered) throw error;
    this.#head = { status, headers };
    this.#written = [];
    return this.#write;
  };

  readonly #write = (chunk: Chunk) => {
    if (this.#answered) {
      throw new TsgiError(
        'START_RESPONSE',
        'write was called after the first chunk of the body. Yield the chunk.',
      );
    }
    this.#written.push(chunk);
  };

  reply(first: IteratorResult<Chunk, void>, rest: Chunks): Reply {
    if (this.#head === undefined) {
      throw new TsgiError(
        'START_RESPONSE',
        'startResponse was not called before the first chunk of the body.',
      );
    }
    this.#answered = true;
    const pulled = first.done === true ? this.#written : [...this.#written, first.value];
    return { ...this.#head, body: new Resumed(pulled, rest) };
  }
}

type Chunks = AsyncGenerator<Chunk, void, void>;

async function* read(body: WsgiBody): Chunks {
  try {
    yield* body;
  } finally {
    await body.close?.();
  }
}

/** The chunks that were pulled already, then the rest. No generator: one that never ran would skip its `finally`. */
class Resumed implements AsyncIterableIterator<Chunk> {
  readonly #pulled: Chunk[];
  readonly #rest: Chunks;

  constructor(pulled: readonly Chunk[], rest: Chunks) {
    this.#pulled = [...pulled];
    this.#rest = rest;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk, void>> {
    const value = this.#pulled.shift();
    return value === undefined ? this.#rest.next() : Promise.resolve({ done: false, value });
  }

  return(): Promise<IteratorResult<Chunk, void>> {
    return this.#rest.return();
  }
}
