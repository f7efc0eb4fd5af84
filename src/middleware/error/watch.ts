import type { Chunk } from '../../app/reply.js';

/** A body that is read piece by piece. */
export type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

/**
 * The same body, of the same kind; `failed` is told what its reading throws, which is then thrown on. `return()` reaches
 * the body once at most, and also when nothing was read yet, which a generator here would swallow.
 */
export function watch(body: Chunks, failed: (thrown: unknown) => void): Chunks {
  return Symbol.asyncIterator in body ? new WatchedLater(body, failed) : new Watched(body, failed);
}

type Step = IteratorResult<Chunk, unknown>;

const END: Step = { done: true, value: undefined };

class Watched implements Iterator<Chunk, unknown, void> {
  readonly #body: Iterable<Chunk>;
  readonly #failed: (thrown: unknown) => void;
  #chunks: Iterator<Chunk, unknown, unknown> | undefined;
  #ended = false;

  constructor(body: Iterable<Chunk>, failed: (thrown: unknown) => void) {
    this.#body = body;
    this.#failed = failed;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): Step {
    return this.#ended ? END : this.#take((chunks) => chunks.next());
  }

  return(): Step {
    if (this.#ended) return END;
    this.#ended = true;
    return this.#take((chunks) => chunks.return?.() ?? END);
  }

  #take(step: (chunks: Iterator<Chunk, unknown, unknown>) => Step): Step {
    try {
      this.#chunks ??= this.#body[Symbol.iterator]();
      const taken = step(this.#chunks);
      this.#ended ||= taken.done === true;
      return taken;
    } catch (thrown) {
      this.#ended = true;
      this.#failed(thrown);
      throw thrown;
    }
  }
}

class WatchedLater implements AsyncIterator<Chunk, unknown, void> {
  readonly #body: AsyncIterable<Chunk> & { destroy?: () => void };
  readonly #failed: (thrown: unknown) => void;
  #chunks: AsyncIterator<Chunk, unknown, unknown> | undefined;
  #ended = false;

  constructor(body: AsyncIterable<Chunk>, failed: (thrown: unknown) => void) {
    this.#body = body;
    this.#failed = failed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    return this.#ended ? END : this.#take((chunks) => chunks.next());
  }

  async return(): Promise<Step> {
    if (this.#ended) return END;
    this.#ended = true;
    // A stream of Node's is read through a generator, and stays open when that never ran.
    if (this.#chunks === undefined) this.#body.destroy?.();
    return this.#take(async (chunks) => (await chunks.return?.()) ?? END);
  }

  async #take(step: (chunks: AsyncIterator<Chunk, unknown, unknown>) => Promise<Step>): Promise<Step> {
    try {
      this.#chunks ??= this.#body[Symbol.asyncIterator]();
      const taken = await step(this.#chunks);
      this.#ended ||= taken.done === true;
      return taken;
    } catch (thrown) {
      this.#ended = true;
      this.#failed(thrown);
      throw thrown;
    }
  }
}
