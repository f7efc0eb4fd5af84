import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TsgiError } from '../../../src/app/errors.js';
import { chainOf } from '../../../src/middleware/error/thrown.js';

/** The chain without its frames. */
function told(thrown: unknown) {
  return chainOf(thrown).map(({ relation, name, code, message }) => ({ relation, name, code, message }));
}

class PaymentFailed extends Error {}

describe('chainOf', () => {
  it('tells name, code, message and calls of an error', () => {
    const [thrown] = chainOf(new TsgiError('NO_TABLES', 'There are no tables.'));

    expect(thrown).toMatchObject({
      relation: '',
      name: 'TsgiError',
      code: 'NO_TABLES',
      message: 'There are no tables.',
    });
    expect(thrown?.frames[0]?.file).toBe(import.meta.filename);
  });

  it('calls an error by its class when that has given itself no name', () => {
    expect(told(new PaymentFailed('x'))).toMatchObject([{ name: 'PaymentFailed' }]);
  });

  it('tells causes and gathered errors in the order they were met', () => {
    const cause = new Error('both', { cause: 'the disk' });
    const thrown = new AggregateError([new TypeError('one'), 'two'], 'all', { cause });

    expect(told(thrown).map(({ relation, message }) => [relation, message])).toEqual([
      ['', 'all'],
      ['cause', 'both'],
      ['cause', 'the disk'],
      ['errors[0]', 'one'],
      ['errors[1]', 'two'],
    ]);
  });

  it('stops where a chain bites its tail', () => {
    const thrown = new Error('x');
    thrown.cause = thrown;

    expect(told(thrown)).toMatchObject([{ message: 'x' }, { relation: 'cause', name: 'the same' }]);
  });

  it('tells 20 at most', () => {
    const many = new AggregateError(
      Array.from({ length: 100 }, () => new Error('x')),
      'all',
    );

    expect(chainOf(many)).toHaveLength(20);
  });

  it('tells the names of the properties of an object, never their values', () => {
    expect(told({ password: 'canary', reason: 'canary' })).toMatchObject([
      { name: 'thrown Object', message: 'no message; properties: password, reason' },
    ]);
  });

  it('masks secrets in messages', () => {
    const thrown = new Error('no answer from redis://:canary@host', { cause: 'refused: token=canary' });

    expect(JSON.stringify(told(thrown))).not.toContain('canary');
  });

  it('cuts what is endless', () => {
    const long = 'long '.repeat(100_000);
    const thrown = Object.assign(new Error(long), { name: long, code: long });

    expect(JSON.stringify(told(thrown)).length).toBeLessThan(11_000);
  });

  it('survives whatever is thrown', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withMap: true }),
        (thrown) => {
          expect(chainOf(thrown).length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
