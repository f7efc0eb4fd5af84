import { describe, expect, it } from '@jest/globals';
import type { Application } from '../../src/app/application.js';
import type { Finished } from '../../src/app/environ.js';
import { layer, type LayerLife } from '../../src/app/layer.js';
import { json, redirect, type Reply, text, withAddedHeader } from '../../src/app/reply.js';
import { client } from '../../src/testing/client.js';
import { TestClock } from '../../src/testing/clock.js';

describe('client', () => {
  describe('a request', () => {
    it('is an environ as a gateway makes it', async () => {
      const visitor = client(mirror);

      const answer = await visitor.get('/caf%C3%A9/a+b?x=1&y=%20', { headers: { 'X-Real-Ip': '10.0.0.1' } });

      expect(answer.json()).toEqual({
        REQUEST_METHOD: 'GET',
        SCRIPT_NAME: '',
        PATH_INFO: '/café/a+b',
        QUERY_STRING: 'x=1&y=%20',
        REQUEST_URI: '/caf%C3%A9/a+b?x=1&y=%20',
        SERVER_NAME: 'localhost',
        SERVER_PORT: '80',
        SERVER_PROTOCOL: 'HTTP/1.1',
        REMOTE_ADDR: '127.0.0.1',
        HTTP_HOST: 'localhost',
        HTTP_X_REAL_IP: '10.0.0.1',
        'tsgi.version': [1, 0],
        'tsgi.url_scheme': 'http',
        'tsgi.input_terminated': true,
        'tsgi.multiprocess': false,
        'tsgi.run_once': false,
        'tsgi.finished': [],
        body: '',
      });
    });

    it('goes to the scheme and host of the client, or of its address', async () => {
      const home = client(mirror, { scheme: 'https', host: 'Example.org:8443' });
      const away = client(mirror);

      const answers = [await home.get('/'), await away.get('https://Example.org:8443')];

      const seen = { SERVER_NAME: 'example.org', SERVER_PORT: '8443', HTTP_HOST: 'Example.org:8443' };
      for (const answer of answers) {
        expect(answer.json()).toMatchObject({ ...seen, 'tsgi.url_scheme': 'https' });
      }
    });

    it('carries a body and says what it is', async () => {
      const answer = await client(mirror).post('/', { form: { name: 'Ada & Bob' } });

      expect(answer.json()).toMatchObject({
        REQUEST_METHOD: 'POST',
        CONTENT_TYPE: 'application/x-www-form-urlencoded',
        CONTENT_LENGTH: '16',
        body: 'name=Ada+%26+Bob',
      });
    });

    it('carries a body in pieces without a length', async () => {
      const body = [Buffer.from('one '), Buffer.from('two')];

      const answer = await client(mirror).request('PUT', '/', { body: inPieces(body) });

      const seen = answer.json();
      expect(seen).toMatchObject({
        REQUEST_METHOD: 'PUT',
        HTTP_TRANSFER_ENCODING: 'chunked',
        body: 'one two',
      });
      expect(seen).not.toHaveProperty('CONTENT_LENGTH');
    });

    it('believes the headers it is given more than its own', async () => {
      const headers = { 'content-length': '3', 'Content-Type': 'text/x', host: 'example.org' };

      const answer = await client(mirror).post('/', { json: { a: 1 }, headers });

      expect(answer.json()).toMatchObject({
        CONTENT_LENGTH: '3',
        CONTENT_TYPE: 'text/x',
        HTTP_HOST: 'example.org',
        body: '{"a":1}',
      });
    });

    it('has what the client and the request add to the environ', async () => {
      const visitor = client(mirror, { environ: { 'tsgi.run_once': true, REMOTE_ADDR: '10.0.0.1' } });

      const answer = await visitor.get('/', { environ: { REMOTE_ADDR: '10.0.0.2' } });

      expect(answer.json()).toMatchObject({ 'tsgi.run_once': true, REMOTE_ADDR: '10.0.0.2' });
    });

    it.each([
      ['path', {}, 'BAD_ADDRESS'],
      ['/%ff', {}, 'BAD_ADDRESS'],
      ['/', { headers: { X_Y: 'z' } }, 'BAD_HEADER'],
      ['/', { body: '', json: 1 }, 'TWO_BODIES'],
    ])('that cannot be sent (%s, %j) is refused with %s', async (address, options, code) => {
      const visitor = client(() => text('reached'));

      await expect(visitor.post(address, options)).rejects.toMatchObject({ code });
    });
  });

  describe('an answer', () => {
    it('is read to its end', async () => {
      const application: Application = () => ({
        status: '201 Created',
        headers: [['X-A', 'b']],
        body: ['o', 'k'],
      });

      const answer = await client(application).get('/a?b');

      expect(answer).toMatchObject({ status: '201 Created', code: 201, headers: [['X-A', 'b']] });
      expect(answer.text()).toBe('ok');
      expect(answer.request).toMatchObject({ method: 'GET', address: 'http://localhost/a?b' });
    });

    it('of an application that answers later is the same', async () => {
      const answer = await client(() => Promise.resolve(text('later'))).get('/');

      expect(answer.text()).toBe('later');
    });

    it.each([
      ['HEAD', '200 OK'],
      ['GET', '304 Not Modified'],
    ])('to %s with %s has no body, and the body is told so', async (method, status) => {
      const did: string[] = [];
      const body = { next: () => did.push('read'), return: () => did.push('ended') };
      const application = () =>
        ({ status, headers: [], body: { [Symbol.iterator]: () => body } }) as unknown as Reply;

      const answer = await client(application).request(method, '/');

      expect(answer.text()).toBe('');
      expect(did).toEqual(['ended']);
    });
  });

  describe('errors', () => {
    it.each<[string, Application]>([
      ['throws', () => raise(failure)],
      ['rejects', () => Promise.reject(failure)],
      ['has a body that fails', () => ({ status: '200 OK', headers: [], body: failingBody() })],
    ])('of an application that %s are thrown to the test', async (_, application) => {
      await expect(client(application).get('/')).rejects.toBe(failure);
    });

    it('and log lines of the application are kept', async () => {
      const visitor = client((environ) => {
        environ['tsgi.errors'].write(`${environ.PATH_INFO}\n`);
        return text('');
      });

      await visitor.get('/one');
      await visitor.get('/two');

      expect(visitor.errors).toBe('/one\n/two\n');
    });
  });

  describe('tsgi.finished', () => {
    it('runs backwards before the answer is given', async () => {
      const ran: unknown[] = [];
      const reply = text('hello');
      const visitor = client((environ) => {
        environ['tsgi.finished'].push(
          (_, ...told) => void ran.push('first', told),
          async () => void ran.push(await Promise.resolve('second')),
        );
        return reply;
      });

      await visitor.get('/');

      expect(ran).toEqual(['second', 'first', [reply, undefined]]);
    });

    it('runs once also for callbacks that a callback adds', async () => {
      const ran: string[] = [];
      const visitor = client((environ) => {
        environ['tsgi.finished'].push(({ 'tsgi.finished': finished }) => {
          ran.push('outer');
          finished.push(() => void ran.push('added'));
        });
        return text('');
      });

      await visitor.get('/');

      expect(ran).toEqual(['outer', 'added']);
    });

    it('is told why a request failed before the test is', async () => {
      const told: unknown[] = [];
      const callback: Finished = (_, reply, error) => void told.push([reply?.status, error]);
      const fails = client((environ) => {
        environ['tsgi.finished'].push(callback);
        if (environ.PATH_INFO === '/early') raise(failure);
        return { status: '200 OK', headers: [], body: failingBody() };
      });

      await expect(fails.get('/early')).rejects.toBe(failure);
      await expect(fails.get('/late')).rejects.toBe(failure);

      expect(told).toEqual([
        [undefined, failure],
        ['200 OK', failure],
      ]);
    });

    it('goes on when a callback fails, and says so in the log', async () => {
      const ran: string[] = [];
      const visitor = client((environ) => {
        environ['tsgi.finished'].push(
          () => void ran.push('first'),
          () => Promise.reject(failure),
          () => raise(failure),
        );
        return text('fine');
      });

      const answer = await visitor.get('/');

      expect(answer.text()).toBe('fine');
      expect(ran).toEqual(['first']);
      expect(visitor.errors.match(/the disk is full/g)).toHaveLength(2);
    });
  });

  describe('cookies', () => {
    it('come back with the next request, several at once', async () => {
      const visitor = client(cookies);

      await visitor.get('/?a=1&b=2');
      const answer = await visitor.get('/');

      expect(answer.text()).toBe('a=1; b=2');
      expect(visitor.cookies.get('b')).toBe('2');
    });

    it('are one visitor’s own', async () => {
      await client(cookies).get('/?a=1');

      const answer = await client(cookies).get('/');

      expect(answer.text()).toBe('');
    });

    it('end by the clock of the client', async () => {
      const clock = new TestClock();
      const visitor = client(cookies, { clock });
      await visitor.get('/?a=1%3B%20Max-Age=60');

      clock.advance(59);
      expect((await visitor.get('/')).text()).toBe('a=1');

      clock.advance(1);
      expect((await visitor.get('/')).text()).toBe('');
    });

    it('that are Secure need https', async () => {
      const visitor = client(cookies, { scheme: 'https' });
      await visitor.get('/?__Host-a=1%3B%20Secure%3B%20Path=/');

      expect((await visitor.get('/')).text()).toBe('__Host-a=1');
      expect((await visitor.get('http://localhost/')).text()).toBe('');
    });

    it('set by hand are sent', async () => {
      const visitor = client(cookies);
      visitor.cookies.set('a', 'b');

      expect((await visitor.get('/deep/down')).text()).toBe('a=b');
    });

    it('of a Cookie header are sent instead of the kept ones', async () => {
      const visitor = client(cookies);
      visitor.cookies.set('a', 'kept');

      const answer = await visitor.get('/?b=new', { headers: { cookie: 'a=given' } });

      expect(answer.text()).toBe('a=given');
      expect((await visitor.get('/')).text()).toBe('a=kept; b=new');
    });

    it('are kept when the body fails after them', async () => {
      const reply: Reply = { status: '200 OK', headers: [['Set-Cookie', 'a=1']], body: failingBody() };
      const visitor = client(() => reply);

      await expect(visitor.get('/')).rejects.toBe(failure);

      expect(visitor.cookies.get('a')).toBe('1');
    });
  });

  describe('follow', () => {
    it.each([
      ['301 Moved Permanently', 'POST', 'GET', ''],
      ['302 Found', 'POST', 'GET', ''],
      ['303 See Other', 'PUT', 'GET', ''],
      ['303 See Other', 'HEAD', 'HEAD', ''],
      ['307 Temporary Redirect', 'POST', 'POST', 'body'],
      ['308 Permanent Redirect', 'PUT', 'PUT', 'body'],
    ])('a %s of %s is a %s', async (status, method, followed, body) => {
      const seen: unknown[] = [];
      const visitor = client(async (environ) => {
        seen.push([environ.REQUEST_METHOD, environ.REQUEST_URI, await bodyOf(environ['tsgi.input'])]);
        return environ.PATH_INFO === '/a/from' ? redirect('to?x=1#part', status) : text('here');
      });

      const answer = await visitor.request(method, '/a/from', { body: 'body' });
      const there = await visitor.follow(answer);

      expect(seen).toEqual([
        [method, '/a/from', 'body'],
        [followed, '/a/to?x=1', body],
      ]);
      expect(there.text()).toBe(followed === 'HEAD' ? '' : 'here');
    });

    it('goes to another host, with the cookies for that host', async () => {
      const visitor = client((environ) =>
        environ.SERVER_NAME === 'localhost'
          ? withAddedHeader(redirect('https://example.org/'), 'Set-Cookie', 'a=1')
          : text(`${environ.SERVER_NAME} ${environ['HTTP_COOKIE'] ?? 'no cookie'}`),
      );

      const answer = await visitor.follow(await visitor.get('/'));

      expect(answer.text()).toBe('example.org no cookie');
    });

    it.each<[string, Reply]>([
      ['200 OK', text('no')],
      ['303 See Other', { status: '303 See Other', headers: [], body: '' }],
      ['201 Created', { status: '201 Created', headers: [['Location', '/']], body: '' }],
    ])('refuses an answer of %s that leads nowhere', async (_, reply) => {
      const visitor = client(() => reply);
      const answer = await visitor.get('/');

      await expect(visitor.follow(answer)).rejects.toMatchObject({ code: 'NOT_A_REDIRECT' });
    });
  });

  describe('the life of an application', () => {
    it('begins before the first request and ends with close', async () => {
      const { application, did } = living();
      const visitor = client(application);
      expect(did).toEqual([]);

      await visitor.get('/');
      await visitor.get('/');
      await visitor.close();
      await visitor.close();

      expect(did).toEqual(['open', 'answer', 'answer', 'close']);
    });

    it('begins once for requests at the same time', async () => {
      const { application, did } = living();
      const visitor = client(application);

      await Promise.all([visitor.get('/'), visitor.get('/')]);

      expect(did).toEqual(['open', 'answer', 'answer']);
    });

    it('can begin without a request', async () => {
      const { application, did } = living();
      const visitor = client(application);

      await visitor.open();
      await visitor.close();

      expect(did).toEqual(['open', 'close']);
    });

    it('does not begin for a close', async () => {
      const { application, did } = living();

      await client(application).close();

      expect(did).toEqual([]);
    });

    it('begins again after close, and the cookies are still there', async () => {
      const { application, did } = living();
      const visitor = client(application);
      visitor.cookies.set('a', '1');
      await visitor.get('/');

      await visitor.close();
      const answer = await visitor.get('/');

      expect(answer.text()).toBe('a=1');
      expect(did).toEqual(['open', 'answer', 'close', 'open', 'answer']);
    });

    it('is shared by two clients', async () => {
      const { application, did } = living();
      const [ada, bob] = [client(application), client(application)];
      await ada.get('/');
      await bob.get('/');

      await ada.close();
      expect(did).toEqual(['open', 'answer', 'answer']);

      await bob.close();
      expect(did).toEqual(['open', 'answer', 'answer', 'close']);
    });

    it('gets the log and the kind of host as resources', async () => {
      const seen: unknown[] = [];
      const { application } = living({ open: (resources) => void seen.push(resources) });
      const visitor = client(application, { environ: { 'tsgi.multiprocess': true } });

      await visitor.open();

      const log = { write: expect.any(Function) };
      expect(seen).toEqual([{ 'tsgi.errors': log, 'tsgi.multiprocess': true, 'tsgi.run_once': false }]);
    });

    it('that cannot begin fails the request, and may be tried again', async () => {
      const outcomes = [Promise.reject(failure), undefined];
      const { application } = living({ open: () => outcomes.shift() });
      const visitor = client(application);

      await expect(visitor.get('/')).rejects.toBe(failure);

      expect((await visitor.get('/')).code).toBe(200);
    });
  });
});

const failure = new Error('the disk is full');

function raise(error: Error): never {
  throw error;
}

/** Answers what it was asked. */
const mirror: Application = async (environ) => {
  const { 'tsgi.input': input, 'tsgi.errors': errors, ...rest } = environ;
  errors.write('');
  return json({ ...rest, body: await bodyOf(input) });
};

/** Answers the Cookie header, and sets what the query says. */
const cookies: Application = ({ HTTP_COOKIE = '', QUERY_STRING }) => {
  const lines = QUERY_STRING.split('&').filter(Boolean).map(decodeURIComponent);
  return lines.reduce((reply, line) => withAddedHeader(reply, 'Set-Cookie', line), text(HTTP_COOKIE));
};

/** An application with a layer that writes down what happens to it. */
function living(life: LayerLife = {}) {
  const did: string[] = [];
  const recorder = layer('recorder', {}, (application) => ({
    answer: (environ) => {
      did.push('answer');
      return application(environ);
    },
    open: () => void did.push('open'),
    close: () => void did.push('close'),
    ...life,
  }));
  return { application: recorder(cookies), did };
}

async function* failingBody(): AsyncGenerator<string> {
  yield await Promise.resolve('half');
  throw failure;
}

async function* inPieces(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

async function bodyOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
