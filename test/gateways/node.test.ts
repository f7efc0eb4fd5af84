import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Listener, serve, type ServeOptions, toListener } from '../../src/gateways/node.js';
import { type Application, type Environ, layer, type Resources, text, TsgiError } from '../../src/index.js';
import { exchange, Gate, RawClient, request } from '../support/http.js';
import { start as startProgram } from '../support/processes.js';
import { readInput, Servers } from '../support/servers.js';

const servers = new Servers();

afterEach(() => servers.close());

const hello: Application = () => text('hello');

/** A layer that writes down its life. */
function lived(application: Application, events: string[], fail?: 'open' | 'close'): Application {
  return layer('lived', {}, (inner) => ({
    answer: inner,
    open: () => {
      events.push('open');
      if (fail === 'open') throw new TsgiError('NO_FILE', 'No such file.');
      return undefined;
    },
    close: () => {
      events.push('close');
      if (fail === 'close') throw new Error('will not close');
    },
  }))(application);
}

describe('serve', () => {
  it('opens the application, then listens where it says', async () => {
    const events: string[] = [];

    const server = await servers.start(lived(hello, events));

    expect(events).toEqual(['open']);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await request(server.url)).body).toBe('hello');
  });

  it('gives the layers the log, and says what kind of process this is', async () => {
    let given: Resources = {};
    const watched = layer('watched', {}, (inner) => ({
      answer: inner,
      open: (resources) => {
        given = resources;
        return undefined;
      },
    }));

    await servers.start(watched(hello), { multiprocess: true });

    expect(given).toEqual({ 'tsgi.errors': servers.log, 'tsgi.multiprocess': true, 'tsgi.run_once': false });
  });

  it('does not compile around an application that needs a layer', () => {
    const needy = (environ: Environ & { 'web.cgi': string }) => text(environ['web.cgi']);

    // @ts-expect-error Property ''web.cgi'' is missing
    const never = () => serve(needy);

    expect(never).toBeInstanceOf(Function);
  });

  it('rejects with what a layer throws when it opens', async () => {
    await expect(servers.start(lived(hello, [], 'open'))).rejects.toMatchObject({ code: 'NO_FILE' });
  });

  it('says so when the port is taken, and closes the application again', async () => {
    const events: string[] = [];
    const { port } = await servers.start(hello);

    const second = servers.start(lived(hello, events), { port });

    await expect(second).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `serve() cannot listen on port ${port} of 127.0.0.1: something listens there already. End it, or give another port (0: any that is free).`,
    });
    expect(events).toEqual(['open', 'close']);
  });

  it('says so when the address is not of this machine', async () => {
    await expect(servers.start(hello, { host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      message: expect.stringContaining('this machine has no such address') as unknown,
    });
  });

  it('names an address that stands for all as localhost, and IPv6 in brackets', async () => {
    const all = await servers.start(hello, { host: '0.0.0.0' });
    const six = await servers.start(hello, { host: '::1' });

    expect(all.url).toBe(`http://localhost:${all.port}`);
    expect(six.url).toBe(`http://[::1]:${six.port}`);
  });

  it.each([
    ['port', { port: Number.NaN }],
    ['port', { port: 65_536 }],
    ['port', { port: '8000' as unknown as number }],
    ['grace', { grace: -1 }],
    ['grace', { grace: Infinity }],
    ['timeouts.headers', { timeouts: { headers: 0 } }],
    ['timeouts.request', { timeouts: { request: Number.NaN } }],
    ['timeouts.keepAlive', { timeouts: { keepAlive: -1 } }],
    ['timeouts.headers', { timeouts: { headers: 2, request: 1 } }],
  ])('refuses the option %s: %j', async (name, options: ServeOptions) => {
    const events: string[] = [];

    await expect(servers.start(lived(hello, events), options)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining(`The option ${name} is `) as unknown,
    });
    expect(events).toEqual([]);
  });

  it('cuts off a client that sends nothing, one that is slow with its headers, and one that is slow with its body', async () => {
    const readsAll: Application = async (environ) => text((await readInput(environ)).toString());
    const { port } = await servers.start(readsAll, { timeouts: { headers: 0.2, request: 0.4 } });

    const silent = new RawClient(port);
    const slow = new RawClient(port).send('GET / HTTP/1.1\r\nHost');
    const upload = new RawClient(port).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');

    expect(await silent.ended).toBe('');
    expect(await slow.ended).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
    expect(await upload.ended).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  });

  it('leaves a request alone that takes longer than its client may', async () => {
    const { url } = await servers.start(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return text('long');
      },
      { timeouts: { headers: 0.1, request: 0.1, keepAlive: 0.1 } },
    );

    expect((await request(url)).body).toBe('long');
  });
});

describe('close', () => {
  it('ends connections that are idle or were never used, and refuses new ones', async () => {
    const server = await servers.start(hello);
    const { port } = server;
    const unused = new RawClient(port);
    const idle = new RawClient(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.until('hello');

    await server.close();

    await Promise.all([unused.ended, idle.ended]);
    const refused = connect(port, '127.0.0.1');
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  it('lets a request in flight finish, whose reply ends the connection, and closes the application after it', async () => {
    const events: string[] = [];
    const [asked, gate] = [new Gate(), new Gate()];
    const server = await servers.start(
      lived(async () => {
        asked.open();
        await gate.opened;
        events.push('answered');
        return text('in time');
      }, events),
    );
    const client = new RawClient(server.port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.opened;

    const closing = server.close();
    gate.open();

    expect(await client.ended).toMatch(/\r\nConnection: close\r\n.*in time$/s);
    await closing;
    expect(events).toEqual(['open', 'answered', 'close']);
  });

  it('ends a connection whose reply began before the close', async () => {
    const [began, gate] = [new Gate(), new Gate()];
    const server = await servers.start(() => ({ status: '200 OK', headers: [], body: body() }));
    async function* body() {
      yield 'first ';
      began.open();
      await gate.opened;
      yield 'last';
    }
    const client = new RawClient(server.port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await began.opened;

    const closing = server.close();
    gate.open();

    expect(await client.ended).toMatch(/0\r\n\r\n$/);
    await closing;
  });

  it('waits for an application whose client has left', async () => {
    const events: string[] = [];
    const [asked, gate] = [new Gate(), new Gate()];
    const server = await servers.start(
      lived(async () => {
        asked.open();
        await gate.opened;
        events.push('answered');
        return text('nobody reads this');
      }, events),
    );
    const client = new RawClient(server.port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.opened;
    client.leave();

    const closing = server.close();
    setTimeout(gate.open, 20);
    await closing;

    expect(events).toEqual(['open', 'answered', 'close']);
  });

  it('cuts off what takes longer than the grace, and tells it before it closes the application', async () => {
    const events: string[] = [];
    const [answering, streaming] = [new Gate(), new Gate()];
    const server = await servers.start(
      lived((environ) => {
        environ['tsgi.finished'].push(async () => {
          await new Promise((resolve) => setTimeout(resolve, 10));
          events.push('finished');
        });
        if (environ.PATH_INFO === '/streaming') return { status: '200 OK', headers: [], body: body() };
        answering.open();
        return new Promise(() => undefined);
      }, events),
    );
    async function* body() {
      yield 'first';
      streaming.open();
      yield await new Promise<string>(() => undefined);
    }
    const first = new RawClient(server.port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = new RawClient(server.port).send('GET /streaming HTTP/1.1\r\nHost: a\r\n\r\n');
    await Promise.all([answering.opened, streaming.opened]);

    await server.close({ grace: 0.05 });

    expect(await first.ended).toBe('');
    expect(await second.ended).toMatch(/first\r\n$/);
    expect(events).toEqual(['open', 'finished', 'close']);
  });

  it('is done once, whoever asks', async () => {
    const events: string[] = [];
    const server = await servers.start(lived(hello, events));

    const first = server.close();
    const second = server.close({ grace: 0 });
    await first;

    expect(second).toBe(first);
    expect(events).toEqual(['open', 'close']);
  });

  it('rejects with what a layer throws', async () => {
    const server = await servers.start(lived(hello, [], 'close'));

    await expect(server.close()).rejects.toThrow('will not close');
  });

  it('refuses a grace that is no number of seconds', async () => {
    const server = await servers.start(hello);

    expect(() => server.close({ grace: -1 })).toThrow('The option grace is -1.');
  });

  it('leaves no listener behind on the process', async () => {
    const count = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
    const before = count();

    const server = await servers.start(hello, { signals: true });
    const during = count();
    await server.close();

    expect(during).toBe(before + 2);
    expect(count()).toBe(before);
  });
});

describe('a process that serves', () => {
  /** A server in a process of its own, with one request that it has been asked and has not answered. */
  async function startAsked() {
    const program = startProgram('test/support/slow-server.ts');
    const exit = once(program.process, 'exit');
    const port = Number(new URL(await program.line()).port);
    const client = new RawClient(port).send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await program.line()).toBe('/slow');
    return { program, exit, port, client };
  }

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'finishes its requests on %s, closes, and ends with 0',
    async (signal) => {
      const { program, exit, port, client } = await startAsked();

      program.process.kill(signal);
      await refusing(port);
      program.process.stdin?.write('go on\n');

      expect(await client.ended).toMatch(/done$/);
      expect(await program.line()).toBe('closed');
      expect(await exit).toEqual([0, null]);
    },
  );

  it('ends at once on a second signal', async () => {
    const { program, exit, port, client } = await startAsked();

    program.process.kill('SIGTERM');
    await refusing(port);
    program.process.kill('SIGTERM');

    expect(await exit).toEqual([null, 'SIGTERM']);
    expect(await client.ended).toBe('');
  });

  it('ends with 1 when a layer throws as it closes, and says so', async () => {
    const program = startProgram('test/support/slow-server.ts', 'broken');
    const exit = once(program.process, 'exit');
    await program.line();

    program.process.kill('SIGTERM');

    expect(await program.line()).toBe('closed');
    expect(await program.line()).toBe('tsgi: closing failed: Error: will not close');
    expect(await exit).toEqual([1, null]);
  });

  it('knows when it is one of several', async () => {
    const program = startProgram('test/support/cluster-server.ts');
    const exit = once(program.process, 'exit');

    expect(await program.line()).toBe('multiprocess: true');
    expect(await exit).toEqual([0, null]);
  });
});

/** Waits until a port takes no more connections. */
async function refusing(port: number): Promise<void> {
  for (;;) {
    const client = new RawClient(port);
    await Promise.race([client.ended, new Promise((resolve) => client.socket.once('connect', resolve))]);
    client.leave();
    if (client.reset) return;
  }
}

describe('toListener', () => {
  const http: { listener: Listener; close: () => Promise<void> }[] = [];

  afterEach(async () => {
    for (const { close } of http.splice(0)) await close();
  });

  async function listen(
    listener: Listener,
    around = listener as Parameters<typeof createServer>[1],
  ): Promise<string> {
    const server = createServer(around);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    http.push({
      listener,
      close: async () => {
        await new Promise((resolve) => server.close(resolve));
        await listener.close();
      },
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('opens the application with the first request, once', async () => {
    const events: string[] = [];
    const url = await listen(toListener(lived(hello, events), { errors: servers.log }));
    const before = [...events];

    const answers = await Promise.all([request(url), request(url), request(url)]);

    expect(before).toEqual([]);
    expect(answers.map(({ body }) => body)).toEqual(['hello', 'hello', 'hello']);
    expect(events).toEqual(['open']);
    expect((await request(url)).body).toBe('hello');
  });

  it('answers 500 while the application cannot be opened, and tries again', async () => {
    let broken = true;
    const fragile = layer('fragile', {}, (inner) => ({
      answer: inner,
      open: () => {
        if (broken) throw new TsgiError('NO_FILE', 'No such file.', { status: 503 });
        return undefined;
      },
    }));
    const url = await listen(toListener(fragile(hello), { errors: servers.log }));

    const first = await request(url);
    broken = false;
    const second = await request(url);

    expect(first.status).toBe('503 Service Unavailable');
    expect(first.body).not.toContain('No such file');
    expect(servers.log.text).toContain('No such file');
    expect(second.body).toBe('hello');
  });

  it('puts headers that middleware in front of it has added into the environ, beside those of a browser', async () => {
    const application: Application = (environ) => text(String(environ['HTTP_X_USER']));
    const listener = toListener(application, { errors: servers.log });
    const url = await listen(listener, (incoming, response) => {
      incoming.headers['x-user'] = 'alice';
      listener(incoming, response);
    });

    expect((await request(url)).body).toBe('alice');
  });

  it('closes the application once it has answered, and answers 503 from then on', async () => {
    const events: string[] = [];
    const [asked, gate] = [new Gate(), new Gate()];
    const listener = toListener(
      lived(async () => {
        asked.open();
        await gate.opened;
        events.push('answered');
        return text('in time');
      }, events),
      { errors: servers.log },
    );
    const url = await listen(listener);
    const answer = request(url);
    await asked.opened;

    const closing = listener.close();
    const late = await request(url);
    gate.open();

    expect((await answer).body).toBe('in time');
    await closing;
    expect(events).toEqual(['open', 'answered', 'close']);
    expect(late.status).toBe('503 Service Unavailable');
    expect(listener.close()).toBe(closing);
  });

  it('leaves an application open that others opened', async () => {
    const events: string[] = [];
    const application = lived(hello, events);
    await servers.start(application);

    await toListener(application).close();

    expect(events).toEqual(['open']);
  });

  it('closes an application that is still opening', async () => {
    const events: string[] = [];
    const opening = toListener(lived(hello, events), { errors: servers.log });
    const failing = toListener(lived(hello, events, 'open'), { errors: servers.log });
    const answers = [request(await listen(opening)), request(await listen(failing))];
    while (events.length < 2) await new Promise(setImmediate);

    await Promise.all([opening.close(), failing.close()]);

    expect(events).toEqual(['open', 'open', 'close']);
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([
      '200 OK',
      '500 Internal Server Error',
    ]);
  });

  it('keeps headers that were set before, beside or under those of the reply', async () => {
    const application: Application = () =>
      text('hello', {
        headers: [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['Vary', 'Cookie'],
        ],
      });
    const listener = toListener(application, { errors: servers.log });
    const url = await listen(listener, (incoming, response) => {
      response.setHeader('X-Powered-By', 'test');
      response.setHeader('Vary', 'Accept');
      response.setHeader('Set-Cookie', 'c=3');
      listener(incoming, response);
    });

    const { rawHeaders } = await request(url);
    const pairs = rawHeaders.flatMap((name, i) =>
      i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1] ?? ''}`] : [],
    );

    expect(pairs).toEqual(
      expect.arrayContaining([
        'X-Powered-By: test',
        'Vary: Cookie',
        'Set-Cookie: c=3',
        'Set-Cookie: a=1',
        'Set-Cookie: b=2',
      ]),
    );
    expect(pairs).not.toContain('Vary: Accept');
  });

  it('drops a reply when someone else has answered', async () => {
    const gone: unknown[] = [];
    const listener = toListener(
      async (environ) => {
        environ['tsgi.finished'].push((_, __, error) => void gone.push(error));
        await Promise.resolve();
        return text('too late');
      },
      { errors: servers.log },
    );
    const url = await listen(listener, (incoming, response) => {
      listener(incoming, response);
      response.end('answered');
    });

    expect((await request(url)).body).toBe('answered');
  });

  it('refuses more header lines than it counts, also where Node cuts them off', async () => {
    const url = await listen(toListener(hello, { errors: servers.log }));
    const lines = Array.from({ length: 1500 }, (_, i) => `H${i}: x\r\n`).join('');

    const answer = await exchange(Number(new URL(url).port), `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);

    expect(answer).toMatch(/^HTTP\/1.1 431 /);
  });
});
