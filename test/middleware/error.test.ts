import { describe, expect, it, jest } from '@jest/globals';
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import type { Application } from '../../src/app/application.js';
import type { Environ } from '../../src/app/environ.js';
import { TsgiError } from '../../src/app/errors.js';
import { layer, layersOf } from '../../src/app/layer.js';
import { isPromise } from '../../src/app/promise.js';
import { type Body, headerOf, type Reply, text } from '../../src/app/reply.js';
import { error } from '../../src/middleware/error.js';
import type { ErrorInfo, ErrorOptions } from '../../src/middleware/error/options.js';
import type { SourceLine } from '../../src/middleware/error/stack.js';
import { pageOf, request, throwing } from '../support/failing.js';

const HTML = { HTTP_ACCEPT: 'text/html' };

/** Calls an application of which nothing is known, as a gateway does. */
function start(
  application: unknown,
  options: ErrorOptions = {},
  over: Readonly<Record<string, unknown>> = {},
) {
  const { environ, log } = request(over);
  return { answered: error(application as Application, options)(environ), log };
}

/** The same for an application that answers at once: a promise would fail here. */
function run(...call: Parameters<typeof start>) {
  const { answered, log } = start(...call);
  assert.ok(!isPromise(answered));
  return { reply: answered, page: pageOf(answered), log };
}

function referenceIn(text: string): string | undefined {
  return /[\da-f]{4}-[\da-f]{4}-[\da-f]{4}/.exec(text)?.[0];
}

describe('error, around an application that does not throw', () => {
  it('answers the very reply, at once', () => {
    const hello = text('hello');

    const { reply, log } = run(() => hello);

    expect(reply).toBe(hello);
    expect(log()).toBe('');
  });

  it('answers the very reply of an application that answers later', async () => {
    const hello = text('hello');

    const { answered } = start(() => Promise.resolve(hello));

    expect(await answered).toBe(hello);
  });

  it.each([
    ['a string', 'a'],
    ['bytes', Buffer.from('a')],
    ['a list', ['a', 'b']],
  ])('leaves a body alone that is %s', (_, body: Body) => {
    const { reply } = run(() => ({ status: '200 OK', headers: [], body }));

    expect(reply.body).toBe(body);
  });

  it('is the outermost layer of an application', () => {
    const inner = layer('inner', {}, (application) => (environ) => application(environ));

    const application = error(inner(throwing('x')));

    expect(layersOf(application)).toEqual(['error', 'inner']);
  });

  it('lets an inline application see the environ, typed', () => {
    const application: Application = error((environ) => text(environ.PATH_INFO));

    expect(application(request().environ)).toEqual(text('/cart'));
  });
});

class Silent extends Error {
  override get message(): string {
    throw new Error('a getter that throws');
  }
}

class Stackless extends Error {
  override get stack(): string {
    throw new Error('a getter that throws');
  }
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function hostile(): object {
  const refuse = (): never => {
    throw new Error('a trap that throws');
  };
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse, has: refuse });
}

function circular(): Error {
  const inner = new Error('the inner one');
  inner.cause = new Error('the outer one', { cause: inner });
  return inner.cause as Error;
}

function deep(): Error {
  return Array.from({ length: 1000 }).reduce<Error>(
    (cause, _, i) => new Error(`number ${i}`, { cause }),
    new Error('the deepest'),
  );
}

function overflow(): never {
  return overflow();
}

const throws = (thrown: unknown) => () => {
  throw thrown;
};
const rejects = (thrown: unknown) => () => Promise.resolve().then(throws(thrown));
const answers = (reply: unknown) => () => reply;

/** Ways to fail: what the application does, and what the log must tell of it. */
const WAYS: [name: string, application: () => unknown, told: string][] = [
  ['throws an Error', throws(new Error('it broke')), 'Error: it broke'],
  ['rejects with an Error', rejects(new Error('it broke')), 'Error: it broke'],
  ['throws after a wait', async () => Promise.resolve().then(overflow), 'RangeError: Maximum call stack'],
  ['throws undefined', throws(undefined), 'thrown undefined'],
  ['rejects with undefined', rejects(undefined), 'thrown undefined'],
  ['throws null', throws(null), 'thrown null'],
  ['throws a string', throws('it broke'), 'thrown string: it broke'],
  ['rejects with a string', rejects('it broke'), 'thrown string: it broke'],
  ['throws an empty string', throws(''), 'thrown string'],
  ['throws a number', throws(404), 'thrown number: 404'],
  ['throws NaN', throws(NaN), 'thrown number: NaN'],
  ['throws a bigint', throws(10n), 'thrown bigint: 10'],
  ['throws a boolean', throws(false), 'thrown boolean: false'],
  ['throws a symbol', throws(Symbol('it broke')), 'thrown symbol: Symbol(it broke)'],
  ['throws a function', throws(() => undefined), 'thrown function'],
  ['throws an object', throws({ reason: 1, other: 2 }), 'properties: reason, other'],
  ['throws an object with a message', throws({ message: 'it broke' }), 'thrown Object: it broke'],
  ['throws an object without a prototype', throws(Object.create(null)), 'thrown object'],
  ['throws a list', throws([1, 2]), 'thrown Array'],
  ['throws a date that is none', throws(new Date(NaN)), 'thrown Date'],
  ['throws an error with a getter that throws', throws(new Silent()), 'Silent'],
  ['throws an error whose stack throws', throws(new Stackless('it broke')), 'it broke'],
  ['throws an object that refuses everything', throws(hostile()), 'thrown object'],
  ['throws a revoked proxy', throws(revoked()), 'thrown object'],
  ['rejects with a revoked proxy', rejects(revoked()), 'thrown object'],
  ['throws an error that is frozen', throws(Object.freeze(new Error('it broke'))), 'Error: it broke'],
  [
    'throws an error whose message is an object',
    throws(Object.assign(new Error(), { message: {} })),
    'a message that is no string',
  ],
  [
    'throws an error without a stack',
    throws(Object.assign(new Error('it broke'), { stack: undefined })),
    'Error: it broke',
  ],
  [
    'throws an error whose name is a number',
    throws(Object.assign(new Error('it broke'), { name: 7 })),
    'it broke',
  ],
  [
    'throws an error whose status is nonsense',
    throws(Object.assign(new Error('it broke'), { status: 200 })),
    'it broke',
  ],
  ['throws errors that are each other’s cause', throws(circular()), 'cause: the same: as shown above'],
  ['throws a chain of a thousand causes', throws(deep()), 'number 980'],
  [
    'throws an AggregateError',
    throws(new AggregateError([new Error('one'), 2], 'both')),
    'errors[1]: thrown number: 2',
  ],
  ['throws an error that gathers itself', throws(gathering()), 'errors[0]: the same'],
  [
    'throws an error of another realm',
    throws(vm.runInNewContext('new TypeError("elsewhere")')),
    'TypeError: elsewhere',
  ],
  ['throws an error of Node', () => readFileSync('/nowhere/at/all'), '[ENOENT]'],
  [
    'throws an error of an assertion',
    () => {
      assert.deepStrictEqual({ a: 1 }, { a: 2 });
    },
    'AssertionError [ERR_ASSERTION]',
  ],
  [
    'throws a DOMException',
    () => {
      AbortSignal.abort().throwIfAborted();
    },
    'AbortError',
  ],
  ['runs out of stack', overflow, 'RangeError: Maximum call stack'],
  ['throws a message of ten megabytes', throws(new Error('x'.repeat(10_000_000))), 'characters more'],
  ['answers undefined', answers(undefined), 'answered undefined where a reply belongs'],
  ['answers null', answers(null), 'answered null where a reply belongs'],
  ['answers a string', answers('hello'), 'answered string where a reply belongs'],
  ['answers a promise of undefined', answers(Promise.resolve(undefined)), 'answered undefined where'],
  ['answers a reply without a body', answers({ status: '200 OK', headers: [] }), 'undefined as its body'],
  ['answers a number as its body', answers({ status: '200 OK', headers: [], body: 7 }), 'number as its body'],
  [
    'answers a body whose getter throws',
    answers({
      get body() {
        return overflow();
      },
    }),
    'RangeError',
  ],
  [
    'answers a then that throws',
    answers({
      get then() {
        return overflow();
      },
    }),
    'RangeError',
  ],
  [
    'answers a then that rejects',
    answers({
      then: (_: unknown, reject: (thrown: unknown) => void) => {
        reject('it broke');
      },
    }),
    'thrown string: it broke',
  ],
];

function gathering(): Error {
  const error = new AggregateError([], 'all of them');
  error.errors = [error];
  return error;
}

describe.each([
  ['in production', {}],
  ['in development', { debug: true }],
])('error, %s, around an application that', (_, options) => {
  it.each(WAYS)('%s', async (_name, application, told) => {
    const { answered, log } = start(application, options, HTML);

    const { status, headers, body } = await answered;

    expect(status).toBe('500 Internal Server Error');
    expect(headers).toContainEqual(['Content-Type', 'text/html; charset=utf-8']);
    expect(log()).toContain(told);
    expect(log().match(/^error /gm)).toHaveLength(1);
    expect(body).toContain(referenceIn(log()));
    expect(body).toMatch(/<\/html>\s*$/);
  });
});

describe('error, asked for a status', () => {
  it.each([
    [500, new Error('x'), '500 Internal Server Error'],
    [503, new TsgiError('BUSY', 'x', { status: 503 }), '503 Service Unavailable'],
    [413, new TsgiError('TOO_LARGE', 'x', { status: 413 }), '413 Payload Too Large'],
    [404, Object.assign(new Error('x'), { statusCode: 404 }), '404 Not Found'],
    [499, Object.assign(new Error('x'), { status: 499 }), '499 Client Error'],
    [599, Object.assign(new Error('x'), { status: 599 }), '599 Server Error'],
    [700, Object.assign(new Error('x'), { status: 700 }), '500 Internal Server Error'],
  ])('answers %s', (_, thrown, status) => {
    const { reply } = run(throwing(thrown));

    expect(reply.status).toBe(status);
  });

  it('shows the message and the code of a TsgiError to the client, and logs nothing', () => {
    const report = jest.fn<() => void>();
    const thrown = new TsgiError('TOO_LARGE', 'The upload has 12 bytes, 10 are allowed.', { status: 413 });

    const { page, log } = run(throwing(thrown), { report }, { HTTP_ACCEPT: 'application/json' });

    expect(JSON.parse(page)).toEqual({
      status: 413,
      title: 'Payload Too Large',
      code: 'TOO_LARGE',
      detail: 'The upload has 12 bytes, 10 are allowed.',
    });
    expect(log()).toBe('');
    expect(report).not.toHaveBeenCalled();
  });

  it('shows the message of an error that says it may be shown', () => {
    const { page } = run(throwing(Object.assign(new Error('No such book.'), { status: 404, expose: true })));

    expect(page).toContain('No such book.');
  });

  it('survives an error that throws when asked whether it may be shown', () => {
    const thrown = {
      status: 404,
      get expose() {
        return overflow();
      },
    };

    const { reply } = run(throwing(thrown));

    expect(reply.status).toBe('404 Not Found');
  });

  it('keeps the message of any other error to itself', () => {
    const { page, log } = run(throwing(Object.assign(new Error('canary'), { status: 404 })));

    expect(page).toMatch(/^404 Not Found\n/);
    expect(page + log()).not.toContain('canary');
  });

  it('keeps a message from the client from 500 on, whatever the error says', () => {
    const { page } = run(
      throwing(Object.assign(new TsgiError('BUSY', 'canary', { status: 503 }), { expose: true })),
    );

    expect(page).not.toMatch(/canary|BUSY/);
  });
});

describe('error, asked for headers', () => {
  const asking = (...headers: [string, string][]) =>
    throwing(new TsgiError('BUSY', 'x', { status: 503, headers }));

  it('sends them', () => {
    const { reply } = run(asking(['Retry-After', '4']));

    expect(headerOf(reply, 'retry-after')).toBe('4');
  });

  it('leaves out what would replace its own or describes another body', () => {
    const { reply } = run(
      asking(['cache-control', 'public'], ['Content-Length', '3'], ['Transfer-Encoding', 'chunked']),
    );

    expect(reply.headers.filter(([name]) => name.toLowerCase() === 'cache-control')).toEqual([
      ['Cache-Control', 'no-store'],
    ]);
    expect(headerOf(reply, 'Content-Length')).toBeUndefined();
    expect(headerOf(reply, 'Transfer-Encoding')).toBeUndefined();
  });

  it('leaves out what no gateway can send', () => {
    const { reply } = run(
      asking(['X-Split', 'a\r\nSet-Cookie: b=c'], ['bad name', 'a'], ['X-Emoji', '🎉'], ['', 'a']),
    );

    expect(reply.headers.map(([name]) => name)).not.toEqual(expect.arrayContaining(['X-Split']));
    expect(reply.headers).toHaveLength(5);
  });
});

describe('error, from 500 on', () => {
  it('logs one block: request, message, causes and stacks, under the reference of the page', () => {
    const thrown = new TypeError('it broke', { cause: new Error('the disk is full') });

    const { page, log } = run(throwing(thrown), {}, { QUERY_STRING: 'item=3&token=canary' });

    const lines = log().split('\n');
    expect(lines[0]).toBe(`error ${String(referenceIn(page))}: 500 for GET /shop/cart?item=3&token=[masked]`);
    expect(lines[1]).toBe('    TypeError: it broke');
    expect(lines[2]).toMatch(/^ {8}at .*error\.test\.ts:\d+:\d+\)?$/);
    expect(lines).toContain('    cause: Error: the disk is full');
    expect(lines.at(-1)).toBe('');
  });

  it('has another reference each time', () => {
    const pages = Array.from({ length: 100 }, () => run(throwing('x')).page);

    expect(new Set(pages.map(referenceIn)).size).toBe(100);
  });

  it('lets no message, path or code pose as a log line', () => {
    const evil = 'a\nerror 0000-0000-0000: forged\r\x1b[2J\u2028\u2029\u0085\u202e';
    const thrown = Object.assign(new Error(evil, { cause: evil }), { code: evil, name: evil });

    const { log } = run(
      throwing(thrown),
      {},
      { PATH_INFO: `/${evil}`, REQUEST_METHOD: evil, QUERY_STRING: evil },
    );

    expect(log().match(/^error /gm)).toHaveLength(1);
    expect(log().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
    expect(log()).toContain('\\nerror 0000-0000-0000: forged\\r\\u001b[2J\\u2028');
  });
});

describe('error, with report hooks', () => {
  it('tells them the error, the reference, the status, the layers and the text of the log', () => {
    const told: [ErrorInfo, Environ][] = [];
    const inner = layer('inner', {}, (application) => (environ) => application(environ));
    const thrown = new TsgiError('BUSY', 'it broke', { status: 503 });
    const { environ, log } = request();

    const reply = error(inner(throwing(thrown)), { report: (...both) => void told.push(both) })(
      environ,
    ) as Reply;

    const [info] = told[0] ?? [];
    expect(info).toEqual({
      error: thrown,
      reference: referenceIn(pageOf(reply)),
      status: 503,
      during: 'reply',
      layers: ['error', 'inner'],
      text: log(),
    });
    expect(told[0]?.[1]).toBe(environ);
  });

  it.each([
    ['throws', throwing(new Error('the hook broke'))],
    ['rejects', () => Promise.reject(new Error('the hook broke'))],
    ['throws undefined', throwing(undefined)],
    ['throws a revoked proxy', throwing(revoked())],
  ])('logs the first error, then that a hook %s, and asks the next hook', async (_, hook) => {
    const next = jest.fn<() => void>();

    const { page, log } = run(throwing(new Error('it broke')), { report: [hook as () => void, next] });
    await new Promise(setImmediate);

    const [first, second] = log().match(/^error .*$/gm) ?? [];
    expect(first).toMatch(/: 500 for GET/);
    expect(second).toBe(`error ${String(referenceIn(page))}: a report hook failed`);
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('does not wait for a hook that never ends', () => {
    const { reply } = run(throwing('x'), { report: () => new Promise<void>(() => undefined) });

    expect(reply.status).toBe('500 Internal Server Error');
  });
});

describe('error, when answering fails as well', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('the log is full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the log is full'))],
  ])('answers although the log %s', async (_, write) => {
    const report = jest.fn<() => void>();

    const { reply } = run(throwing('x'), { report }, { 'tsgi.errors': { write } });
    await new Promise(setImmediate);

    expect(reply.status).toBe('500 Internal Server Error');
    expect(report).toHaveBeenCalledTimes(1);
  });

  it('answers although there is no log', () => {
    const { reply } = run(throwing('x'), {}, { 'tsgi.errors': undefined });

    expect(reply.status).toBe('500 Internal Server Error');
  });

  it('sends a plain page when the development page cannot be made, and logs why after the first error', () => {
    const { environ, log } = request(HTML);
    const broken = new Proxy(environ, {
      ownKeys: () => {
        throw new Error('no keys for you');
      },
    });

    const reply = error(throwing(new Error('it broke')), { debug: true })(broken) as Reply;

    expect(reply.body).toMatch(/^500 Internal Server Error\n\nSomething went wrong/);
    expect(headerOf(reply, 'Content-Type')).toBe('text/plain; charset=utf-8');
    expect(log().indexOf('it broke')).toBeLessThan(log().indexOf('its page could not be made'));
    expect(log()).toContain('no keys for you');
  });

  it('shows an environ whose getters throw', () => {
    const { environ } = request(HTML);
    Object.defineProperty(environ, 'PATH_INFO', {
      enumerable: true,
      get: () => {
        throw new Error('no path for you');
      },
    });

    const reply = error(throwing(new Error('it broke')), { debug: true })(environ) as Reply;

    expect(reply.body).toContain('<h1>Error</h1>');
  });
});

describe('error, while a body is read', () => {
  const streaming =
    (body: Body): Application =>
    () => ({ status: '200 OK', headers: [], body });

  it('logs and reports what it throws, and throws it on', () => {
    const thrown = new TsgiError('LATE', 'it broke late', { status: 404 });
    const infos: ErrorInfo[] = [];
    const body = (function* () {
      yield 'half a page';
      throw thrown;
    })();

    const { reply, log } = run(streaming(body), { report: (info) => void infos.push(info) });
    const chunks = (reply.body as Iterable<string>)[Symbol.iterator]();

    expect(chunks.next()).toEqual({ done: false, value: 'half a page' });
    expect(() => chunks.next()).toThrow(thrown);
    expect(log()).toMatch(
      /^error [\da-f-]{14}: in the body for GET \/shop\/cart\?item=3\n {4}TsgiError \[LATE\]: it broke late\n/,
    );
    expect(infos).toMatchObject([{ error: thrown, status: 500, during: 'body', text: log() }]);
  });

  it('does so for a body that comes later, whatever is thrown', async () => {
    const nothing: unknown = undefined;
    const body = (async function* () {
      yield await Promise.resolve('half a page');
      throw nothing;
    })();

    const { reply, log } = run(streaming(body));
    const chunks = (reply.body as AsyncIterable<string>)[Symbol.asyncIterator]();

    expect(await chunks.next()).toEqual({ done: false, value: 'half a page' });
    await expect(chunks.next()).rejects.toBeUndefined();
    expect(log()).toContain('thrown undefined');
  });

  it('keeps status and headers', () => {
    const { reply } = run(() => ({ status: '201 Created', headers: [['X-A', 'b']], body: new Set(['a']) }));

    expect(reply).toMatchObject({ status: '201 Created', headers: [['X-A', 'b']] });
    expect([...(reply.body as Iterable<string>)]).toEqual(['a']);
  });
});

describe('error, in development', () => {
  it.each([
    ['its address', { REMOTE_ADDR: '203.0.113.7' }],
    ['its host', { HTTP_HOST: 'evil.example.com' }],
  ])('keeps its page from a request that is not local by %s, and says so in the log', (_, over) => {
    const { page, log } = run(throwing(new Error('canary')), { debug: true }, over);

    expect(page).not.toContain('canary');
    expect(log()).toContain('no development page was sent');
  });

  it('shows its page for a 4xx too, without logging it', () => {
    const { page, log } = run(throwing(Object.assign(new Error('it broke'), { status: 404 })), {
      debug: true,
    });

    expect(page).toMatch(/^404 Not Found\nGET \/shop\/cart\?item=3\n\nError: it broke\n {2}at /);
    expect(log()).toBe('');
  });
});

describe('error, made with', () => {
  it.each([
    [{ debug: 'false' }, 'error() got the string "false" as debug. Give it true or false.'],
    [{ debug: 1 }, 'error() got number as debug. Give it true or false.'],
    [{ debug: null }, 'error() got null as debug. Give it true or false.'],
    [{ context: -1 }, 'error() got number as context. Give it a whole number of lines, 0 or more.'],
    [{ context: 1.5 }, 'error() got number as context. Give it a whole number of lines, 0 or more.'],
    [{ context: '5' }, 'error() got the string "5" as context. Give it a whole number of lines, 0 or more.'],
    [{ format: 'xml' }, 'error() got the string "xml" as format. Give it one of auto, html, text, json.'],
    [{ report: {} }, 'error() got Object as report. Give it a function or a list of functions.'],
    [{ report: [1] }, 'error() got Array as report. Give it a function or a list of functions.'],
  ])('%j is refused at once', (options, message) => {
    const make = () => error(throwing('x'), options as unknown as ErrorOptions);

    expect(make).toThrow(expect.objectContaining({ code: 'BAD_OPTION', message }));
  });

  it.each([
    ['html', /^<!doctype html>/],
    ['text', /^500 Internal Server Error\n/],
    ['json', /^\{\n/],
  ] as const)('the format %s answers in it whatever is asked for', (format, start) => {
    const { page } = run(throwing('x'), { format }, { HTTP_ACCEPT: 'image/png' });

    expect(page).toMatch(start);
  });

  it.each([0, 1, 3])('a context of %i shows so many lines before and after', (context) => {
    const { page } = run(throwing(new Error('x')), { debug: true, context, format: 'json' });

    const { errors } = JSON.parse(page) as { errors: { frames: { source: SourceLine[] }[] }[] };
    const source = errors[0]?.frames[0]?.source;
    expect(source?.map(({ here }) => here)).toEqual(
      Array.from({ length: 2 * context + 1 }, (_, i) => i === context),
    );
  });
});
