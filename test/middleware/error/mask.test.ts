import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isSecret,
  maskLiterals,
  maskText,
  shownEnviron,
  typeName,
} from '../../../src/middleware/error/mask.js';

const SECRETS = [
  ...[
    'password',
    'PASSWD',
    'userPass',
    'db_pwd',
    'client_secret',
    'access_token',
    'apiKey',
    'X-Api-Key',
    'cookie',
  ],
  ...[
    'HTTP_COOKIE',
    'HTTP_AUTHORIZATION',
    'HTTP_PROXY_AUTHORIZATION',
    'auth',
    'AUTH_TYPE',
    'signature',
    'sig',
  ],
  ...[
    'X-Amz-Signature',
    'DSN',
    'SENTRY_DSN',
    'session',
    'session_id',
    'sessionid',
    'PHPSESSID',
    'connect.sid',
    'sid',
  ],
  ...['csrf', '_xsrf', 'jwt', 'otp', 'credentials', 'code'],
];

describe('isSecret', () => {
  it.each(SECRETS)('takes %s for a secret', (name) => {
    expect(isSecret(name)).toBe(true);
  });

  it.each([
    'item',
    'author',
    'authors',
    'inside',
    'page',
    'HTTP_HOST',
    'HTTP_ACCEPT',
    'zipcode',
    'shopping',
    'QUERY_STRING',
  ])('takes %s for none', (name) => {
    expect(isSecret(name)).toBe(false);
  });
});

describe('maskText', () => {
  it.each([
    ['item=3&token=canary&page=2', 'item=3&token=[masked]&page=2'],
    ['/cart?token=canary#top', '/cart?token=[masked]#top'],
    ['to%6ben=canary', 'to%6ben=[masked]'],
    ['user[password]=canary', 'user[password]=[masked]'],
    ['a=1;token=canary;b=2', 'a=1;token=[masked]'],
    ['token=a=b==', 'token=[masked]'],
    ['token=', 'token=[masked]'],
    ['next=%2Freset%3Ftoken%3Dcanary&a=1', 'next=[masked]&a=1'],
    ['next=%252Freset%253Ftoken%253Dcanary', 'next=[masked]'],
    ['http://host/a?next=/b?token=canary', 'http://host/a?next=/b?token=[masked]'],
    ['cannot reach postgres://ada:canary@db/shop', 'cannot reach postgres://[masked]@db/shop'],
    ['redis://:can@ry@host', 'redis://[masked]@host'],
    ['{"password": "canary", "name": "Ada"}', '{"password": "[masked]", "name": "Ada"}'],
    ["{ secret: 'can\\'ry' }", "{ secret: '[masked]' }"],
    ['password="two words"', 'password=[masked]'],
    ['bad %zz=1&token=canary', 'bad %zz=1&token=[masked]'],
    [`/shop/${'aB3_-'.repeat(8)}xyz/cart`, '/shop/[masked]/cart'],
    [`s=${'a'.repeat(43)}.${'b'.repeat(43)}`, 's=[masked]'],
  ])('shows %s as %s', (text, shown) => {
    expect(maskText(text)).toBe(shown);
  });

  it.each([
    '',
    '=',
    'a = b',
    'x == y',
    'http://host:80/path',
    'mail ada@example.com',
    'q=50%25&r=%E2%82%AC',
    `/${'a'.repeat(42)}/${'b'.repeat(44)}`,
    'key',
  ])('leaves %j alone', (text) => {
    expect(maskText(text)).toBe(text);
  });

  it('shows the value of a secret parameter in no query, however it is written', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', 'b', '=', ';', ',', '%25', '"', "'", '[', ']', '.', '-'),
    });
    fc.assert(
      fc.property(word, fc.constantFrom(...SECRETS), word, word, (before, name, value, after) => {
        const query = `${encodeURIComponent(before)}=1&${name}=canary${value}&x=${encodeURIComponent(after)}`;
        expect(maskText(query)).not.toContain('canary');
      }),
    );
  });

  it.each([
    ['a name that never ends', 'a'.repeat(100_000)],
    ['quotes', '"a":"'.repeat(20_000)],
    ['equals signs', '='.repeat(100_000)],
    ['addresses', '://'.repeat(30_000)],
    ['percent signs', `a=${'%25'.repeat(30_000)}41`],
    ['names', 'key: '.repeat(20_000)],
  ])('is quick with %s', (_, text) => {
    const start = performance.now();

    maskText(text);

    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('maskLiterals', () => {
  it.each([
    ["const password = 'canary';", "const password = '[masked]';"],
    ['session(app, { secret: "canary" })', 'session(app, { secret: "[masked]" })'],
    ["environ['API_KEY'] = `canary`", "environ['API_KEY'] = `[masked]`"],
    ["connect('mysql://ada:canary@db')", "connect('mysql://[masked]@db')"],
  ])('shows the line %s as %s', (line, shown) => {
    expect(maskLiterals(line)).toBe(shown);
  });

  it.each(['const token = next();', 'if (key=== 1)', "const name = 'Ada';", 'token=next()'])(
    'leaves %s alone',
    (line) => {
      expect(maskLiterals(line)).toBe(line);
    },
  );
});

describe('shownEnviron', () => {
  it('masks by name, masks inside addresses, and names the type of what is no string', () => {
    class Store {
      readonly canary = 'canary';
    }
    const environ = {
      PATH_INFO: '/cart',
      HTTP_COOKIE: 'canary',
      HTTP_REFERER: 'http://localhost/?sid=canary',
      'web.session.store': new Store(),
      'web.key': { toString: () => 'canary', inspect: 'canary' },
      'x.function': () => 'canary',
      'x.null': null,
      'x.number': 12345,
    };

    expect(shownEnviron(environ)).toEqual([
      ['PATH_INFO', '/cart'],
      ['HTTP_COOKIE', '[masked]'],
      ['HTTP_REFERER', 'http://localhost/?sid=[masked]'],
      ['web.session.store', '(Store)'],
      ['web.key', '(Object)'],
      ['x.function', '(function)'],
      ['x.null', '(null)'],
      ['x.number', '(number)'],
    ]);
  });

  it('cuts what is endless', () => {
    const [[name, value] = []] = shownEnviron({ ['n'.repeat(5000)]: 'v '.repeat(5000) });

    expect(name).toMatch(/^n{200}… \(4800 characters more\)$/);
    expect(value).toMatch(/… \(8000 characters more\)$/);
  });
});

describe('typeName', () => {
  it('is not told by the value itself', () => {
    expect(typeName({ constructor: { name: 'canary' } })).toBe('Object');
  });

  it('is "object" when the class has no name', () => {
    expect(
      typeName(
        new (class {
          readonly a = 1;
        })(),
      ),
    ).toBe('object');
  });
});
