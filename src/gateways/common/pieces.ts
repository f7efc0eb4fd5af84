import type { Chunk } from '../../app/reply.js';
import { badReply, isChunk, kindOf, type PiecedBody } from './outgoing.js';

/** Reads a body piece by piece. One that is not read to its end gets `return()`, once; one that threw is over already. */
export class Pieces {
  readonly #body: PiecedBody;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  #left: number | undefined;
  #started = false;
  #reading = false;
  #open = true;

  /** `length` is the Content-Length that was announced, if one was. */
  constructor(body: PiecedBody, length?: number) {
    this.#body = body;
    this.#iterator = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
    this.#left = length;
  }

  /**
   * The next piece that is not empty; undefined at the end, and when the body was stopped.
   * @throws what the body throws; TsgiError `BAD_REPLY` for a piece that is neither text nor bytes, and for a body that
   * is longer or shorter than announced.
   */
  async next(): Promise<Chunk | undefined> {
    for (;;) {
      const { done, value } = (await this.#step()) as { done?: boolean; value: unknown };
      if (!this.#open) return undefined;
      if (done === true) {
        this.#end();
        return undefined;
      }
      if (!isChunk(value)) throw badReply(`a piece of its body is ${kindOf(value)}, not text or bytes.`);
      this.#count(value);
      if (value.length > 0) return value;
    }
  }

  /**
   * Ends a body that is not at its end; afterwards this does nothing. Waits until the body has let go, unless it is busy
   * with its next piece: nobody knows how long that takes. What goes wrong with it is told to `failed`.
   */
  async stop(failed: (error: unknown) => void): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    const released = this.#release().catch(failed);
    if (!this.#reading) await released;
  }

  async #step(): Promise<IteratorResult<unknown>> {
    this.#started = true;
    this.#reading = true;
    try {
      return await this.#iterator.next();
    } catch (error) {
      this.#open = false;
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  #count(chunk: Chunk): void {
    if (this.#left === undefined) return;
    this.#left -= Buffer.byteLength(chunk);
    if (this.#left < 0) throw badReply('its body is longer than its Content-Length.');
  }

  #end(): void {
    this.#open = false;
    if (this.#left !== undefined && this.#left > 0)
      throw badReply('its body is shorter than its Content-Length.');
  }

  async #release(): Promise<void> {
    await this.#iterator.return?.();
    if (!this.#started) destroy(this.#body);
  }
}

/** A stream of Node's reads through a generator, and stays open when that never ran. */
function destroy(body: PiecedBody & { destroy?: () => unknown }): void {
  if (typeof body.destroy === 'function') body.destroy();
}
