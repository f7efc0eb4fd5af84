import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { html } from '../../src/app/html.js';
import {
  headerOf,
  json,
  page,
  redirect,
  type Reply,
  statusCode,
  text,
  withAddedHeader,
  withHeader,
} from '../../src/app/reply.js';

const plain = ['Content-Type', 'text/plain; charset=utf-8'];

describe('text, page and json', () => {
  it.each<[string, Reply, Reply]>([
    [
      'text',
      text('a'),
      { status: '200 OK', headers: [['Content-Type', 'text/plain; charset=utf-8']], body: 'a' },
    ],
    [
      'page',
      page(html`<p>${'<'}</p>`),
      { status: '200 OK', headers: [['Content-Type', 'text/html; charset=utf-8']], body: '<p>&lt;</p>' },
    ],
    [
      'json',
      json({ a: [1, null] }),
      { status: '200 OK', headers: [['Content-Type', 'application/json']], body: '{"a":[1,null]}' },
    ],
  ])('%s answers 200 and says what it is', (_, reply, expected) => {
    expect(reply).toEqual(expected);
  });

  it('take a status and headers', () => {
    const reply = text('no', { status: '404 Not Found', headers: [['X-A', 'b']] });

    expect(reply).toEqual({ status: '404 Not Found', headers: [plain, ['X-A', 'b']], body: 'no' });
  });

  it('take another Content-Type, in any case, instead of their own', () => {
    const reply = json({}, { headers: [['content-type', 'application/problem+json']] });

    expect(reply.headers).toEqual([['content-type', 'application/problem+json']]);
  });

  it.each([undefined, () => 1, Symbol('s')])('json refuses %p, which has no JSON form', (value) => {
    expect(() => json(value)).toThrow(expect.objectContaining({ code: 'NOT_JSON' }));
  });

  it.each([null, false, 0, ''])('json takes %p', (value) => {
    expect(json(value).body).toBe(JSON.stringify(value));
  });
});

describe('redirect', () => {
  it('sends the browser elsewhere with GET', () => {
    expect(redirect('/there?x=1')).toEqual({
      status: '303 See Other',
      headers: [['Location', '/there?x=1'], plain],
      body: '',
    });
  });

  it('takes another status', () => {
    expect(redirect('/', '308 Permanent Redirect').status).toBe('308 Permanent Redirect');
  });

  it.each([
    ['/ü', '/%C3%BC'],
    ['/😀', '/%F0%9F%98%80'],
    ['/%C3%BC%zz', '/%C3%BC%zz'],
    ['/\ud800', '/%EF%BF%BD'],
  ])('sends %j as %s', (location, sent) => {
    expect(headerOf(redirect(location), 'Location')).toBe(sent);
  });

  it.each(['', '/a b', '/a\r\nSet-Cookie: x=1', '/\t', '/\0', '/\u0085'])('refuses %j', (location) => {
    expect(() => redirect(location)).toThrow(expect.objectContaining({ code: 'BAD_LOCATION' }));
  });

  it('either refuses a location or sends printable ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (location) => {
        expect(sentOrRefused(location)).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });
});

describe('withHeader and withAddedHeader', () => {
  const shared: Reply = Object.freeze({ ...text('constant'), headers: Object.freeze([...text('').headers]) });

  it('answer a new reply and leave the one they got alone', () => {
    const replaced = withHeader(shared, 'content-type', 'text/x');
    const added = withAddedHeader(withAddedHeader(shared, 'Set-Cookie', 'a=1'), 'Set-Cookie', 'b=2');

    expect(replaced).toEqual({ status: '200 OK', headers: [['content-type', 'text/x']], body: 'constant' });
    expect(added.headers).toEqual([plain, ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]);
    expect(shared).toEqual(text('constant'));
  });

  it('keep a body that is read once as it is', () => {
    const body = [Buffer.from('a')].values();

    expect(withHeader({ ...shared, body }, 'X', 'y').body).toBe(body);
    expect(withAddedHeader({ ...shared, body }, 'X', 'y').body).toBe(body);
  });
});

describe('headerOf and statusCode', () => {
  it('read a reply', () => {
    const reply = text('', { status: '404 Not Found' });

    expect(headerOf(reply, 'CONTENT-TYPE')).toBe('text/plain; charset=utf-8');
    expect(headerOf(reply, 'Location')).toBeUndefined();
    expect(statusCode(reply)).toBe(404);
  });
});

function sentOrRefused(location: string): string {
  try {
    return headerOf(redirect(location), 'Location') ?? '';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
