import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { database, type Environ, environment, session, text } from 'tsgi';
import { client } from 'tsgi/testing';
import {
  openSession,
  type OpenedSession,
  type OpenSessionOptions,
} from '../../src/middleware/open-session.js';
import type { NodeRequest } from '../../src/middleware/open-session/request.js';
import { Manager } from '../../src/stores/manager.js';
import type { StoredSession } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import type { SessionKey } from '../../src/stores/session-id.js';
import { TestClock } from '../../src/testing/clock.js';
import { temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder();
const servers: Server[] = [];
let files = 0;

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

afterAll(() => {
  folder.remove();
});

function newFile(): string {
  files += 1;
  return folder.file(`open-session-${files}`);
}

/** Options with a memory of their own. */
function inMemory(more: Partial<OpenSessionOptions> = {}): OpenSessionOptions {
  return { app: 'shop', storage: 'memory', ...more };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A plain server of Node; what its handler throws is the body. */
async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error: unknown) => {
      response.end(String((error as { code?: string }).code));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly body: string;
  readonly headers: Headers;
  /** What the browser sends from now on. */
  readonly cookie: string;
}

async function get(url: string, cookie = ''): Promise<Answer> {
  const response = await fetch(url, { headers: { cookie } });
  const [set] = response.headers.getSetCookie();
  return {
    body: await response.text(),
    headers: response.headers,
    cookie: set === undefined ? cookie : cookieOf(set),
  };
}

function cookieOf(header: string): string {
  return header.slice(0, header.indexOf(';'));
}

/** A request of fetch, as a host has it that speaks it. */
function request(cookie = '', url = 'http://localhost/cart'): Request {
  return new Request(url, { headers: { cookie } });
}

/** The cookie that a saved session sends. */
function sentBy({ headers }: OpenedSession): string {
  return cookieOf(new Map(headers).get('Set-Cookie') ?? ';');
}

const counting =
  (options: OpenSessionOptions): Handler =>
  async (incoming, response) => {
    const opened = await openSession(incoming, options);
    const visits = opened.store.increment('visits');
    await opened.save(response);
    response.end(String(visits));
  };

describe('openSession on node:http', () => {
  it.each<[string, () => Partial<OpenSessionOptions>]>([
    ['in memory', () => ({ storage: 'memory' })],
    ['in files', () => ({ storage: 'file', directory: newFile() })],
    ['in a database', () => ({ storage: 'database', database: newFile(), autoCreate: true })],
    ['in a database by default', () => ({ database: newFile(), autoCreate: true })],
    ['in a driver of your own', () => ({ storage: new MemoryDriver() })],
  ])('keeps a session from one request to the next: %s', async (_, storage) => {
    const options = { app: 'shop', setupEnvironment: true, ...storage() };
    const url = await serve(counting(options));

    const first = await get(url);
    const second = await get(url, first.cookie);
    const stranger = await get(url);

    expect([first.body, second.body, stranger.body]).toEqual(['1', '2', '1']);
    expect(first.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=86400; Expires=/),
    ]);
    expect(first.headers.get('vary')).toBe('Cookie');
    expect(first.headers.get('cache-control')).toBe('private');
    expect(second.headers.getSetCookie()).toEqual([]);
    expect(second.headers.get('vary')).toBe('Cookie');
  });

  it('makes no session for a visitor who leaves nothing', async () => {
    const options = inMemory();
    const url = await serve(async (incoming, response) => {
      const opened = await openSession(incoming, options);
      await opened.save(response);
      response.end(String(response.hasHeader('vary')));
    });

    const { body, headers } = await get(url);

    expect(body).toBe('false');
    expect(headers.getSetCookie()).toEqual([]);
  });

  it('keeps the headers that the host has set, and heeds those that mean the same', async () => {
    const options = inMemory();
    const url = await serve(async (incoming, response) => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.setHeader('vary', 'Accept');
      response.setHeader('Cache-Control', 'public, max-age=60');
      response.setHeader('X-Own', ['1', '2']);
      await counting(options)(incoming, response);
    });

    const { headers } = await get(url);

    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2', expect.stringMatching(/^session=/)]);
    expect(headers.get('vary')).toBe('Accept, Cookie');
    expect(headers.get('cache-control')).toBe('max-age=60, private');
    expect(headers.get('x-own')).toBe('1, 2');
  });

  it('sets no header that it does not change', async () => {
    const opened = await openSession(request(), inMemory());
    opened.store.set('cart', 'tea');
    const names: string[] = [];

    await opened.save({
      headersSent: false,
      getHeaders: () => ({ 'content-length': 5, vary: 'Cookie', 'x-own': ['1', '2'] }),
      setHeader: (name) => names.push(name),
      removeHeader: (name) => names.push(name),
    });

    expect(names.toSorted()).toEqual(['Cache-Control', 'Set-Cookie']);
  });

  it('takes back a cookie that was put there by hand and is not to leave', async () => {
    const options = inMemory();
    const url = await serve(async (incoming, response) => {
      const opened = await openSession(incoming, options);
      opened.store.set('cart', 'tea');
      response.setHeader(
        'Set-Cookie',
        opened.manager.responseHeaders.map(([, value]) => value),
      );
      opened.manager.rollback();
      await opened.save(response);
      response.end();
    });

    expect((await get(url)).headers.getSetCookie()).toEqual([]);
  });

  it('refuses a response whose headers were sent, and saves nothing then', async () => {
    const options = inMemory();
    const url = await serve(async (incoming, response) => {
      const opened = await openSession(incoming, options);
      if (incoming.url === '/late') response.flushHeaders();
      opened.store.increment('visits');
      await opened.save(response);
      response.end(JSON.stringify([opened.store.get('visits')]));
    });
    const { cookie } = await get(url);

    expect((await get(`${url}/late`, cookie)).body).toBe('HEADERS_SENT');
    expect((await get(url, cookie)).body).toBe('[2]');
  });

  it('signs a visitor out, for all that come with the older cookie', async () => {
    const options = inMemory();
    const url = await serve(async (incoming, response) => {
      const opened = await openSession(incoming, options);
      if (incoming.url === '/logout') opened.manager.destroy();
      await opened.save(response);
      response.end(JSON.stringify([opened.store.get('visits')]));
    });
    const { cookie } = await get(await serve(counting(options)));

    const logout = await get(`${url}/logout`, cookie);

    expect(logout.headers.getSetCookie()).toEqual([expect.stringMatching(/^session=; .*Max-Age=0/)]);
    expect((await get(url, cookie)).body).toBe('[null]');
  });

  it('warns once when its cookie leaves over plain http to another machine', async () => {
    const options = inMemory({ log: { write: () => undefined } });
    const far: NodeRequest = {
      httpVersion: '1.1',
      headers: {},
      socket: { remoteAddress: '192.0.2.7' },
    };
    const lines: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (line: string | Uint8Array) => lines.push(String(line)) > 0;

    for (let i = 0; i < 2; i += 1) {
      const opened = await openSession(far, options);
      opened.store.set('a', i);
      await opened.save();
    }
    process.stderr.write = write;

    expect(lines).toEqual([expect.stringContaining('over plain http to another machine')]);
  });

  it('gives the manager the environ of the request, of Node or of fetch', async () => {
    const seen: unknown[] = [];
    class Looking extends Manager {
      constructor(...args: ConstructorParameters<typeof Manager>) {
        super(...args);
        const { environ } = this.visit;
        seen.push([
          environ.REQUEST_METHOD,
          environ.PATH_INFO,
          environ.QUERY_STRING,
          environ['HTTP_X_OWN'],
          environ['HTTP_PROXY'],
        ]);
      }
    }
    const options = inMemory({ Manager: Looking });
    const headers = { 'x-own': 'yes', x_own: 'no', proxy: 'no' };

    await openSession({ httpVersion: '1.1', url: '/a%20b?c=d', headers, socket: {} }, options);
    await openSession(new Request('http://localhost/a%20b?c=d', { headers }), options);
    await openSession({ httpVersion: '1.1', url: '/%ff', method: 'POST', headers: {}, socket: {} }, options);

    expect(seen).toEqual([
      ['GET', '/a b', 'c=d', 'yes', undefined],
      ['GET', '/a b', 'c=d', 'yes', undefined],
      ['POST', '/%ff', '', undefined, undefined],
    ]);
  });
});

describe('openSession on a fetch request', () => {
  it('answers a new response with the headers, and the body, status and headers it had', async () => {
    const opened = await openSession(request(), inMemory());
    opened.store.set('cart', 'tea');
    const headers: [string, string][] = [
      ['Set-Cookie', 'a=1'],
      ['Vary', 'Accept'],
      ['Location', '/'],
    ];

    const answer = await opened.save(
      new Response('gone on', { status: 303, statusText: 'See Other', headers }),
    );

    expect(await answer.text()).toBe('gone on');
    expect([answer.status, answer.statusText]).toEqual([303, 'See Other']);
    expect(answer.headers.getSetCookie()).toEqual(['a=1', expect.stringMatching(/^session=/)]);
    expect(answer.headers.get('vary')).toBe('Accept, Cookie');
    expect(answer.headers.get('cache-control')).toBe('private');
    expect(answer.headers.get('location')).toBe('/');
  });

  it.each([
    ['a redirect', () => Response.redirect('http://localhost/', 302), 302],
    ['one without a body', () => new Response(null, { status: 204 }), 204],
  ])('dresses %s, whose headers or body are special', async (_, response, status) => {
    const opened = await openSession(request(), inMemory());
    opened.store.set('cart', 'tea');

    const answer = await opened.save(response());

    expect(answer.status).toBe(status);
    expect(answer.headers.getSetCookie()).toHaveLength(1);
  });

  it('has a session of its own over https, with the prefixed cookie', async () => {
    const options = inMemory();
    const plain = await openSession(request(), options);
    plain.store.set('cart', 'tea');
    await plain.save();

    const secure = await openSession(request(sentBy(plain), 'https://localhost/'), options);
    secure.store.set('cart', 'coffee');
    await secure.save();
    const again = await openSession(request(sentBy(secure), 'https://localhost/'), options);

    expect(secure.headers).toContainEqual([
      'Set-Cookie',
      expect.stringMatching(/^__Host-session=.*; Secure/),
    ]);
    expect(secure.manager.sessionID).not.toBe(plain.manager.sessionID);
    expect(again.store.get('cart')).toBe('coffee');
  });

  it('signs a cookie again that an older secret has signed', async () => {
    const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const storage = { app: 'shop', storage: 'file', directory: folder.path, setupEnvironment: true } as const;
    const visit = (secret: string[], cookie?: string) => {
      const headers = new Headers(cookie === undefined ? {} : { cookie });
      return openSession(new Request('http://localhost/', { headers }), { ...storage, secret });
    };
    const cookieOf = (response: Response) => response.headers.get('set-cookie')?.split(';')[0];
    const first = await visit([older]);
    first.store.set('cart', 'tea');
    const sent = cookieOf(await first.save(new Response()));

    const second = await visit([newer, older], sent);
    expect(second.store.get('cart')).toBe('tea');
    const again = cookieOf(await second.save(new Response()));

    expect(again).not.toBe(sent);
    expect((await visit([newer], again)).store.get('cart')).toBe('tea');
  });

  it('signs its cookie when there is a secret, and refuses one that is not signed', async () => {
    const options = inMemory({ secret: randomBytes(32).toString('base64') });
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();
    const { sessionID } = first.manager;

    const second = await openSession(request(sentBy(first)), options);
    const forged = await openSession(request(`session=${sessionID}`), options);

    expect(sentBy(first)).not.toBe(`session=${sessionID}`);
    expect(second.store.get('cart')).toBe('tea');
    expect(forged.manager.created).toBe(true);
  });

  it('finds the id where the option says, and keeps the URL from others then', async () => {
    const id = ({ QUERY_STRING }: Environ) => new URLSearchParams(QUERY_STRING).get('sid') ?? undefined;
    const options = inMemory({ useCookies: false, id });
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();

    const second = await openSession(
      request('', `http://localhost/?sid=${first.manager.sessionID}`),
      options,
    );
    const answer = await second.save(new Response(String(second.store.get('cart') === 'tea')));

    expect(await answer.text()).toBe('true');
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('has the names that it is given', async () => {
    const opened = await openSession(request(), inMemory({ name: 'forum' }));
    const named = await openSession(request(), inMemory({ name: 'forum', cookie: { name: 'sid' } }));

    expect([opened.manager.key, named.manager.key, opened.store.app]).toEqual(['forum', 'sid', 'shop']);
  });

  it('gives its headers to every response until there is a newer cookie, each once', async () => {
    const opened = await openSession(request(), inMemory());
    opened.store.set('cart', 'tea');
    await opened.save();
    const [first] = opened.headers.filter(([name]) => name === 'Set-Cookie');

    const second = await opened.save(new Response(''));
    const third = await opened.save(second);
    opened.manager.regenerate();
    const fourth = await opened.save(third);

    expect(second.headers.getSetCookie()).toEqual([first?.[1]]);
    expect(third.headers.getSetCookie()).toEqual([first?.[1]]);
    expect(third.headers.get('vary')).toBe('Cookie');
    expect(fourth.headers.getSetCookie()).toEqual([
      expect.stringContaining(`session=${opened.manager.sessionID};`),
    ]);
  });

  it('takes its cookie back from a response when the session has ended since', async () => {
    const options = inMemory();
    const opened = await openSession(request(), options);
    opened.store.set('cart', 'tea');
    const first = await opened.save(new Response(''));
    const leaving = await openSession(request(sentBy(opened)), options);
    leaving.manager.destroy();
    await leaving.save();
    opened.store.set('cart', 'coffee');

    const second = await opened.save(first);

    expect([opened.manager.outcome, second.headers.getSetCookie()]).toEqual(['dropped', []]);
  });

  it('drops at its end what was not saved, but never a logout', async () => {
    const options = inMemory();
    const opened = await openSession(request(), options);
    opened.store.set('cart', 'tea');
    await opened.save();
    opened.store.set('cart', 'coffee');
    await opened.close();
    await opened.close();

    const later = await openSession(request(sentBy(opened)), options);
    expect(later.store.get('cart')).toBe('tea');
    later.manager.destroy();
    await later[Symbol.asyncDispose]();

    const last = await openSession(request(sentBy(opened)), options);
    expect(last.store.get('cart')).toBeUndefined();
  });

  it('can be changed no more after its end', async () => {
    const opened = await openSession(request(), inMemory());
    await opened.close();

    expect(() => {
      opened.store.set('cart', 'tea');
    }).toThrow(expect.objectContaining({ code: 'REPLY_SENT' }));
  });

  it('says nothing of caches when nobody looked', async () => {
    const opened = await openSession(request(), inMemory());
    await opened.save();

    expect(opened.headers).toEqual([]);
  });

  it('records a use with the save of a request that changes nothing', async () => {
    const clock = new TestClock();
    const options = inMemory({ idle: 60, clock });
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();

    for (let i = 0; i < 5; i += 1) {
      clock.advance(50);
      const next = await openSession(request(sentBy(first)), options);
      expect(next.store.get('cart')).toBe('tea');
      await next.save();
    }
  });

  it('reads ahead where the driver cannot read at once', async () => {
    const options = inMemory({ storage: new Slow() });
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();

    const second = await openSession(request(sentBy(first)), options);

    expect(second.store.get('cart')).toBe('tea');
  });

  it('calls end handlers by cleanup(), and not by itself', async () => {
    const clock = new TestClock();
    const ended: string[] = [];
    const options = inMemory({ clock, expire: 60, onEnd: ({ reason }) => ended.push(reason) });
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();
    clock.advance(61);
    const second = await openSession(request(), options);
    expect(ended).toEqual([]);

    expect(await second.manager.cleanup()).toBe(1);

    expect(ended).toEqual(['expired']);
  });

  it('has the members and the defaults of a manager of your own', async () => {
    class Short extends Manager {
      static override readonly defaults = { expire: 5 };
    }
    const opened = await openSession(request(), inMemory({ Manager: Short }));

    expect(opened.manager).toBeInstanceOf(Short);
    expect(opened.manager.lifetime).toBe(5);
  });
});

describe('what openSession opens', () => {
  it('is shared with the layers of the same environment', async () => {
    const file = newFile();
    const stack = client(
      database(
        environment(
          session((environ) => (environ['web.session.store'].set('cart', 'tea'), text('')), {
            app: 'shop',
            setupEnvironment: true,
          }),
          { name: 'site' },
        ),
        { database: file, autoCreate: true },
      ),
    );
    await stack.get('/');

    const opened = await openSession(request(`site=${stack.cookies.get('site') ?? ''}`), {
      app: 'shop',
      name: 'site',
      database: file,
    });

    expect(opened.store.get('cart')).toBe('tea');
    await stack.close();
  });

  it('may be opened again by other options', async () => {
    const options = { app: 'shop', storage: 'file', directory: newFile(), setupEnvironment: true } as const;
    const first = await openSession(request(), options);
    first.store.set('cart', 'tea');
    await first.save();

    const second = await openSession(request(sentBy(first)), { ...options });

    expect(second.store.get('cart')).toBe('tea');
  });

  it('is opened once for many requests at once', async () => {
    let created = 0;
    class Counting extends MemoryDriver {
      override createEnvironment() {
        created += 1;
        return super.createEnvironment();
      }
    }
    const options = inMemory({ storage: new Counting(), setupEnvironment: true });

    await Promise.all([1, 2, 3].map(() => openSession(request(), options)));

    expect(created).toBe(1);
  });

  it('is tried again after it failed', async () => {
    const options: OpenSessionOptions = { app: 'shop', storage: 'file', directory: newFile() };
    await expect(openSession(request(), options)).rejects.toMatchObject({ code: 'NO_TABLES' });

    await openSession(request(), { ...options, setupEnvironment: true });

    expect((await openSession(request(), options)).manager.created).toBe(true);
  });

  it.each<[string, Partial<OpenSessionOptions>]>([
    ['NO_DATABASE', { storage: 'database' }],
    ['NO_DATABASE', { storage: 'database', database: '' }],
    ['DATABASE_MISSING', { storage: 'database', database: 'no such file' }],
    ['BAD_APP', { app: '' }],
    ['BAD_NAME', { name: '1' }],
    ['BAD_EXPIRE', { expire: -1 }],
    ['BAD_COOKIE', { cookie: { path: 'no' } }],
    ['BAD_HANDLER', { handlers: { mail: 'no' as never } }],
    ['BAD_DRIVER', { storage: {} as never }],
    ['UNKNOWN_STORAGE', { storage: 'redis' as never }],
  ])('answers %s for %j', async (code, wrong) => {
    await expect(openSession(request(), inMemory(wrong))).rejects.toMatchObject({ code });
  });
});

/** Cannot read at once. */
class Slow extends MemoryDriver {
  override load(key: SessionKey): Promise<StoredSession | undefined> {
    return Promise.resolve(super.loadNow(key));
  }

  override readonly loadNow: never = undefined as never;
}
