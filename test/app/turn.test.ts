import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { afterArrivals, atEndOfTurn, inTurn, runTurn } from '../../src/app/turn.js';

/** Resolves with what was noted once a callback of `setImmediate` runs, which is after every turn that runs now. */
function noted(notes: string[]): Promise<string[]> {
  return new Promise((resolve) =>
    setImmediate(() => {
      resolve(notes);
    }),
  );
}

/** What microtasks throw from now on, which nobody catches. */
function uncaught(): unknown[] {
  const thrown: unknown[] = [];
  const queue = globalThis.queueMicrotask;
  jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
    queue(() => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
  });
  return thrown;
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a turn', () => {
  it('ends once everything in it has come as far as it can without waiting', async () => {
    const notes: string[] = [];
    const later = async () => {
      for (let step = 0; step < 5; step += 1) await Promise.resolve();
      notes.push(inTurn() ? 'came far' : 'too late');
    };

    runTurn(2, () => {
      atEndOfTurn(() => notes.push(inTurn() ? 'still in it' : 'ended'));
      void later();
      notes.push('began');
    });

    expect(await noted(notes)).toEqual(['began', 'came far', 'ended']);
  });

  it('is over for what waits for something outside', async () => {
    let inside: boolean | undefined;

    runTurn(2, () => {
      setImmediate(() => (inside = inTurn()));
    });
    await noted([]);

    expect(inside).toBe(false);
  });

  it('calls back in the order in which it was asked', async () => {
    const notes: string[] = [];

    runTurn(2, () => {
      atEndOfTurn(() => notes.push('first'));
      atEndOfTurn(() => notes.push('second'));
    });

    expect(await noted(notes)).toEqual(['first', 'second']);
  });

  it('calls back the others when one throws, and lets the process hear of it', async () => {
    const notes: string[] = [];
    const thrown = uncaught();

    runTurn(2, () => {
      atEndOfTurn(() => {
        throw new Error('broken');
      });
      atEndOfTurn(() => notes.push('ended'));
    });

    expect(await noted(notes)).toEqual(['ended']);
    expect(thrown).toEqual([new Error('broken')]);
  });

  it('is one with a turn that begins inside it', async () => {
    const notes: string[] = [];

    runTurn(2, () => {
      runTurn(2, () => {
        atEndOfTurn(() => notes.push('ended'));
      });
      notes.push('outer went on');
    });

    expect(await noted(notes)).toEqual(['outer went on', 'ended']);
  });

  it('ends although something in it throws', async () => {
    const notes: string[] = [];

    const failing = () => {
      runTurn(2, () => {
        atEndOfTurn(() => notes.push('ended'));
        throw new Error('broken');
      });
    };

    expect(failing).toThrow('broken');
    expect(await noted(notes)).toEqual(['ended']);
    expect(inTurn()).toBe(false);
  });
});

describe('what waits for all that has arrived', () => {
  it('is done at the end of a turn that several requests share', async () => {
    const notes: string[] = [];

    runTurn(2, () => {
      afterArrivals(() => notes.push('called back'));
      atEndOfTurn(() => notes.push('ended'));
    });

    expect(await noted(notes)).toEqual(['called back', 'ended']);
  });

  it.each([
    [
      'in the turn of a request that came alone',
      (work: () => void) => {
        runTurn(1, work);
      },
    ],
    [
      'without a turn',
      (work: () => void) => {
        work();
      },
    ],
  ])('is done when the event loop has looked at it, %s', async (_, run) => {
    const notes: string[] = [];

    run(() => {
      afterArrivals(() => notes.push('called back'));
    });
    await Promise.resolve();
    process.nextTick(() => notes.push('after a tick'));

    expect(await noted(notes)).toEqual(['after a tick', 'called back']);
  });
});
