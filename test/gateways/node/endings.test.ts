import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from '../../../src/gateways/node.js';
import { type Application, type Environ, type Finished, type Reply, text } from '../../../src/index.js';
import { Gate, RawClient, request } from '../../support/http.js';
import { readInput, Servers } from '../../support/servers.js';

const servers = new Servers();

afterEach(() => servers.close());

type Step = 'piece' | 'much' | 'bad' | 'throw' | 'wait';

/** A body that does what it is told, and counts. */
class Body implements AsyncIterable<string> {
  asked = 0;
  returned = 0;
  /** Opens when the body is asked for a piece that never comes. */
  readonly waiting = new Gate();
  readonly #steps: Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return { next: () => this.#next(), return: () => this.#return() };
  }

  #next(): Promise<IteratorResult<string>> {
    this.asked += 1;
    const step = this.#steps.shift();
    if (step === undefined) return Promise.resolve({ done: true, value: undefined });
    if (step === 'throw') return Promise.reject(new Error('broken body'));
    if (step === 'wait') {
      this.waiting.open();
      return new Promise(() => undefined);
    }
    const value = { piece: 'piece', much: 'x'.repeat(8 * 1024 * 1024), bad: 5 as unknown as string }[step];
    return Promise.resolve({ done: false, value });
  }

  #return(): Promise<IteratorResult<string>> {
    this.returned += 1;
    return Promise.resolve({ done: true, value: undefined });
  }
}

/** What one callback of `tsgi.finished` was told. */
interface Ending {
  environ: Environ;
  reply: Reply | undefined;
  error: unknown;
  /** How often the body had been returned by then. */
  returned: number;
}

interface Row {
  ending: string;
  steps: Step[];
  method?: string;
  status?: string;
  headers?: [string, string][];
  /** What the client does once its request is sent. Default: it reads all and waits for the end. */
  client?: (client: RawClient, body: Body, server: Server) => Promise<unknown>;
  returned: 0 | 1;
  /** The code or message of the error. */
  error?: string;
}

const leave = async (client: RawClient, body: Body) => {
  await body.waiting.opened;
  client.leave();
};

const rows: Row[] = [
  { ending: 'read to its end', steps: ['piece', 'piece'], returned: 0 },
  { ending: 'empty', steps: [], returned: 0 },
  { ending: 'not sent to HEAD', steps: ['piece'], method: 'HEAD', returned: 1 },
  { ending: 'not sent with 204', steps: ['piece'], status: '204 No Content', returned: 1 },
  { ending: 'not sent with 304', steps: ['piece'], status: '304 Not Modified', returned: 1 },
  {
    ending: 'not sent with a broken status',
    steps: ['piece'],
    status: '99',
    returned: 1,
    error: 'BAD_REPLY',
  },
  {
    ending: 'not sent with a broken header',
    steps: ['piece'],
    headers: [['', '']],
    returned: 1,
    error: 'BAD_REPLY',
  },
  { ending: 'broken at once', steps: ['throw'], returned: 0, error: 'broken body' },
  { ending: 'broken later', steps: ['piece', 'throw'], returned: 0, error: 'broken body' },
  { ending: 'refused for its first piece', steps: ['bad'], returned: 1, error: 'BAD_REPLY' },
  { ending: 'refused for a later piece', steps: ['piece', 'bad'], returned: 1, error: 'BAD_REPLY' },
  {
    ending: 'refused for its length',
    steps: ['piece', 'piece'],
    headers: [['Content-Length', '6']],
    returned: 1,
    error: 'BAD_REPLY',
  },
  {
    ending: 'left before its first piece',
    steps: ['wait'],
    client: leave,
    returned: 1,
    error: 'CLIENT_GONE',
  },
  {
    ending: 'left while it is busy',
    steps: ['piece', 'wait'],
    client: leave,
    returned: 1,
    error: 'CLIENT_GONE',
  },
  {
    ending: 'left while the client reads nothing',
    steps: ['much', 'much', 'much', 'much'],
    client: async (client) => {
      await client.until('HTTP/1.1 200');
      client.socket.pause();
      client.leave();
    },
    returned: 1,
    error: 'CLIENT_GONE',
  },
  {
    ending: 'cut off when the server closes',
    steps: ['piece', 'wait'],
    client: async (_, body, server) => {
      await body.waiting.opened;
      await server.close({ grace: 0.01 });
    },
    returned: 1,
    error: 'CLIENT_GONE',
  },
];

describe('a body', () => {
  it.each(rows)('that is $ending gets return() $returned times, and its end is told once', async (row) => {
    const body = new Body(row.steps);
    const endings: Ending[] = [];
    const reply = { status: row.status ?? '200 OK', headers: row.headers ?? [], body };
    const told = new Gate();
    const server = await servers.start((environ) => {
      environ['tsgi.finished'].push((...[about, sent, error]) => {
        endings.push({ environ: about, reply: sent, error, returned: body.returned });
        told.open();
      });
      return reply;
    });

    const head = `${row.method ?? 'GET'} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    const client = new RawClient(server.port).send(head);
    await (row.client ?? ((one) => one.ended))(client, body, server);
    await told.opened;
    client.leave();
    await server.close();

    expect(body.returned).toBe(row.returned);
    expect(endings.map(({ returned }) => returned)).toEqual([row.returned]);
    expect(endings.map(({ error }) => nameOf(error))).toEqual([row.error]);
    expect(endings[0]?.reply).toBe(
      row.error === 'BAD_REPLY' && row.ending.includes('not sent') ? undefined : reply,
    );
  });

  it('runs its finally blocks before the end is told', async () => {
    const events: string[] = [];
    const asked = new Gate();
    const { port } = await servers.start((environ) => {
      environ['tsgi.finished'].push(() => void events.push('finished'));
      return { status: '200 OK', headers: [], body: body() };
    });
    async function* body() {
      try {
        for (;;) {
          yield 'x'.repeat(1024 * 1024);
          asked.open();
        }
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push('finally');
      }
    }
    const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

    await asked.opened;
    client.leave();
    await servers.finish();

    expect(events).toEqual(['finally', 'finished']);
  });

  it('that is busy for ever does not keep the end from being told', async () => {
    const [busy, finished] = [new Gate(), new Gate()];
    const { port } = await servers.start((environ) => {
      environ['tsgi.finished'].push(() => {
        finished.open();
      });
      return { status: '200 OK', headers: [], body: body() };
    });
    async function* body() {
      yield 'first';
      busy.open();
      yield await new Promise<string>(() => undefined);
    }
    const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await busy.opened;

    client.leave();

    await finished.opened;
  });

  it('that fails to let go is logged, and the end is told all the same', async () => {
    let finished = 0;
    const body = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: true, value: undefined }) as const,
        return: () => {
          throw new Error('will not let go');
        },
      }),
    };
    const { url } = await servers.start((environ) => {
      environ['tsgi.finished'].push(() => void (finished += 1));
      return { status: '200 OK', headers: [], body };
    });

    await request(url, { method: 'HEAD' });
    await servers.finish();

    expect(servers.log.text).toContain('will not let go');
    expect(finished).toBe(1);
  });

  it('that is a stream of Node is closed although nobody read it', async () => {
    const { Readable } = await import('node:stream');
    const stream = Readable.from(['a']);
    const { url } = await servers.start(() => ({ status: '200 OK', headers: [], body: stream }));

    await request(url, { method: 'HEAD' });
    await servers.finish();

    expect(stream.destroyed).toBe(true);
  });
});

describe('tsgi.finished', () => {
  /** Runs one request and answers what a callback was told. */
  async function endingOf(application: Application): Promise<Omit<Ending, 'returned'>[]> {
    const endings: Omit<Ending, 'returned'>[] = [];
    const { url } = await servers.start((environ) => {
      environ['tsgi.finished'].push(
        (about, reply, error) => void endings.push({ environ: about, reply, error }),
      );
      return application(environ);
    });
    await request(url);
    await servers.finish();
    return endings;
  }

  it('is told of a reply that was sent', async () => {
    const reply = text('ok');

    const [ending, ...more] = await endingOf(() => reply);

    expect(ending?.environ.PATH_INFO).toBe('/');
    expect(ending?.reply).toBe(reply);
    expect(ending?.error).toBeUndefined();
    expect(more).toEqual([]);
  });

  it.each([
    ['at once', () => thrower()],
    ['later', () => Promise.resolve().then(thrower)],
  ])('is told of an application that throws %s', async (_, application) => {
    const endings = await endingOf(application);

    expect(endings).toMatchObject([{ reply: undefined, error: { message: 'broken' } }]);
  });

  it('is told of an answer that is no reply', async () => {
    const endings = await endingOf(() => 'text' as unknown as Reply);

    expect(endings).toMatchObject([{ reply: undefined, error: { code: 'NOT_A_REPLY' } }]);
  });

  it('is told when the client was gone before the application answered', async () => {
    const body = new Body(['piece']);
    const endings: [Reply | undefined, unknown][] = [];
    const asked = new Gate();
    const reply = { status: '200 OK', headers: [], body };
    const { port } = await servers.start(async (environ) => {
      environ['tsgi.finished'].push((_, about, error) => void endings.push([about, nameOf(error)]));
      asked.open();
      await readInput(environ).catch(() => undefined); // fails when the client has gone
      return reply;
    });
    const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');

    await asked.opened;
    client.leave();
    await servers.finish();

    expect(endings).toEqual([[reply, 'CLIENT_GONE']]);
    expect([body.asked, body.returned]).toEqual([0, 1]);
  });

  it('is told, and the log is not, when the application gives up because the client is gone', async () => {
    const errors: unknown[] = [];
    const asked = new Gate();
    const { port } = await servers.start(async (environ) => {
      environ['tsgi.finished'].push((...[, , error]) => void errors.push(nameOf(error)));
      asked.open();
      await readInput(environ);
      return text('all of it');
    });
    const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');

    await asked.opened;
    client.leave();
    await servers.finish();

    expect(errors).toEqual(['CLIENT_GONE']);
    expect(servers.log.text).toBe('');
  });

  it('is told of each pipelined request when the client leaves', async () => {
    const paths: string[] = [];
    let asked = 0;
    const all = new Gate();
    const { port } = await servers.start((environ) => {
      environ['tsgi.finished'].push(({ PATH_INFO }) => void paths.push(PATH_INFO));
      asked += 1;
      if (asked === 15) all.open();
      return { status: '200 OK', headers: [], body: new Body(['piece', 'wait']) };
    });
    const requests = Array.from({ length: 15 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`);

    const client = new RawClient(port).send(requests.join(''));
    await all.opened;
    client.leave();
    await servers.finish();

    expect(paths.sort()).toEqual(requests.map((_, i) => `/${i}`).sort());
  });

  it('runs the last callback first, each after the one before, also those that came while the body was made', async () => {
    const order: string[] = [];
    const callback = (name: string): Finished => {
      return async () => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        order.push(name);
      };
    };

    await endingOf((environ) => {
      environ['tsgi.finished'].push(callback('first'), callback('second'));
      return { status: '200 OK', headers: [], body: body() };
      function* body() {
        yield 'a';
        environ['tsgi.finished'].push(callback('third'));
        yield 'b';
        environ['tsgi.finished'].push(callback('fourth'));
      }
    });

    expect(order).toEqual(['fourth', 'third', 'second', 'first']);
  });

  it('logs a callback that throws or rejects, and goes on', async () => {
    const endings = await endingOf((environ) => {
      environ['tsgi.finished'].push(
        () => {
          throw new Error('thrown canary');
        },
        () => Promise.reject(new Error('rejected canary')),
      );
      return text('ok');
    });

    expect(endings).toHaveLength(1);
    expect(servers.log.text).toContain('thrown canary');
    expect(servers.log.text).toContain('rejected canary');
  });

  it('keeps the server from closing the application until it has run', async () => {
    let saved = false;
    const { url } = await servers.start((environ) => {
      environ['tsgi.finished'].push(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        saved = true;
      });
      return text('ok');
    });

    await request(url);
    await servers.finish();

    expect(saved).toBe(true);
  });
});

function thrower(): never {
  throw new Error('broken');
}

function nameOf(error: unknown): string | undefined {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code ?? message;
}
