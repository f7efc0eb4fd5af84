import { afterEach, describe, expect, it } from '@jest/globals';
import { type Application, type Reply, text, TsgiError } from '../../../src/index.js';
import { exchange, Gate, RawClient, request } from '../../support/http.js';
import { Servers, settled } from '../../support/servers.js';

const servers = new Servers();

afterEach(() => servers.close());

/** Everything that comes back for one request. */
async function raw(application: Application, method = 'GET', version = '1.1'): Promise<string> {
  const { port } = await servers.start(application);
  return exchange(port, `${method} /p HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
}

/** A reply that no compiler has seen. */
function loose(answer: unknown): Application {
  return () => answer as Reply;
}

const PLAIN = [['Content-Type', 'text/plain']] as const;

describe('a reply', () => {
  it('leaves with its status, its headers in their order, and the length of its body', async () => {
    const answer = await raw(() => ({
      status: '201 Made Here',
      headers: [
        ['X-One', '1'],
        ['Set-Cookie', 'a=1'],
        ['x-two', ''],
        ['Set-Cookie', 'b=2'],
      ],
      body: 'grün',
    }));

    expect(answer).toMatch(
      /^HTTP\/1.1 201 Made Here\r\nX-One: 1\r\nSet-Cookie: a=1\r\nx-two: \r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n/,
    );
    expect(answer).toMatch(/\r\n\r\ngr\xc3\xbcn$/);
  });

  it('may come later', async () => {
    const answer = await raw(async () => Promise.resolve(text('later')));

    expect(answer).toMatch(/\r\n\r\nlater$/);
  });

  it('may be bytes', async () => {
    const answer = await raw(() => ({
      status: '200 OK',
      headers: PLAIN,
      body: Uint8Array.of(0, 255, 13, 10),
    }));

    expect(answer).toMatch(/Content-Length: 4\r\n.*\r\n\r\n\0\xff\r\n$/s);
  });

  it('may be frozen and sent to everyone', async () => {
    const constant = Object.freeze({ status: '200 OK', headers: Object.freeze([...PLAIN]), body: 'same' });
    const { url } = await servers.start(() => constant);

    const bodies = await Promise.all(Array.from({ length: 20 }, () => request(url).then(({ body }) => body)));

    expect(new Set(bodies)).toEqual(new Set(['same']));
    expect(constant.headers).toEqual(PLAIN);
  });

  it('keeps the Content-Length it brings', async () => {
    const answer = await raw(() => ({ status: '200 OK', headers: [['content-length', '2']], body: 'ok' }));

    expect(answer.match(/content-length/gi)).toHaveLength(1);
    expect(answer).toMatch(/\r\n\r\nok$/);
  });

  it('may have Latin-1 in reason and headers, which leave as they are', async () => {
    const headers = [
      ['X', 'é'],
      ['Content-Length', '2'],
    ] as const;
    const body = function* () {
      yield 'é';
    };

    const reason = await raw(() => ({ status: '200 Gut é', headers: [], body: 'é' }));
    const whole = await raw(() => ({ status: '200 OK', headers, body: 'é' }));
    const pieces = await raw(() => ({ status: '200 OK', headers, body: body() }));

    expect(reason).toContain('200 Gut \xe9\r\n');
    expect(whole).toContain('X: \xe9\r\n');
    expect(pieces).toContain('X: \xe9\r\n');
    expect([whole, pieces].map((answer) => answer.slice(-2))).toEqual(['\xc3\xa9', '\xc3\xa9']);
  });

  it('to HEAD has the headers of the one to GET, and no body', async () => {
    const application = () => text('hello', { headers: [['X-One', '1']] });
    const withoutDate = (answer: string) => answer.replace(/Date: .*\r\n/, '');

    const get = withoutDate(await raw(application));
    const head = withoutDate(await raw(application, 'HEAD'));

    expect(head + 'hello').toBe(get);
  });

  it('to HEAD may announce the length that GET would have', async () => {
    const answer = await raw(
      () => ({ status: '200 OK', headers: [['Content-Length', '99']], body: '' }),
      'HEAD',
    );

    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 99\r\n/);
  });

  it.each([
    ['204 No Content', 'text', 'X-A: 1'],
    ['304 Not Modified', 'text', 'X-A: 1'],
  ])('%s has no body and no length of one', async (status, body) => {
    const answer = await raw(() => ({ status, headers: [['X-A', '1']], body }));

    expect(answer).toMatch(/^HTTP\/1.1 \d+ [\w ]+\r\nX-A: 1\r\nDate: .*\r\nConnection: close\r\n\r\n$/);
  });

  it('204 loses a Content-Length, 304 keeps the one it tells of', async () => {
    const reply = (status: string) => () => ({
      status,
      headers: [['Content-Length', '7']] as const,
      body: '',
    });

    expect(await raw(reply('204 No Content'))).not.toContain('Content-Length');
    expect(await raw(reply('304 Not Modified'))).toContain('Content-Length: 7\r\n');
  });

  it('leaves the connection open for the next request', async () => {
    const { port } = await servers.start((environ) => text(environ.PATH_INFO));
    const client = new RawClient(port);

    client.send('GET /one HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('/one');
    client.send('GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

    expect((await client.ended).match(/\/one|\/two/g)).toEqual(['/one', '/two']);
  });

  it('of a pipelined request waits for those before it, whatever is ready first', async () => {
    const count = 50;
    const { port } = await servers.start(async ({ PATH_INFO }) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      return PATH_INFO.endsWith('3') ? { status: '200 OK', headers: [], body: [PATH_INFO] } : text(PATH_INFO);
    });
    const paths = Array.from({ length: count }, (_, i) => `/n${i}`);
    const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');

    const client = new RawClient(port).send(requests);
    await client.until(`/n${count - 1}`);

    expect(client.received.match(/\/n\d+/g)).toEqual(paths);
    client.leave();
  });
});

describe('what is no reply', () => {
  it.each([
    ['nothing', undefined, 'answered undefined'],
    ['null', null, 'answered null'],
    ['text', 'hello', 'answered string'],
    ['an empty object', {}, 'its status is undefined'],
    ['no body', { status: '200 OK', headers: [] }, 'its body is undefined'],
    ['an object for a body', { status: '200 OK', headers: [], body: {} }, 'its body is object'],
    ['a status that is a number', { status: 200, headers: [], body: '' }, 'its status is number'],
    ['headers as an object', { status: '200 OK', headers: { a: 'b' }, body: '' }, 'its headers are object'],
    ['headers as a Map', { status: '200 OK', headers: new Map(), body: '' }, 'its headers are object'],
    ['a status without reason', { status: '200', headers: [], body: '' }, 'status is "200"'],
    ['a status with an empty reason', { status: '200 ', headers: [], body: '' }, 'status is "200 "'],
    ['a status that is not final', { status: '101 Switching', headers: [], body: '' }, '101 Switching'],
    ['a status out of range', { status: '600 Much', headers: [], body: '' }, '600 Much'],
    ['a status with a line end', { status: '200 OK\r\nX: 1', headers: [], body: '' }, 'status is'],
    ['a header without value', { status: '200 OK', headers: [['X']], body: '' }, 'one of its headers'],
    [
      'a header with two values',
      { status: '200 OK', headers: [['X', 'a', 'b']], body: '' },
      'one of its headers',
    ],
    ['a header with a number', { status: '200 OK', headers: [['X', 1]], body: '' }, 'one of its headers'],
    ['null for a header', { status: '200 OK', headers: [null], body: '' }, 'one of its headers'],
    ['an empty header name', { status: '200 OK', headers: [['', 'a']], body: '' }, 'no header name'],
    [
      'a length that is no number',
      { status: '200 OK', headers: [['Content-Length', 'x']], body: '' },
      'number',
    ],
    [
      'two lengths',
      {
        status: '200 OK',
        headers: [
          ['Content-Length', '0'],
          ['content-length', '0'],
        ],
        body: '',
      },
      'more than one',
    ],
    [
      'a wrong length',
      { status: '200 OK', headers: [['Content-Length', '3']], body: 'ok' },
      'is 3 and its body has 2',
    ],
    [
      'a getter that throws',
      {
        get status() {
          throw new Error('no status today');
        },
      },
      'no status today',
    ],
  ])('gets a 500, and the log says why: %s', async (_, answer, reason) => {
    const received = await raw(loose(answer));

    expect(received).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n/);
    expect(servers.log.text).toMatch(/^tsgi: GET \/p: /);
    expect(servers.log.text).toContain(reason);
  });

  it.each([
    'Connection',
    'keep-alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'TRANSFER-ENCODING',
    'Upgrade',
  ])('is one with a header of the connection: %s', async (name) => {
    const answer = await raw(() => ({ status: '200 OK', headers: [[name, 'x']], body: '' }));

    expect(answer).toMatch(/^HTTP\/1.1 500 /);
    expect(servers.log.text).toContain(`${name} belongs to the connection`);
  });

  it('is one with any character that could break the head: nothing of it leaves', async () => {
    const places: ((char: string) => Partial<Reply>)[] = [
      (char) => ({ status: `200 a${char}b` }),
      (char) => ({ headers: [[`X${char}Y`, 'v']] }),
      (char) => ({ headers: [['X', `a${char}b`]] }),
      (char) => ({ headers: [['Set-Cookie', char]] }),
    ];
    const { url } = await servers.start((environ) => {
      const [place = '', code = ''] = environ.QUERY_STRING.split(',');
      const broken = places[Number(place)]?.(String.fromCharCode(Number(code)));
      return { status: '200 OK', headers: [], body: 'ok', ...broken };
    });
    const codes = [
      ...Array(34).keys(),
      0x3a,
      0x7e,
      0x7f,
      0x80,
      0x85,
      0xa0,
      0xff,
      0x100,
      0x10a,
      0x10d,
      0x2028,
      0xd800,
    ];

    for (const place of places.keys()) {
      for (const code of codes) {
        const { status, rawHeaders } = await request(`${url}?${place},${code}`);
        const bad = code < 0x20 || code === 0x7f || code > 0xff;
        if (bad && !(code === 9 && place > 1))
          expect([place, code, status.slice(0, 3)]).toEqual([place, code, '500']);
        expect(rawHeaders.length).toBeLessThanOrEqual(12);
      }
    }
  });

  it('never shows the value of a header', async () => {
    await raw(() => ({ status: '200 OK', headers: [['Set-Cookie', 'id=secret\n']], body: '' }));

    expect(servers.log.text).toContain('Set-Cookie');
    expect(servers.log.text).not.toContain('secret');
  });
});

describe('an application that throws', () => {
  class OutOfStock extends Error {
    readonly status = 409;
  }

  it.each([
    ['an error', new Error('canary'), '500 Internal Server Error'],
    ['text', 'canary', '500 Internal Server Error'],
    ['an object', { canary: 'canary' }, '500 Internal Server Error'],
    ['null', null, '500 Internal Server Error'],
    ['an error with a status', new OutOfStock('canary'), '409 Conflict'],
    [
      'an error with a status that is none',
      Object.assign(new Error('canary'), { status: 200 }),
      '500 Internal',
    ],
    ['a 503 of ours', new TsgiError('BUSY', 'canary', { status: 503 }), '503 Service Unavailable'],
    [
      'an error with a broken stack',
      Object.defineProperty(new Error('canary'), 'stack', { value: 1 }),
      '500 ',
    ],
  ])('gets a plain page of the status, and its error is logged: %s', async (_, thrown, status) => {
    const answer = await raw(() => {
      throw thrown as Error;
    });

    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toMatch(/\r\n\r\n\d\d\d [\w ]+\n\nThe server could not answer this request.\n$/);
    expect(answer).toContain('X-Content-Type-Options: nosniff\r\n');
    expect(answer).not.toContain('canary');
    expect(servers.log.text).toContain(thrown === null ? 'null' : 'canary');
  });

  it('is answered with the headers that its error asks for', async () => {
    const answer = await raw(() => {
      throw new TsgiError('BUSY', 'Too much.', { status: 503, headers: [['Retry-After', '5']] });
    });

    expect(answer).toContain('\r\nRetry-After: 5\r\n');
  });

  it('is answered without them when they cannot be sent', async () => {
    const answer = await raw(() => {
      throw new TsgiError('BUSY', 'Too much.', { status: 503, headers: [['Retry-After', '5\r\n']] });
    });

    expect(answer).toMatch(/^HTTP\/1.1 500 /);
  });

  it('tells the client what to change when the error is ours and the fault is theirs', async () => {
    const answer = await raw(async () => {
      await Promise.resolve();
      throw new TsgiError('TOO_LARGE', 'A form may have 1000 fields.', { status: 413 });
    });

    expect(answer).toMatch(
      /^HTTP\/1.1 413 .*\r\n\r\n413 Payload Too Large\n\nA form may have 1000 fields.\n$/s,
    );
  });

  it('is logged with its causes, and no line of it looks like another entry', async () => {
    await raw(() => {
      throw new Error('outer\ntsgi: forged \x1b[31m\r', { cause: new TypeError('inner') });
    });

    expect(servers.log.text.match(/^\S.*/gm)).toEqual(['tsgi: GET /p: Error: outer']);
    expect(servers.log.text).toContain('\n  tsgi: forged \\u001b[31m\\r');
    expect(servers.log.text).toContain('caused by TypeError: inner');
  });

  it('does not end the server when the log fails as well', async () => {
    const errors = {
      write() {
        throw new Error('disk full');
      },
    };
    const server = await servers.start(
      () => {
        throw new Error('broken');
      },
      { errors },
    );

    expect((await request(server.url)).status).toBe('500 Internal Server Error');
    expect((await request(server.url)).status).toBe('500 Internal Server Error');
  });
});

describe('a body in pieces', () => {
  it('leaves piece by piece: the first is there before the second is made', async () => {
    const received = new Gate();
    const { port } = await servers.start(() => ({ status: '200 OK', headers: PLAIN, body: body() }));
    async function* body() {
      yield 'first';
      await received.opened;
      yield new TextEncoder().encode('second');
    }
    const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

    expect(await client.until('first')).not.toContain('second');
    received.open();
    expect(await client.until('0\r\n\r\n')).toMatch(
      /Transfer-Encoding: chunked\r\n.*5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n$/s,
    );
    client.leave();
  });

  it.each([
    ['an array', () => ['a', '', 'b']],
    ['a Set of bytes', () => new Set([Uint8Array.of(97), new Uint8Array(), Uint8Array.of(98)])],
    [
      'a generator',
      function* () {
        yield 'a';
        yield '';
        yield 'b';
      },
    ],
    [
      'an async generator',
      async function* () {
        yield await Promise.resolve('');
        yield 'a';
        yield 'b';
      },
    ],
  ])('may be %s, and empty pieces do not end it', async (_, body) => {
    const { url } = await servers.start(() => ({ status: '200 OK', headers: PLAIN, body: body() }));

    expect((await request(url)).body).toBe('ab');
  });

  it('that is empty has length 0', async () => {
    const answer = await raw(() => ({ status: '200 OK', headers: PLAIN, body: ['', ''] }));

    expect(answer).toMatch(/\r\nContent-Length: 0\r\n.*\r\n\r\n$/s);
  });

  it('may announce its length', async () => {
    const answer = await raw(() => ({
      status: '200 OK',
      headers: [['Content-Length', '3']],
      body: ['é', 'x'],
    }));

    expect(answer).toMatch(/Content-Length: 3\r\n.*\r\n\r\n\xc3\xa9x$/s);
    expect(answer).not.toContain('chunked');
  });

  it('ends with the connection over HTTP/1.0', async () => {
    const answer = await raw(() => ({ status: '200 OK', headers: [], body: ['a', 'b'] }), 'GET', '1.0');

    expect(answer).toMatch(/\r\nConnection: close\r\n\r\nab$/);
  });

  it.each([
    ['throws', new Error('canary')],
    ['throws nothing', undefined],
  ])('that %s before its first piece is answered with a plain 500', async (_, thrown) => {
    const answer = await raw(() => ({ status: '200 OK', headers: [['X-A', '1']], body: body() }));
    function* body() {
      yield '';
      throw thrown as Error;
    }

    expect(answer).toMatch(/^HTTP\/1.1 500 /);
    expect(answer).not.toContain('X-A');
    expect(servers.log.text).toContain(thrown?.message ?? 'undefined');
  });

  it.each([
    ['throws', 'canary'],
    ['yields what is no piece', 'a piece of its body is number'],
    ['is longer than announced', 'longer than its Content-Length'],
    ['is shorter than announced', 'shorter than its Content-Length'],
  ])('that %s later ends the connection without a proper end', async (fault, reason) => {
    function* body() {
      yield 'abc';
      if (fault === 'throws') throw new Error('canary');
      if (fault.startsWith('yields')) yield 5 as unknown as string;
      if (fault.includes('longer')) yield 'defg';
    }
    const headers = fault.includes('announced') ? ([['Content-Length', '5']] as const) : [];

    const answer = await raw(() => ({ status: '200 OK', headers, body: body() }));

    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n.*abc(\r\n)?$/s);
    expect(servers.log.text).toContain(reason);
  });

  it('that throws over HTTP/1.0 resets the connection, whose end would be the end of the body', async () => {
    const { port } = await servers.start(() => ({ status: '200 OK', headers: [], body: body() }));
    async function* body() {
      yield 'abc';
      await client.until('abc');
      throw new Error('canary');
    }
    const client = new RawClient(port).send('GET / HTTP/1.0\r\n\r\n');

    await client.ended;

    expect(client.reset).toBe(true);
  });

  it('that cannot be iterated is answered with a 500', async () => {
    const broken = {
      [Symbol.iterator]() {
        throw new Error('canary');
      },
    };

    expect(await raw(loose({ status: '200 OK', headers: [], body: broken }))).toMatch(/^HTTP\/1.1 500 /);
    expect(servers.log.text).toContain('canary');
  });

  it('is made only as fast as the client reads it', async () => {
    const count = 400;
    let made = 0;
    const { port } = await servers.start(() => ({ status: '200 OK', headers: [], body: body() }));
    function* body() {
      for (made = 1; made <= count; made += 1) yield 'x'.repeat(256 * 1024);
    }
    const client = new RawClient(port);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

    const stoppedAt = await settled(() => made);
    client.socket.resume();
    const answer = await client.ended;

    expect(stoppedAt).toBeLessThan(count / 4);
    expect(made).toBe(count + 1);
    expect(answer.length).toBeGreaterThan(count * 256 * 1024);
  });
});
