import { describe, expect, it, jest } from '@jest/globals';
import { createReadStream } from 'node:fs';
import type { Chunk } from '../../../src/app/reply.js';
import { watch } from '../../../src/middleware/error/watch.js';

type Failed = (thrown: unknown) => void;

/** A body that tells what happens to it. No generator, which would hide a second return(), and slow to end. */
function body(thrown?: Error) {
  const returned = jest.fn<() => void>();
  let chunks = 0;
  const next = (): IteratorResult<Chunk, undefined> => {
    if (thrown !== undefined && chunks === 1) throw thrown;
    return chunks++ < 2 ? { done: false, value: `chunk ${chunks}` } : { done: true, value: undefined };
  };
  const end = (): IteratorResult<Chunk, undefined> => {
    returned();
    return { done: false, value: 'farewell' };
  };
  const now = { [Symbol.iterator]: () => ({ next, return: end }) };
  const later = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve().then(next),
      return: () => Promise.resolve().then(end),
    }),
  };
  return { now, later, returned };
}

describe.each(['now', 'later'] as const)('watch, around a body that comes %s', (kind) => {
  /** The watched body's iterator, whose answers are awaited. */
  function watched(made: ReturnType<typeof body>, failed: Failed = jest.fn<Failed>()) {
    const chunks = watch(made[kind], failed);
    return Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  it('gives its chunks', async () => {
    const chunks = watched(body());

    expect([(await chunks.next()).value, (await chunks.next()).value]).toEqual(['chunk 1', 'chunk 2']);
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  it('is a body of the same kind', () => {
    const chunks = watch(body()[kind], jest.fn<Failed>());

    expect(Symbol.asyncIterator in chunks).toBe(kind === 'later');
    expect(Symbol.iterator in chunks).toBe(kind === 'now');
  });

  it.each([0, 1, 2])('passes on return() once, after %i chunks', async (count) => {
    const made = body();
    const chunks = watched(made);
    for (let i = 0; i < count; i++) await chunks.next();

    await Promise.all([chunks.return?.(), chunks.return?.()]);

    expect(made.returned).toHaveBeenCalledTimes(1);
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  it('passes on no return() after the end', async () => {
    const made = body();
    const chunks = watched(made);
    for (let i = 0; i < 3; i++) await chunks.next();

    await chunks.return?.();

    expect(made.returned).not.toHaveBeenCalled();
  });

  it('tells what is thrown, once, throws it on, and passes on no return()', async () => {
    const thrown = new Error('it broke');
    const failed = jest.fn<Failed>();
    const made = body(thrown);
    const chunks = watched(made, failed);
    await chunks.next();

    const second = async () => chunks.next();

    await expect(second()).rejects.toBe(thrown);
    expect(await chunks.return?.()).toEqual({ done: true, value: undefined });
    expect(failed.mock.calls).toEqual([[thrown]]);
    expect(made.returned).not.toHaveBeenCalled();
  });

  it('tells what return() throws', async () => {
    const thrown = new Error('it broke');
    const failed = jest.fn<Failed>();
    const made = body();
    made.returned.mockImplementation(() => {
      throw thrown;
    });
    const chunks = watched(made, failed);

    const end = async () => chunks.return?.();

    await expect(end()).rejects.toBe(thrown);
    expect(failed.mock.calls).toEqual([[thrown]]);
  });
});

describe('watch', () => {
  it('runs the finally of a generator that is left early', () => {
    const left = jest.fn<() => void>();
    const chunks = watch(
      (function* () {
        try {
          yield 'a';
          yield 'b';
        } finally {
          left();
        }
      })(),
      jest.fn<Failed>(),
    );

    for (const chunk of chunks as Iterable<Chunk>) {
      expect(chunk).toBe('a');
      break;
    }

    expect(left).toHaveBeenCalledTimes(1);
  });

  it('ends a body that has no return()', () => {
    const chunks = watch(new Set(['a']), jest.fn<Failed>()) as IterableIterator<Chunk>;

    expect(chunks.return?.()).toEqual({ done: true, value: undefined });
  });

  it('tells of an iterator that cannot be had', () => {
    const failed = jest.fn<Failed>();
    const thrown = new Error('it broke');
    const chunks = watch(
      {
        [Symbol.iterator]: () => {
          throw thrown;
        },
      },
      failed,
    ) as IterableIterator<Chunk>;

    expect(() => chunks.next()).toThrow(thrown);
    expect(failed.mock.calls).toEqual([[thrown]]);
  });

  it('closes a stream that was never read', async () => {
    const stream = createReadStream(import.meta.filename);
    const chunks = watch(stream, jest.fn<Failed>()) as AsyncIterableIterator<Chunk>;

    await chunks.return?.();

    expect(stream.destroyed).toBe(true);
  });
});
