import { describe, expect, it } from '@jest/globals';
import { headline, logEntry, requestLine, writeLog } from '../../../src/middleware/error/log.js';
import { chainOf } from '../../../src/middleware/error/thrown.js';
import { request } from '../../support/failing.js';

describe('logEntry', () => {
  it('indents all but its first line', () => {
    const entry = logEntry('0123', 'it broke', chainOf(new Error('a\nb', { cause: 'c' })));

    const [first, ...more] = entry.split('\n');
    expect(first).toBe('error 0123: it broke');
    expect(more.at(-1)).toBe('');
    expect(more.slice(0, -1).every((line) => line.startsWith('    '))).toBe(true);
    expect(more[0]).toBe('    Error: a\\nb');
  });
});

describe('headline', () => {
  it.each([
    [{ relation: '', name: 'Error', code: undefined, message: 'it broke' }, 'Error: it broke'],
    [{ relation: 'cause', name: 'Error', code: 'EIO', message: 'it broke' }, 'cause: Error [EIO]: it broke'],
    [{ relation: '', name: 'Error', code: undefined, message: '' }, 'Error'],
  ])('of %j', (thrown, line) => {
    expect(headline({ ...thrown, frames: [] })).toBe(line);
  });
});

describe('requestLine', () => {
  it('names method, path and query, secrets masked', () => {
    expect(requestLine(request({ QUERY_STRING: 'sid=canary' }).environ)).toBe('GET /shop/cart?sid=[masked]');
  });

  it('makes do with what there is', () => {
    const { environ } = request({ QUERY_STRING: '', PATH_INFO: undefined, SCRIPT_NAME: 7 });

    expect(requestLine(environ)).toBe('GET ');
  });
});

describe('writeLog', () => {
  it('writes at once, in one piece', () => {
    const { environ, log } = request();

    writeLog(environ, 'a\nb\n');

    expect(log()).toBe('a\nb\n');
  });
});
