import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { callShadowing, callThenLeave, isPromise } from '../../src/app/promise.js';
import { type Reply, text } from '../../src/app/reply.js';

describe('isPromise', () => {
  it('knows a reply from one that comes later', () => {
    expect(isPromise(text('now'))).toBe(false);
    expect(isPromise(Promise.resolve(text('later')))).toBe(true);
  });

  it('knows a promise of another realm', () => {
    expect(isPromise(runInNewContext('Promise.resolve(1)'))).toBe(true);
  });
});

const failure = new Error('the disk is full');

describe('callThenLeave', () => {
  it.each<[string, () => Reply | Promise<Reply>, string]>([
    ['answers', () => text('now'), 'now'],
    ['answers later', () => Promise.resolve(text('later')), 'later'],
    ['throws', raise, failure.message],
    ['rejects', () => Promise.reject(failure), failure.message],
  ])('leaves once, after an application that %s', async (_, answer, outcome) => {
    const did: string[] = [];
    const application = () => {
      did.push('called');
      return answer();
    };

    const ended = await endOf(() => callThenLeave(application, {}, () => did.push('left')));

    expect(ended).toBe(outcome);
    expect(did).toEqual(['called', 'left']);
  });

  it('answers at once when the application does', () => {
    expect(
      isPromise(
        callThenLeave(
          () => text(''),
          {},
          () => undefined,
        ),
      ),
    ).toBe(false);
  });
});

describe('callShadowing', () => {
  it.each<[string, () => Reply | Promise<Reply>]>([
    ['answers', () => text('')],
    ['answers later', () => Promise.resolve(text(''))],
    ['throws', raise],
    ['rejects', () => Promise.reject(failure)],
  ])('gives the keys back that it hid from an application that %s', async (_, answer) => {
    const environ = { 'web.a': 'outer', 'web.b': 'outer' };
    const seen: unknown[] = [];
    const application = (inside: { 'web.a': string }) => {
      seen.push({ ...inside });
      return answer();
    };

    await endOf(() => callShadowing(application, environ, { 'web.a': 'inner' }));

    expect(seen).toEqual([{ 'web.a': 'inner', 'web.b': 'outer' }]);
    expect(environ).toEqual({ 'web.a': 'outer', 'web.b': 'outer' });
  });
});

function raise(): never {
  throw failure;
}

/** The body of the reply, or the message of the error. */
async function endOf(call: () => Reply | Promise<Reply>): Promise<unknown> {
  try {
    return (await call()).body;
  } catch (error) {
    return (error as Error).message;
  }
}
