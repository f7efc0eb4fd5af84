import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { codeOfError, headersOfError, isError, statusOfError, TsgiError } from '../../src/app/errors.js';

class StoreError extends TsgiError {}

/** What a getter that throws, and a proxy, do to those who look. */
const prickly = {
  get code(): never {
    throw new Error('do not look');
  },
  get status(): never {
    throw new Error('do not look');
  },
  get message(): never {
    throw new Error('do not look');
  },
};

describe('TsgiError', () => {
  it('has a code, a sentence and the status 500', () => {
    const error = new TsgiError('NO_TABLES', 'No tables here.');

    expect(error).toMatchObject({ code: 'NO_TABLES', message: 'No tables here.', status: 500, headers: [] });
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toHaveProperty('cause');
  });

  it('keeps its cause, and asks for a status and headers', () => {
    const cause = new Error('inner');

    const error = new TsgiError('BUSY', 'Busy.', { cause, status: 503, headers: [['Retry-After', '1']] });

    expect(error.cause).toBe(cause);
    expect(error).toMatchObject({ status: 503, headers: [['Retry-After', '1']] });
  });

  it('is named after its class', () => {
    expect(new TsgiError('A', 'b').name).toBe('TsgiError');
    expect(String(new StoreError('A', 'b'))).toBe('StoreError: b');
  });
});

describe('isError', () => {
  it.each<[string, unknown]>([
    ['an error', new Error('a')],
    ['one of ours', new StoreError('A', 'b')],
    ['an error of another realm', runInNewContext('new TypeError("a")')],
    [
      'one of those without its stack',
      runInNewContext('delete (e = new Error("a")).stack; e', { e: undefined }),
    ],
    ['an error of node itself', thrownBy(() => readFileSync('/no/such/file'))],
    ['an error of a native addon', thrownBy(() => new Database(':memory:').exec('no sql'))],
    ['what looks like one', { message: 'a', stack: 'a\n  at b' }],
    ['an aggregate', new AggregateError([])],
  ])('says yes to %s', (_, thrown) => {
    expect(isError(thrown)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'Error: a'],
    ['a number', 404],
    ['an object with a message', { message: 'a' }],
    ['a reply', { status: '404 Not Found', headers: [], body: '' }],
    ['an object that cannot be read', prickly],
  ])('says no to %s', (_, thrown) => {
    expect(isError(thrown)).toBe(false);
  });
});

describe('codeOfError', () => {
  it.each<[string, unknown, string | undefined]>([
    ['one of ours', new TsgiError('A', 'b'), 'A'],
    ['an error of node', thrownBy(() => readFileSync('/no/such/file')), 'ENOENT'],
    ['an error of SQLite', thrownBy(() => new Database(':memory:').exec('no sql')), 'SQLITE_ERROR'],
    ['an error without one', new Error('a'), undefined],
    ['a number', { code: 7 }, undefined],
    ['undefined', undefined, undefined],
    ['null', null, undefined],
    ['a string', 'A', undefined],
    ['an object that cannot be read', prickly, undefined],
  ])('of %s', (_, thrown, code) => {
    expect(codeOfError(thrown)).toBe(code);
  });
});

describe('statusOfError', () => {
  it.each<[string, unknown, number]>([
    ['one of ours', new TsgiError('A', 'b', { status: 413 }), 413],
    ['what has a status', { status: 404 }, 404],
    ['what has a statusCode', { statusCode: 400 }, 400],
    ['the last of its kind', { status: 599 }, 599],
    ['a success', { status: 200 }, 500],
    ['no status of HTTP', { status: 600 }, 500],
    ['half a status', { status: 404.5 }, 500],
    ['a status as text', { status: '404' }, 500],
    ['an error without one', new Error('a'), 500],
    ['a string', 'thrown text', 500],
    ['undefined', undefined, 500],
    ['null', null, 500],
    ['an object that cannot be read', prickly, 500],
  ])('of %s', (_, thrown, status) => {
    expect(statusOfError(thrown)).toBe(status);
  });
});

describe('headersOfError', () => {
  it('are those that one of our errors asks for', () => {
    expect(headersOfError(new TsgiError('A', 'b', { headers: [['Retry-After', '1']] }))).toEqual([
      ['Retry-After', '1'],
    ]);
  });

  it.each([new Error('a'), { headers: [['Set-Cookie', 'x=1']] }, undefined])('are none for %p', (thrown) => {
    expect(headersOfError(thrown)).toEqual([]);
  });
});

function thrownBy(fails: () => unknown): unknown {
  try {
    fails();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
