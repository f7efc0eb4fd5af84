import { describe, expect, it } from '@jest/globals';
import type { Chunk } from '../../src/app/reply.js';
import { fromWsgi, type StartResponse, type WsgiApplication, type WsgiBody } from '../../src/app/wsgi.js';
import { client } from '../../src/testing/client.js';

const failure = new Error('the disk is full');

describe('fromWsgi', () => {
  it('answers what startResponse and the body say', async () => {
    const answer = await client(
      fromWsgi((environ, startResponse) => {
        startResponse('201 Created', [['X-Path', environ.PATH_INFO]]);
        return ['one ', Buffer.from('two')];
      }),
    ).get('/path');

    expect(answer).toMatchObject({ status: '201 Created', headers: [['X-Path', '/path']] });
    expect(answer.text()).toBe('one two');
  });

  it.each<[string, WsgiApplication]>([
    ['a generator', generator],
    ['an asynchronous generator', asyncGenerator],
    ['a promise of a generator', (...request) => Promise.resolve(generator(...request))],
  ])('lets %s call startResponse as late as its first chunk', async (_, application) => {
    const answer = await client(fromWsgi(application)).get('/');

    expect(answer.status).toBe('202 Accepted');
    expect(answer.text()).toBe('one two');
  });

  it('answers an empty body', async () => {
    const answer = await client(fromWsgi(startedWith([]))).get('/');

    expect(answer).toMatchObject({ status: '200 OK' });
    expect(answer.text()).toBe('');
  });

  it('reads no more than one chunk before the reply is answered', async () => {
    const read: string[] = [];
    const application = fromWsgi(function* (_, startResponse) {
      startResponse('200 OK', []);
      for (const chunk of ['one', 'two', 'three']) {
        read.push(chunk);
        yield chunk;
      }
    });

    await client(async (environ) => {
      const reply = await application(environ);
      expect(read).toEqual(['one']);
      return reply;
    }).get('/');

    expect(read).toEqual(['one', 'two', 'three']);
  });

  describe('write', () => {
    it('comes before the body', async () => {
      const answer = await client(
        fromWsgi(function* (_, startResponse) {
          const write = startResponse('200 OK', []);
          write('one ');
          write(Buffer.from('two '));
          yield 'three ';
          yield 'four';
        }),
      ).get('/');

      expect(answer.text()).toBe('one two three four');
    });

    it('is enough of a body', async () => {
      const answer = await client(
        fromWsgi((_, startResponse) => {
          startResponse('200 OK', [])('written');
          return [];
        }),
      ).get('/');

      expect(answer.text()).toBe('written');
    });

    it('is an error once the reply was answered, when the chunk would be lost', async () => {
      const application = fromWsgi(function* (_, startResponse) {
        const write = startResponse('200 OK', []);
        yield 'one';
        write('lost');
      });

      await expect(client(application).get('/')).rejects.toMatchObject({ code: 'START_RESPONSE' });
    });
  });

  describe('startResponse', () => {
    it('replaces status and headers, and what was written, when it comes with an error', async () => {
      const answer = await client(
        fromWsgi((_, startResponse) => {
          startResponse('200 OK', [['X-A', 'b']])('half a page');
          startResponse('500 Internal Server Error', [], failure);
          return ['sorry'];
        }),
      ).get('/');

      expect(answer).toMatchObject({ status: '500 Internal Server Error', headers: [] });
      expect(answer.text()).toBe('sorry');
    });

    it('throws the error it comes with, once the reply was answered', async () => {
      const application = fromWsgi(function* (_, startResponse) {
        startResponse('200 OK', []);
        yield 'one';
        startResponse('500 Internal Server Error', [], failure);
        yield 'sorry';
      });

      await expect(client(application).get('/')).rejects.toBe(failure);
    });

    it.each<[string, WsgiApplication]>([
      ['is not called', () => ['body']],
      ['is not called for an empty body', () => []],
      ['is called after the first chunk', tooLate],
      ['is called twice', twice],
    ])('that %s is an error with a sentence', async (_, application) => {
      await expect(client(fromWsgi(application)).get('/')).rejects.toMatchObject({
        code: 'START_RESPONSE',
        message: expect.stringMatching(/^startResponse was /) as unknown,
      });
    });
  });

  describe('close', () => {
    it.each<
      [string, string, (body: Iterable<Chunk>) => WsgiApplication, Iterable<Chunk>, string | undefined]
    >([
      ['read to its end', 'GET', startedWith, ['one', 'two'], undefined],
      ['empty', 'GET', startedWith, [], undefined],
      ['not wanted', 'HEAD', startedWith, ['one', 'two'], undefined],
      ['failing at once', 'GET', startedWith, failingAfter(), failure.message],
      ['failing later', 'GET', startedWith, failingAfter('one', 'two'), failure.message],
      ['without a startResponse', 'GET', (body) => () => body, ['one'], 'startResponse was not called'],
    ])('runs once for a body that is %s', async (_, method, application, chunks, message) => {
      const closed: string[] = [];
      const body = Object.assign({ [Symbol.iterator]: () => chunks[Symbol.iterator]() }, closing(closed));

      const request = client(fromWsgi(application(body))).request(method, '/');

      if (message === undefined) await request;
      else await expect(request).rejects.toThrow(message);
      expect(closed).toEqual(['closed']);
    });

    it('runs once when the reader goes away after the first chunk', async () => {
      const closed: string[] = [];
      const body = Object.assign(['one', 'two', 'three'], closing(closed));
      const application = fromWsgi(startedWith(body));

      await client(async (environ) => {
        const reply = await application(environ);
        for await (const chunk of reply.body as AsyncIterable<Chunk>) {
          expect(chunk).toBe('one');
          break;
        }
        return { ...reply, body: '' };
      }).get('/');

      expect(closed).toEqual(['closed']);
    });

    it('runs the finally of a generator that is not read to its end', async () => {
      const closed: string[] = [];
      const application = fromWsgi(function* (_, startResponse) {
        startResponse('200 OK', []);
        try {
          yield 'one';
          yield 'two';
        } finally {
          closed.push('finally');
        }
      });

      await client(application).request('HEAD', '/');

      expect(closed).toEqual(['finally']);
    });

    it('fails the request when it throws', async () => {
      const body = Object.assign(['one'], { close: () => Promise.reject(failure) });

      await expect(client(fromWsgi(startedWith(body))).get('/')).rejects.toBe(failure);
    });
  });

  it.each<[string, WsgiApplication]>([
    ['throws', () => raise()],
    ['rejects', () => Promise.reject(failure)],
    ['throws after startResponse', startedThenThrowing],
  ])('lets the error of an application that %s rise', async (_, application) => {
    await expect(client(fromWsgi(application)).get('/')).rejects.toBe(failure);
  });
});

function* generator(_: unknown, startResponse: StartResponse): Generator<Chunk> {
  startResponse('202 Accepted', []);
  yield 'one ';
  yield 'two';
}

async function* asyncGenerator(_: unknown, startResponse: StartResponse): AsyncGenerator<Chunk> {
  await Promise.resolve();
  yield* generator(_, startResponse);
}

function* tooLate(_: unknown, startResponse: StartResponse): Generator<Chunk> {
  yield 'one';
  startResponse('200 OK', []);
}

function twice(_: unknown, startResponse: StartResponse): Chunk[] {
  startResponse('200 OK', []);
  startResponse('200 OK', []);
  return [];
}

function startedThenThrowing(_: unknown, startResponse: StartResponse): never {
  startResponse('200 OK', []);
  raise();
}

function startedWith(body: WsgiBody): WsgiApplication {
  return (_, startResponse) => {
    startResponse('200 OK', []);
    return body;
  };
}

function closing(closed: string[]) {
  return { close: () => void closed.push('closed') };
}

function* failingAfter(...chunks: Chunk[]): Generator<Chunk> {
  yield* chunks;
  raise();
}

function raise(): never {
  throw failure;
}
