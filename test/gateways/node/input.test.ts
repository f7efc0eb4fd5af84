import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Application, type Environ, text } from '../../../src/index.js';
import { exchange, Gate, RawClient, request } from '../../support/http.js';
import { readInput, Servers, settled } from '../../support/servers.js';

const servers = new Servers();

afterEach(() => servers.close());

async function read(environ: Environ): Promise<string> {
  return (await readInput(environ)).toString('latin1');
}

const echo: Application = async (environ) => text(await read(environ));
const ignore: Application = (environ) => text(`ignored ${environ.PATH_INFO}`);

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('tsgi.input', () => {
  it.each([
    ['with a length', 'Content-Length: 5\r\n\r\nhello', 'hello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'hello'],
    ['in chunks with a trailer', 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nHost: b\r\n\r\n', 'x'],
    ['of length 0', 'Content-Length: 0\r\n\r\n', ''],
    ['that is not there', '\r\n', ''],
  ])('is the body %s', async (_, rest, body) => {
    const { port } = await servers.start(echo);

    const answer = await exchange(port, `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${rest}`);

    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(body);
  });

  it('is the same bytes however they are cut', async () => {
    const { port } = await servers.start(async (environ) =>
      text(Buffer.from(await read(environ), 'latin1').toString('base64')),
    );

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 5 }),
        async (parts) => {
          const client = new RawClient(port);
          client.send(
            'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
          );
          for (const part of parts)
            client
              .send(`${part.length.toString(16)}\r\n`)
              .send(part)
              .send('\r\n');
          client.send('0\r\n\r\n');
          expect((await client.ended).split('\r\n\r\n')[1]).toBe(Buffer.concat(parts).toString('base64'));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is empty when it is read again', async () => {
    const { url } = await servers.start(async (environ) =>
      text(`${await read(environ)},${await read(environ)}`),
    );

    expect((await request(url, { method: 'POST', body: 'once' })).body).toBe('once,');
  });

  it('is asked for with 100 Continue when the client waits for that', async () => {
    const { port } = await servers.start(echo);
    const client = new RawClient(port);

    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
    );
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('ok');

    expect(await client.ended).toMatch(/HTTP\/1.1 200 OK\r\n.*\r\n\r\nok$/s);
  });

  it('throws CLIENT_GONE when the client leaves half-way', async () => {
    const failed = new Gate();
    let failure: unknown;
    const { port } = await servers.start(async (environ) => {
      await read(environ).catch((error: unknown) => {
        failure = error;
        failed.open();
      });
      return text('too late');
    });
    const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');

    await client.written();
    client.leave();

    await failed.opened;
    expect(failure).toMatchObject({ code: 'CLIENT_GONE', status: 400 });
  });

  it('does not hold more of an upload than the application reads', async () => {
    const size = 32 * 1024 * 1024;
    const gate = new Gate();
    const { port } = await servers.start(async (environ) => {
      await gate.opened;
      return text(String((await read(environ)).length));
    });
    const client = new RawClient(port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`);
    client.send(Buffer.alloc(size));

    const waiting = await settled(() => client.socket.writableLength);
    gate.open();

    expect(waiting).toBeGreaterThan(0);
    expect((await client.ended).split('\r\n\r\n')[1]).toBe(String(size));
  });
});

describe('a body that the application leaves', () => {
  const half: Application = async (environ) => {
    for await (const chunk of environ['tsgi.input']) return text(`left after ${chunk.length > 0}`);
    return text('nothing');
  };
  const held: Application = async (environ) => {
    await environ['tsgi.input'][Symbol.asyncIterator]().next();
    return text('held');
  };

  it.each([
    ['unread', ignore, 10],
    ['unread', ignore, 200_000],
    ['half read', half, 10],
    ['half read', half, 200_000],
    ['half read and held', held, 200_000],
  ])('%s is read over, and the next request on the connection is answered', async (_, application, size) => {
    const { port } = await servers.start((environ) =>
      environ.PATH_INFO === '/next' ? text('the next') : application(environ),
    );
    const body = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'.padEnd(size, 'x');

    const answer = await exchange(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}${NEXT}`,
    );

    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
    expect(answer).toMatch(/the next$/);
    expect(answer).not.toContain('smuggled');
  });

  it.each([
    ['unread', ignore, 'ignored /'],
    ['half read', half, 'left after true'],
  ])(
    '%s and without end is not read to its end: the reply arrives, then the connection ends',
    async (_, application, reply) => {
      const { port } = await servers.start(application);
      const client = new RawClient(port);
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 ** 30}\r\n\r\n`);
      let sent = 0;
      const pump = () => {
        for (sent += 1; client.socket.write(Buffer.alloc(64 * 1024)); sent += 1);
      };
      client.socket.on('drain', pump);
      pump();

      await client.until(reply);
      await client.ended;

      expect(sent).toBeLessThan(400);
    },
  );
});
