import { describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { addressOf, environOf, type RequestHeaders, targetOf } from '../../src/testing/environ.js';

const home = { scheme: 'http', host: 'localhost' } as const;

describe('targetOf', () => {
  it.each([
    ['/', { scheme: 'http', host: 'localhost', hostname: 'localhost', port: '80', path: '/', query: '' }],
    ['/a/../%2e/b?x=?&y#z', { path: '/a/../%2e/b', query: 'x=?&y' }],
    ['?x=1', { path: '/', query: 'x=1' }],
    ['//double', { host: 'localhost', path: '//double' }],
    ['/ü x?ü x', { path: '/%C3%BC%20x', query: '%C3%BC%20x' }],
    ['/\ud800', { path: '/%EF%BF%BD' }],
    [
      'https://Example.org',
      { scheme: 'https', host: 'Example.org', hostname: 'example.org', port: '443', path: '/' },
    ],
    [
      'HTTP://example.org:81/a?b',
      { scheme: 'http', hostname: 'example.org', port: '81', path: '/a', query: 'b' },
    ],
    ['http://[::1]:8000/', { host: '[::1]:8000', hostname: '[::1]', port: '8000' }],
  ])('takes %s apart', (address, parts) => {
    expect(targetOf(address, home)).toMatchObject(parts);
  });

  it('asks the scheme and the host of the client for the rest', () => {
    const target = targetOf('/', { scheme: 'https', host: 'example.org:8443' });

    expect(target).toMatchObject({ scheme: 'https', hostname: 'example.org', port: '8443' });
  });

  it.each(['', 'path', './path', 'ftp://example.org/', 'http:///path', 'http://host:port/'])(
    'refuses "%s" with a sentence',
    (address) => {
      expect(() => targetOf(address, home)).toThrow(expect.objectContaining({ code: 'BAD_ADDRESS' }));
    },
  );

  it('is put together again by addressOf', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['http', 'https'], withQueryParameters: true }), (address) => {
        const target = targetOf(address, home);

        expect(targetOf(addressOf(target), home)).toEqual(target);
      }),
    );
  });
});

describe('environOf', () => {
  it('decodes the path once and leaves the query alone', () => {
    const environ = environOf({ ...parts(), target: targetOf('/%2541%2f?%2541', home) });

    expect(environ).toMatchObject({
      PATH_INFO: '/%41/',
      QUERY_STRING: '%2541',
      REQUEST_URI: '/%2541%2f?%2541',
    });
  });

  it.each(['/%', '/%ff', '/%c0%af', '/%zz', '/%00', '/%0d%0aX'])(
    'refuses the path %s, as gateways do',
    (path) => {
      expect(() => environOf({ ...parts(), target: targetOf(path, home) })).toThrow(
        expect.objectContaining({ code: 'BAD_ADDRESS' }),
      );
    },
  );

  it('gives headers their CGI names, and joins those that repeat', () => {
    const headers: RequestHeaders = [
      ['Content-Type', 'text/plain'],
      ['content-length', '5'],
      ['X-One', '1'],
      ['x-one', '2'],
      ['Cookie', 'a=1'],
      ['Cookie', 'b=2'],
    ];

    expect(environOf({ ...parts(), headers })).toMatchObject({
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '5',
      HTTP_X_ONE: '1, 2',
      HTTP_COOKIE: 'a=1; b=2',
    });
  });

  it('sends a default only where no header of the name was given', () => {
    const defaults = { Host: 'localhost', Cookie: undefined, 'Content-Length': '7' };

    const environ = environOf({ ...parts(), headers: { host: 'example.org' }, defaults });

    expect(environ).toMatchObject({ HTTP_HOST: 'example.org', CONTENT_LENGTH: '7' });
    expect(environ).not.toHaveProperty('HTTP_COOKIE');
  });

  it.each([
    ['X_Real-Ip', 'x'],
    ['Proxy', 'x'],
    ['', 'x'],
    ['X: Y', 'x'],
    ['X-One', 'a\r\nX-Two: b'],
    ['X-One', '\0'],
  ])('refuses the header %j: %j, which no gateway lets through', (name, value) => {
    expect(() => environOf({ ...parts(), headers: { [name]: value } })).toThrow(
      expect.objectContaining({ code: 'BAD_HEADER' }),
    );
  });
});

function parts() {
  return {
    method: 'GET',
    target: targetOf('/', home),
    headers: {},
    defaults: {},
    input: Readable.from([]),
    errors: { write: () => undefined },
  };
}
