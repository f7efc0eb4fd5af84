import { describe, expect, it } from '@jest/globals';
import type { Body } from '../../src/app/reply.js';
import { Answer, readBody } from '../../src/testing/answer.js';

describe('Answer', () => {
  it('has the status, its number and the headers by any case', () => {
    const answer = answerOf('');

    expect(answer).toMatchObject({ status: '404 Not Found', code: 404 });
    expect(answer.header('content-type')).toBe('text/plain');
    expect(answer.header('Location')).toBeUndefined();
    expect(answer.headerAll('SET-COOKIE')).toEqual(['a=1', 'b=2']);
    expect(answer.headerAll('Location')).toEqual([]);
  });

  it('has the body as text, JSON and bytes', () => {
    const answer = answerOf('{"a":"ü"}');

    expect(answer.text()).toBe('{"a":"ü"}');
    expect(answer.json()).toEqual({ a: 'ü' });
    expect(answer.bytes()).toStrictEqual(new Uint8Array(Buffer.from('{"a":"ü"}')));
  });

  it('keeps a byte order mark', () => {
    expect(answerOf('\ufeffx').text()).toBe('\ufeffx');
  });

  it('says when the body is no JSON', () => {
    expect(() => answerOf('<p>').json()).toThrow(/JSON/);
  });
});

describe('readBody', () => {
  it.each<[string, Body]>([
    ['a string', 'aüb'],
    ['bytes', Buffer.from('aüb')],
    ['a list', ['a', Buffer.from('ü'), 'b']],
    ['a generator', syncChunks()],
    ['an asynchronous generator', asyncChunks()],
    ['bytes cut inside a character', [Buffer.from('aüb').subarray(0, 2), Buffer.from('aüb').subarray(2)]],
  ])('reads %s', async (_, body) => {
    const content = await readBody('GET', replyOf(body));

    expect(content.toString()).toBe('aüb');
  });

  it.each([
    ['HEAD', '200 OK'],
    ['GET', '204 No Content'],
    ['GET', '304 Not Modified'],
  ])('ends the body of a %s that answers %s without reading it', async (method, status) => {
    const did: string[] = [];
    const next = () => did.push('read');
    const sync = { next, return: () => did.push('sync ended') };
    const async = { next, return: () => Promise.resolve(did.push('async ended')) };
    const unendable = { next };

    await readBody(method, replyOf({ [Symbol.iterator]: () => sync } as unknown as Body, status));
    await readBody(method, replyOf({ [Symbol.asyncIterator]: () => async } as unknown as Body, status));
    await readBody(method, replyOf({ [Symbol.asyncIterator]: () => unendable } as unknown as Body, status));
    const content = await readBody(method, replyOf('text', status));

    expect(did).toEqual(['sync ended', 'async ended']);
    expect(content).toHaveLength(0);
  });

  it('rejects with what a body throws', async () => {
    const failing = async function* () {
      yield await Promise.resolve('half');
      throw new Error('disk');
    };

    await expect(readBody('GET', replyOf(failing()))).rejects.toThrow('disk');
  });
});

function answerOf(body: string): Answer {
  const request = { method: 'GET', address: 'http://localhost/', options: {} };
  const headers = [
    ['Content-Type', 'text/plain'],
    ['Set-Cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ] as const;
  return new Answer(request, { status: '404 Not Found', headers, body }, Buffer.from(body));
}

function replyOf(body: Body, status = '200 OK') {
  return { status, headers: [], body };
}

function* syncChunks(): Generator<string | Uint8Array> {
  yield 'a';
  yield Buffer.from('ü');
  yield 'b';
}

async function* asyncChunks(): AsyncGenerator<string | Uint8Array> {
  for (const chunk of syncChunks()) yield await Promise.resolve(chunk);
}
