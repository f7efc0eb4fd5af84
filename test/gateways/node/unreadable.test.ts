import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Application, text } from 'tsgi';
import { serve, type Server } from 'tsgi/node';
import { exchange } from '../../support/http.js';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serving(application: Application): Promise<Server> {
  const server = await serve(application, { port: 0, signals: false });
  servers.push(server);
  return server;
}

const hello = () => text('hello');

describe('a request that cannot be read', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\u0001b\r\n\r\n', '400 Bad Request'],
    ['no such thing\r\n\r\n', '400 Bad Request'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
  ])('gets its status, and the connection ends: %#', async (request, status) => {
    const { port } = await serving(hello);

    const answer = await exchange(port, request);

    expect(answer.split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`);
    expect(answer).toContain('Connection: close');
  });

  it('with too many headers gets a page that says what to do, also when it goes on sending', async () => {
    const { port } = await serving(hello);

    const answer = await exchange(
      port,
      `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(500_000)}\r\n\r\n`,
    );

    expect(answer).toContain('Delete the cookies of this site');
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  });

  it('leaves the cookies alone, as any site can link to an address that is too long', async () => {
    const { port } = await serving(hello);

    const answer = await exchange(port, `GET /?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);

    expect(answer).toContain('431 Request Header Fields Too Large');
    expect(answer).not.toMatch(/Clear-Site-Data|Set-Cookie/i);
  });

  it.each([
    ['alone', ''],
    ['with a request after it', 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('never gets into a reply that is under way: %s', async (_, next) => {
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const halves = async function* () {
      yield 'first';
      await held;
      yield 'second';
    };
    const { port } = await serving(({ PATH_INFO }) =>
      PATH_INFO === '/' ? { status: '200 OK', headers: [], body: halves() } : held.then(hello),
    );
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => (received += data.toString()));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    while (!received.includes('first')) await once(socket, 'data');

    socket.write(`${next}no such thing\r\n\r\n`);
    await once(socket, 'close');
    go();

    expect(received).not.toContain('400 Bad Request');
  });
});
