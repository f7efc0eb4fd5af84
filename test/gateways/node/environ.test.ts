import { existsSync, readFileSync } from 'node:fs';
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { serve, type Server, toListener } from '../../../src/gateways/node.js';
import { type Environ, text } from '../../../src/index.js';
import { exchange, Log, RawClient } from '../../support/http.js';
import { readInput } from '../../support/servers.js';

let server: Server;
const seen: Environ[] = [];

beforeAll(async () => {
  server = await serve(
    async (environ) => {
      await readInput(environ);
      seen.push(environ);
      return text('ok');
    },
    { port: 0, signals: false, errors: new Log() },
  );
});

afterEach(() => {
  seen.length = 0;
});

afterAll(() => server.close());

const HOST = 'Host: example.org\r\n';
const CLOSE = 'Connection: close\r\n\r\n';

/** The environ of a request that is accepted. */
async function environOf(head: string): Promise<Environ> {
  const answer = await exchange(server.port, head + CLOSE);
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  return seen.pop() as Environ;
}

/** The status that a request is refused with, when the application was not called. */
async function refusalOf(head: string): Promise<string> {
  const answer = await exchange(server.port, head + CLOSE);
  expect(seen).toEqual([]);
  return answer.slice(9, 12);
}

describe('the environ', () => {
  it('holds the names of CGI as strings in a plain object', async () => {
    const environ = await environOf(`GET /a%20b/%C3%A9?x=1&y=%20 HTTP/1.1\r\n${HOST}`);

    expect(Object.getPrototypeOf(environ)).toBe(Object.prototype);
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/a b/é',
      QUERY_STRING: 'x=1&y=%20',
      REQUEST_URI: '/a%20b/%C3%A9?x=1&y=%20',
      SERVER_NAME: 'example.org',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      CONTENT_TYPE: undefined,
      CONTENT_LENGTH: undefined,
    });
  });

  it('holds the keys of the gateway', async () => {
    const environ = await environOf(`GET / HTTP/1.1\r\n${HOST}`);

    expect(environ).toMatchObject({
      'tsgi.version': [1, 0],
      'tsgi.url_scheme': 'http',
      'tsgi.input_terminated': true,
      'tsgi.multiprocess': false,
      'tsgi.run_once': false,
      'tsgi.finished': [],
    });
  });

  it('has all header lines, under names that start with HTTP_', async () => {
    const environ = await environOf(`GET / HTTP/1.1\r\n${HOST}Accept-Language: de\r\nX-A: 1\r\nDNT: 1\r\n`);

    expect(environ).toMatchObject({ HTTP_ACCEPT_LANGUAGE: 'de', HTTP_X_A: '1', HTTP_DNT: '1' });
  });

  it('has the type and length of the body under one name only', async () => {
    const environ = await environOf(
      `POST / HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Length: 0\r\n`,
    );

    expect(environ).toMatchObject({ CONTENT_TYPE: 'text/plain', CONTENT_LENGTH: '0' });
    expect(environ).not.toHaveProperty('HTTP_CONTENT_TYPE');
    expect(environ).not.toHaveProperty('HTTP_CONTENT_LENGTH');
  });

  it.each([
    ['Accept: a\r\nAccept: b\r\n', 'HTTP_ACCEPT', 'a, b'],
    ['Cookie: a=1\r\nX-B: 1\r\ncookie: b=2\r\n', 'HTTP_COOKIE', 'a=1; b=2'],
    ['Authorization: a\r\nAuthorization: b\r\n', 'HTTP_AUTHORIZATION', 'a, b'],
    ['User-Agent: a\r\nuser-agent: b\r\nUSER-AGENT: c\r\n', 'HTTP_USER_AGENT', 'a, b, c'],
    ['Set-Cookie: a\r\nSet-Cookie: b\r\n', 'HTTP_SET_COOKIE', 'a, b'],
  ])('joins repeated lines: %j', async (lines, key, value) => {
    const environ = await environOf(`GET / HTTP/1.1\r\n${HOST}${lines}`);

    expect(environ).toHaveProperty(key, value);
  });

  it.each([
    ['Content_Length: 5\r\n', 'CONTENT_LENGTH'],
    ['X_Forwarded_For: 6.6.6.6\r\n', 'HTTP_X_FORWARDED_FOR'],
    ['X-Forwarded_For: 6.6.6.6\r\n', 'HTTP_X_FORWARDED_FOR'],
    ['X.Forwarded.For: 6.6.6.6\r\n', 'HTTP_X_FORWARDED_FOR'],
    ['Proxy: http://evil\r\n', 'HTTP_PROXY'],
    ['PROXY: http://evil\r\n', 'HTTP_PROXY'],
  ])('leaves out a header whose name could be taken for another: %j', async (line, key) => {
    const environ = await environOf(`GET / HTTP/1.1\r\n${HOST}${line}`);

    expect(environ[key as 'HTTP_']).toBeUndefined();
    expect(Object.values(environ)).not.toContain('6.6.6.6');
  });

  it('never merges such a header with the one that is meant', async () => {
    const environ = await environOf(
      `GET / HTTP/1.1\r\n${HOST}X_Real_Ip: 6\r\nX-Real-Ip: 1\r\nX-Real_Ip: 6\r\n`,
    );

    expect(environ).toHaveProperty('HTTP_X_REAL_IP', '1');
  });

  it('takes a header named __proto__ for nothing special', async () => {
    const environ = await environOf(`GET / HTTP/1.1\r\n${HOST}__proto__: x\r\nconstructor: y\r\n`);

    expect(environ).toHaveProperty('HTTP_CONSTRUCTOR', 'y');
    expect(Object.getPrototypeOf(environ)).toBe(Object.prototype);
  });
});

describe('the request target', () => {
  it.each([
    ['GET /', '/', ''],
    ['GET //a//b/', '//a//b/', ''],
    ['GET /a%2Fb', '/a/b', ''],
    ['GET /%2525', '/%25', ''],
    ['GET /?', '/', ''],
    ['GET /a?b?c', '/a', 'b?c'],
    ['GET /?%zz', '/', '%zz'],
    ['GET http://example.org/x?y', '/x', 'y'],
    ['GET HTTP://EXAMPLE.org', '/', ''],
    ['GET http://example.org?y', '/', 'y'],
    ['OPTIONS *', '*', ''],
  ])('of %j is split and its path decoded once', async (line, path, query) => {
    const environ = await environOf(`${line} HTTP/1.1\r\n${HOST}`);

    expect(environ).toMatchObject({ PATH_INFO: path, QUERY_STRING: query });
  });

  it('may hold any text once it is encoded', async () => {
    const anyPath = fc
      .string({ unit: 'binary' })
      .filter((path) => !/\p{Cs}/u.test(path) && !/[\0\r\n]/.test(path));

    await fc.assert(
      fc.asyncProperty(anyPath, async (path) => {
        const environ = await environOf(`GET /${encodeURIComponent(path)} HTTP/1.1\r\n${HOST}`);
        expect(environ.PATH_INFO).toBe(`/${path}`);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    'GET /%',
    'GET /%zz',
    'GET /%c3',
    'GET /%c0%af',
    'GET /%ed%a0%80',
    'GET /a%00b',
    'GET /a%0d%0ab',
    'GET /a#b',
    'GET /?a#b',
    'GET /\xe9',
    'GET /?\xe9',
    'GET *',
    'GET ftp://example.org/',
    'GET http://other.org/',
    'GET http://example.org:81/',
    'GET http://a@example.org/',
    'GET http:///x',
  ])('of %j is refused', async (line) => {
    expect(await refusalOf(`${line} HTTP/1.1\r\n${HOST}`)).toBe('400');
  });
});

describe('Host', () => {
  it.each([
    ['example.org', 'example.org', '80'],
    ['Example.ORG:8080', 'Example.ORG', '8080'],
    ['a_b-c~d', 'a_b-c~d', '80'],
    ['127.0.0.1:', '127.0.0.1', '80'],
    ['[::1]:8000', '[::1]', '8000'],
    ['a'.repeat(255), 'a'.repeat(255), '80'],
  ])('%j is taken apart', async (host, name, port) => {
    const environ = await environOf(`GET / HTTP/1.1\r\nHost: ${host}\r\n`);

    expect(environ).toMatchObject({ SERVER_NAME: name, SERVER_PORT: port, HTTP_HOST: host });
  });

  it.each([
    '',
    'a@b',
    'a/b',
    'a?b',
    'a#b',
    'a,b',
    'a b',
    'a:b',
    'a:1:2',
    'a:65536',
    'a:-1',
    '[::1',
    '::1',
    '[x]',
    'a%20',
    '\xe9',
    'a'.repeat(256),
  ])('%j is refused', async (host) => {
    expect(await refusalOf(`GET / HTTP/1.1\r\nHost: ${host}\r\n`)).toBe('400');
    expect(await refusalOf(`GET / HTTP/1.0\r\nHost: ${host}\r\n`)).toBe('400');
  });

  it.each([
    ['missing', ''],
    ['there twice', `${HOST}Host: other.org\r\n`],
    ['there twice and the same', `${HOST}host: example.org\r\n`],
  ])('%s is refused', async (_, lines) => {
    expect(await refusalOf(`GET / HTTP/1.1\r\n${lines}`)).toBe('400');
  });

  it('is asked for in words', async () => {
    expect(await exchange(server.port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/\n\nHost is missing.\n$/);
  });

  it('may be missing over HTTP/1.0: the server is the socket then, or what the target names', async () => {
    const plain = await environOf('GET / HTTP/1.0\r\n');
    const named = await environOf('GET http://example.org:81/ HTTP/1.0\r\n');

    expect(plain).toMatchObject({ SERVER_NAME: '127.0.0.1', SERVER_PORT: String(server.port) });
    expect(named).toMatchObject({ SERVER_NAME: 'example.org', SERVER_PORT: '81', PATH_INFO: '/' });
  });
});

describe('a request', () => {
  it.each([
    ['with two types', 'Content-Type: a/b\r\nContent-Type: a/b\r\n'],
    ['with an empty Transfer-Encoding', 'Transfer-Encoding:\r\n'],
    ['with a Transfer-Encoding that is not chunked', 'Transfer-Encoding: gzip, chunked\r\n'],
    ['with two Transfer-Encodings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
    ['with two lengths', 'Content-Length: 1\r\nContent-Length: 1\r\n'],
    ['with a length and chunked', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'],
  ])('%s is refused', async (_, lines) => {
    expect(await refusalOf(`POST / HTTP/1.1\r\n${HOST}${lines}`)).toBe('400');
  });

  it('that is chunked over HTTP/1.0 is refused', async () => {
    expect(await refusalOf(`POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n`)).toBe('400');
  });

  it('of another version of HTTP is refused', async () => {
    expect(await refusalOf(`GET / HTTP/2.0\r\n${HOST}`)).toBe('505');
    expect(await refusalOf(`GET / HTTP/0.9\r\n${HOST}`)).toBe('505');
  });

  it('is refused in words, and its connection ends', async () => {
    const answer = await exchange(server.port, `GET /% HTTP/1.1\r\n${HOST}\r\n`);

    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toContain('Connection: close\r\n');
    expect(answer).toMatch(/\r\n\r\n400 Bad Request\n\nThe path must be percent-encoded .*\.\n$/);
  });

  it.each([
    [197, '200'],
    [198, '200'],
    [199, '431'],
    [1000, '431'],
    [2103, '431'],
  ])('with %d short header lines more than two gets %s', async (count, status) => {
    const lines = Array.from({ length: count }, (_, i) => `H${i}:x\r\n`).join('');

    const answer = await exchange(server.port, `GET / HTTP/1.1\r\n${HOST}${lines}${CLOSE}`);

    expect(answer.slice(9, 12)).toBe(status);
    if (status === '200') expect(seen[0]).toHaveProperty(`HTTP_H${count - 1}`, 'x');
  });

  it('with more than 16 KiB of headers gets 431', async () => {
    const answer = await exchange(
      server.port,
      `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(16 * 1024)}\r\n${CLOSE}`,
    );

    expect(answer).toMatch(/^HTTP\/1.1 431 /);
    expect(seen).toEqual([]);
  });

  it('that is no HTTP at all gets 400', async () => {
    const answer = await exchange(server.port, '\x16\x03\x01 hello\r\n\r\n');

    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });

  it('is told apart by its scheme when it came over TLS', async () => {
    const secure = createHttps(
      { ciphers: 'PSK', pskCallback: () => PSK, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      toListener((environ) => text(`${environ['tsgi.url_scheme']} ${environ.SERVER_PORT}`)),
    );
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));

    const body = await getWithPsk((secure.address() as AddressInfo).port);

    expect(body).toBe('https 443');
    await new Promise((resolve) => secure.close(resolve));
  });
});

const PSK = Buffer.alloc(32, 7);

function getWithPsk(port: number): Promise<string> {
  const options = {
    port,
    host: '127.0.0.1',
    headers: { Host: 'example.org', Connection: 'close' },
    ciphers: 'PSK',
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk: PSK, identity: 'test' }),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  } as const;
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => {
        resolve(body);
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

interface GunicornCase {
  id: string;
  bytes_base64: string;
  verdict: 'accept' | 'reject';
}

const CORPUS = '../shared/corpora/http1-gunicorn.json';

/** What gunicorn refuses and we take, with the reason. */
const TAKEN: Readonly<Record<string, string>> = {
  'gunicorn/invalid/006': 'a target of more than 4 KiB; ours may have what fits into 16 KiB of headers',
  'gunicorn/invalid/007': 'a header line of more than 8 KiB; the same',
  'gunicorn/invalid/008': 'a header line of more than 8 KiB; the same',
  'gunicorn/invalid/009': 'more than 100 header lines; ours may have 200',
  'gunicorn/invalid/040': 'refused there on request only; here headers with _ are left out',
  'gunicorn/invalid/limit_header_default_01': 'a header line of more than 8 KiB; the same',
  'gunicorn/invalid/rfc9110_trailer_forbidden_host_01': 'a trailer that node:http reads and nobody sees',
};

describe("a request of gunicorn's tests that is to be refused", () => {
  if (!existsSync(CORPUS)) {
    it.skip(`(skipped: ${CORPUS} is not there)`, () => undefined);
    return;
  }
  const cases = JSON.parse(readFileSync(CORPUS, 'utf8')) as GunicornCase[];
  const rejected = cases.filter(({ id, verdict }) => verdict === 'reject' && !(id in TAKEN));

  it.each(rejected)('does not reach an application that reads all of it: $id', async ({ bytes_base64 }) => {
    const client = new RawClient(server.port);
    client.send(Buffer.from(bytes_base64, 'base64'));
    client.socket.end();
    await client.ended;

    expect(seen).toEqual([]);
  });
});
