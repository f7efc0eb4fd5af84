import { describe, expect, it } from '@jest/globals';
import { parseCookie, parseSetCookie } from 'cookie';
import fc from 'fast-check';
import { type CookieOptions, SessionCookie } from '../../src/stores/cookie.js';
import { SessionError } from '../../src/stores/errors.js';
import { newSessionId } from '../../src/stores/session-id.js';
import { Signer } from '../../src/stores/signature.js';
import { naughtyStrings } from '../support/naughty-strings.js';

const NOW = 1_800_000_000; // Fri, 15 Jan 2027 08:00:00 GMT
const DAY = 86_400;

const cookie = new SessionCookie('shop');

/** The value of our cookie in a header, over http where it is called `shop`, and over https where it is `__Host-shop`. */
function read(header: string | undefined, https = false): string | undefined {
  return cookie.read(header, https)?.id;
}

function refuses(options: CookieOptions): void {
  const make = () => new SessionCookie('shop', options);
  expect(make).toThrow(SessionError);
  expect(make).toThrow(expect.objectContaining({ code: 'BAD_COOKIE' }));
}

describe('reading the cookie', () => {
  it.each<[string, string | undefined, string | undefined]>([
    ['no header', undefined, undefined],
    ['an empty header', '', undefined],
    ['the only one', 'shop=abc', 'abc'],
    ['one of several', 'a=1; shop=abc; b=2', 'abc'],
    ['without a space between', 'a=1;shop=abc;b=2', 'abc'],
    ['spaces and tabs around name and value', 'a=1 ;\t shop \t= \t abc \t; b=2', 'abc'],
    ['an empty value', 'a=1; shop=; b=2', ''],
    ['the value of blanks', 'shop= \t ;', ''],
    ['= in the value', 'shop=a=b==', 'a=b=='],
    ['the first of two', 'shop=first; shop=second', 'first'],
    ['the first of two, also when it is empty', 'shop=; shop=second', ''],
    ['several lines that a gateway has joined', ['a=1', 'shop=abc', 'b=2'].join('; '), 'abc'],
    ['quotes as they are', 'shop="abc"', '"abc"'],
    ['escapes as they are', 'shop=%41%zz%E0%A4%A%', '%41%zz%E0%A4%A%'],
    ['other bytes as they are', 'shop=\u00e4\u00a0\u00ff', '\u00e4\u00a0\u00ff'],
    ['only separators', ';;; ; =;=', undefined],
  ])('finds %s', (_, header, value) => {
    expect(read(header)).toBe(value);
  });

  it.each([
    ['a name led by a no-break space', '\u00a0shop=evil'],
    ['a name led by the bytes of a no-break space', '\u00c2\u00a0shop=evil'],
    ['a name led by a byte order mark', '\ufeffshop=evil'],
    ['a name led by a vertical tab', '\vshop=evil'],
    ['a name led by a form feed', '\fshop=evil'],
    ['a name with a blank behind it that is none', 'shop\u00a0=evil'],
    ['a name with NUL', 'shop\0=evil'],
    ['an encoded name', '%73hop=evil'],
    ['a name in another case', 'Shop=evil; SHOP=evil'],
    ['a longer name', 'shops=evil; xshop=evil; shop.=evil; .shop=evil'],
    ['a pair without a name', '=shop=evil'],
    ['a pair without a name, with blanks', ' = shop=evil'],
    ['a name without a value', 'shop'],
    ['a name without a value before another pair', 'shop; x=evil'],
    ['a name inside a quoted value', 'x="a, shop=evil, b"'],
    ['a name inside a value', 'x=y,shop=evil&shop=evil shop=evil'],
  ])('does not take for ours %s', (_, header) => {
    expect(read(header)).toBeUndefined();
    expect(read(`${header}; shop=abc`)).toBe('abc');
  });

  it.each([
    '%5F%5FHost-shop',
    '..Host-shop',
    '__Host.shop',
    '__host-shop',
    '__HOST-shop',
    '_Host-shop',
    '=__Host-shop',
    '\u00a0__Host-shop',
    '__Host-shop\u00a0',
    '__Secure-shop',
    'shop',
  ])('does not let %j pass for the cookie with the prefix', (name) => {
    expect(read(`${name}=evil`, true)).toBeUndefined();
    expect(read(`${name}=evil; __Host-shop=abc`, true)).toBe('abc');
  });

  it('keeps http and https apart: neither is read in the place of the other', () => {
    const header = 'shop=plain; __Host-shop=secure';

    expect(read(header, false)).toBe('plain');
    expect(read(header, true)).toBe('secure');
    expect(read('__Host-shop=secure', false)).toBeUndefined();
    expect(read('shop=plain', true)).toBeUndefined();
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
    'takes %s for a name like others',
    (name) => {
      const awkward = new SessionCookie(name);

      expect(awkward.read('a=1', false)).toBeUndefined();
      expect(awkward.read(`${name}=abc`, false)?.id).toBe('abc');
    },
  );

  it('reads naughty strings without falling over them', () => {
    for (const text of naughtyStrings) {
      const value = /^[ \t]*([^;]*?)[ \t]*(?:;|$)/s.exec(text)?.[1];

      expect(read(`shop=${text}`)).toBe(value);
      expect(read(`a=1; shop=abc; x=${text}`)).toBe('abc');
    }
  });

  it('reads what the cookie package reads', () => {
    const name = fc.constantFrom('shop', '__Host-shop', 'a', 'sho', 'shopp');
    const value = fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019-_.~%"=,')), maxLength: 8 });
    const separator = fc.constantFrom(';', '; ', ' ;', ';\t', '; ;');
    const header = fc
      .array(fc.tuple(name, value, separator), { maxLength: 6 })
      .map((pairs) => pairs.map(([key, text, end]) => `${key}=${text}${end}`).join(''));

    assertReadsAsPackage(header);
  });

  it('reads what the cookie package reads, also from hostile headers', () => {
    const unit = fc.constantFrom('shop', 'x', ';', '=', ' ', '\t', '"', '%', '\u00a0', ',');

    assertReadsAsPackage(fc.string({ unit, maxLength: 20 }));
  });

  function assertReadsAsPackage(headers: fc.Arbitrary<string>): void {
    fc.assert(
      fc.property(headers, (header) => {
        const expected = parseCookie(header, { decode: (text) => text });
        expect(read(header, false)).toBe(expected['shop']);
        expect(read(header, true)).toBe(expected['__Host-shop']);
      }),
      { numRuns: 3000 },
    );
  }

  it.each([
    ['separators', ';'],
    ['equals signs', '='],
    ['empty pairs', '=;'],
    ['names', 'a;'],
    ['pairs', 'a=;'],
    ['blanks', ' '],
    ['blank pairs', ' \t;'],
    ['pairs with blanks', ' \t= \t;'],
    ['names like ours', 'shop '],
    ['pairs like ours', 'shops=x;'],
  ])('looks at each character of a header of %s a few times at most', (_, piece) => {
    const header = piece.repeat(16_384 / piece.length);

    for (const hostile of [header, `${header}=`, `${header};x=`, `=${header}`, `shop${header}`]) {
      expect(charactersReadOf(hostile)).toBeLessThan(hostile.length * 8);
    }
  });
});

/** How many characters reading looks at, however often. */
function charactersReadOf(header: string): number {
  let read = 0;
  const counting = {
    length: header.length,
    indexOf(part: string, from = 0) {
      const at = header.indexOf(part, from);
      read += (at === -1 ? header.length : at + 1) - Math.min(from, header.length);
      return at;
    },
    charCodeAt(at: number) {
      read += 1;
      return header.charCodeAt(at);
    },
    slice(from: number, to: number) {
      const part = header.slice(from, to);
      read += part.length;
      return part;
    },
  };
  cookie.read(counting as unknown as string, false);
  return read;
}

describe('writing the cookie', () => {
  const id = newSessionId();

  it('keeps it to this host, away from scripts and from other sites', () => {
    const written = cookie.write(id, true, NOW + 60, NOW);

    expect(written).toBe(
      `__Host-shop=${id}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60; Expires=Fri, 15 Jan 2027 08:01:00 GMT`,
    );
  });

  it('is not Secure over plain http, and has another name there', () => {
    const written = cookie.write(id, false, NOW + 60, NOW);

    expect(written).toBe(
      `shop=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Expires=Fri, 15 Jan 2027 08:01:00 GMT`,
    );
  });

  it('clears it with the same name and attributes', () => {
    const options = {
      path: '/shop',
      domain: 'example.org',
      secure: true,
      sameSite: 'none',
      partitioned: true,
    } as const;
    const special = new SessionCookie('shop', options);
    const attributes = 'Domain=example.org; Path=/shop; HttpOnly; Secure; Partitioned; SameSite=None';

    expect(special.write(id, true, NOW + 60, NOW)).toContain(`shop=${id}; ${attributes}; Max-Age=60;`);
    expect(special.clear(true)).toBe(
      `shop=; ${attributes}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`,
    );
  });

  it.each<[string, CookieOptions, boolean, string]>([
    ['the environment’s name over http', {}, false, 'shop'],
    ['a prefix over https', {}, true, '__Host-shop'],
    ['the name given', { name: 'sid' }, false, 'sid'],
    ['the name given with the prefix', { name: 'sid' }, true, '__Host-sid'],
    ['no prefix where a path is given', { path: '/shop' }, true, 'shop'],
    ['no prefix where a domain is given', { domain: 'example.org' }, true, 'shop'],
    ['no second prefix', { name: '__Secure-shop', secure: true }, true, '__Secure-shop'],
    ['no prefix where it is not to be Secure', { secure: false }, true, 'shop'],
    ['the prefix also behind a proxy that ends https', { secure: true }, false, '__Host-shop'],
  ])('uses %s', (_, options, https, name) => {
    const named = new SessionCookie('shop', options);

    expect(named.key(https)).toBe(name);
    expect(parseSetCookie(named.write(id, https, NOW + 60, NOW)).name).toBe(name);
    expect(parseSetCookie(named.clear(https)).name).toBe(name);
    expect(named.read(`${name}=abc`, https)?.id).toBe('abc');
  });

  it.each<CookieOptions>([
    { name: '__Host-shop', secure: true },
    { name: '__Secure-shop', secure: true, path: '/shop', domain: 'example.org' },
    { name: '__Http-shop', secure: true, path: '/shop' },
    { name: '__Host-Http-shop', secure: true, httpOnly: true },
    { sameSite: 'none', secure: true },
    { sameSite: 'strict', secure: false },
    { partitioned: true, secure: true },
    { partitioned: false },
    { expires: 0.5 },
    { expires: new Date(0) },
  ])('accepts %j', (options) => {
    expect(() => new SessionCookie('shop', options)).not.toThrow();
  });

  it.each<CookieOptions>([
    ...[
      '__Host-',
      '__Secure-',
      '__Http-',
      '__Host-Http-',
      '__host-',
      '__SECURE-',
      '__hTTP-',
      '__HOST-http-',
    ].flatMap((prefix) => [{ name: `${prefix}shop` }, { name: `${prefix}shop`, secure: false }]),
    ...['__Host-', '__host-', '__Host-Http-', '__HOST-HTTP-'].flatMap((prefix) => [
      { name: `${prefix}shop`, secure: true, path: '/shop' },
      { name: `${prefix}shop`, secure: true, domain: 'example.org' },
    ]),
    ...['__Http-', '__http-', '__Host-Http-', '__host-HTTP-'].map((prefix) => ({
      name: `${prefix}shop`,
      secure: true,
      httpOnly: false,
    })),
    { sameSite: 'none' },
    { sameSite: 'none', secure: false },
    { partitioned: true },
    { partitioned: true, secure: false },
    { path: '' },
    { path: 'shop' },
    { path: '/shop ' },
    { name: '' },
    { domain: 'exa mple.org' },
    { domain: 'example.org.' },
    { expires: 0 },
    { expires: -1 },
    { expires: NaN },
    { expires: new Date(NaN) },
    ...['90', '', 'Fri, 15 Jan 2027 08:00:00 GMT', null, {}, 1n].map((expires) => ({
      expires: expires as number,
    })),
  ])('refuses %j', refuses);

  it('accepts a name of 4,096 bytes with its value and prefix, and none of more', () => {
    const room = 4096 - id.length - '__Host-'.length;

    const longest = new SessionCookie('shop', { name: 'x'.repeat(room) });

    expect(longest.key(true).length + id.length).toBe(4096);
    refuses({ name: 'x'.repeat(room + 1) });
    expect(() => new SessionCookie('shop', { name: 'x'.repeat(room + 1), secure: false })).not.toThrow();
  });

  it('refuses a path or domain of over 1,024 bytes, which browsers ignore', () => {
    expect(() => new SessionCookie('shop', { path: `/${'x'.repeat(1023)}` })).not.toThrow();
    refuses({ path: `/${'x'.repeat(1024)}` });
    refuses({ domain: `${'x.'.repeat(510)}example.org` });
  });

  it.each<[string, (char: string) => CookieOptions]>([
    ['the name', (char) => ({ name: `a${char}b` })],
    ['the end of the name', (char) => ({ name: `a${char}` })],
    ['the path', (char) => ({ path: `/a${char}b` })],
    ['the end of the path', (char) => ({ path: `/${char}` })],
    ['the domain', (char) => ({ domain: `a${char}b.org` })],
    ['the end of the domain', (char) => ({ domain: `example.org${char}` })],
    ['sameSite', (char) => ({ sameSite: `lax${char}` as 'lax' })],
  ])('lets no byte in %s become another attribute, cookie or header', (_, options) => {
    for (let byte = 0; byte < 256; byte += 1) {
      const given = options(String.fromCharCode(byte));
      const written = writtenWith(given);
      if (written === undefined) continue;

      const { name, value, path, domain, sameSite, ...rest } = parseSetCookie(written);
      expect({ name, value, path, domain, sameSite }).toEqual({
        name: given.name ?? 'shop',
        value: id,
        path: given.path ?? '/',
        domain: given.domain,
        sameSite: 'lax',
      });
      expect(Object.keys(rest).toSorted()).toEqual(['expires', 'httpOnly', 'maxAge']);
      expect(written).toMatch(/^[\x20-\x7e]*$/);
      expect(written.split(';')).toHaveLength(domain === undefined ? 6 : 7);
    }
  });

  it.each<[string, (char: string) => CookieOptions]>([
    ['name', (char) => ({ name: `a${char}b` })],
    ['path', (char) => ({ path: `/a${char}b` })],
    ['domain', (char) => ({ domain: `a${char}b.org` })],
    ['sameSite', (char) => ({ sameSite: `lax${char}` as 'lax' })],
  ])('refuses control characters, semicolons and what is not ASCII in the %s', (_, options) => {
    for (const char of [
      '\0',
      '\t',
      '\n',
      '\r',
      '\r\n',
      ';',
      '\x7f',
      '\x80',
      '\xa0',
      '\xff',
      '\u0100',
      '\ud800',
    ]) {
      refuses(options(char));
    }
  });

  it('refuses naughty strings as names, or writes them as they are', () => {
    for (const text of naughtyStrings) {
      const written = writtenWith({ name: text });
      if (written !== undefined) expect(parseSetCookie(written)).toMatchObject({ name: text, value: id });
      if (!/^[\x21-\x7e]+$/.test(text) || /[;=]/.test(text)) expect(written).toBeUndefined();
    }
  });

  /** Undefined when the options are refused. */
  function writtenWith(options: CookieOptions): string | undefined {
    try {
      return new SessionCookie('shop', options).write(id, false, NOW + 60, NOW);
    } catch (error) {
      expect(error).toMatchObject({ code: 'BAD_COOKIE' });
      return undefined;
    }
  }
});

describe('the life of the cookie', () => {
  interface Life {
    readonly maxAge?: number;
    readonly expires?: Date;
  }

  function lifeOf(options: CookieOptions, expireTime: number, now = NOW): Life {
    return parseSetCookie(new SessionCookie('shop', options).write('id', false, expireTime, now));
  }

  it.each<[string, CookieOptions, number, number | undefined]>([
    ['ends with the session', {}, NOW + 3600, 3600],
    ['never ends before the session', {}, NOW + 59.001, 60],
    ['ends with the browser when the session has no fixed end', {}, Infinity, undefined],
    ['ends with the browser when told so', { expires: true }, NOW + 3600, undefined],
    ['lasts for 400 days when it is never to end', { expires: false }, NOW + 3600, 400 * DAY],
    ['lasts for 400 days at most', {}, NOW + 401 * DAY, 400 * DAY],
    ['lasts for 400 days at most, whatever is asked', { expires: 1e12 }, NOW + 60, 400 * DAY],
    ['lasts as many seconds as asked', { expires: 90 }, NOW + 60, 90],
    ['ends at the Date asked', { expires: new Date((NOW + 120) * 1000) }, NOW + 60, 120],
    ['is over when that Date is', { expires: new Date((NOW - 120) * 1000) }, NOW + 60, 0],
    ['is over when the session is', {}, NOW - 1, 0],
    [
      'lasts for 400 days at most, also until the last Date',
      { expires: new Date(8.64e15) },
      NOW + 60,
      400 * DAY,
    ],
  ])('%s', (_, options, expireTime, maxAge) => {
    const life = lifeOf(options, expireTime);

    expect(life.maxAge).toBe(maxAge);
    expect(life.expires?.getTime()).toBe(maxAge === undefined ? undefined : (NOW + maxAge) * 1000);
  });

  it.each<[boolean, CookieOptions]>([
    [true, {}],
    [false, { expires: true }],
    [false, { expires: false }],
    [false, { expires: 60 }],
    [false, { expires: new Date(0) }],
  ])('follows the session, %p, with %j', (follows, options) => {
    expect(new SessionCookie('shop', options).followsSession).toBe(follows);
  });

  it('says the same by Max-Age and by Expires, whatever the moment and the end', () => {
    const moment = fc.double({ min: 0, max: 4e9, noNaN: true });
    const length = fc.oneof(
      fc.double({ min: -1e5, max: 1e5, noNaN: true }),
      fc.double({ min: -1e12, max: 1e12, noNaN: true }),
    );
    const expires = fc.oneof(
      fc.constant(undefined),
      fc.constant(false),
      fc.double({ min: 0.001, max: 1e12, noNaN: true }),
      fc.date({ noInvalidDate: true }),
    );

    fc.assert(
      fc.property(moment, length, expires, (now, left, chosen) => {
        const options = chosen === undefined ? {} : { expires: chosen };
        const written = new SessionCookie('shop', options).write('id', false, now + left, now);
        const [, seconds = '', date = ''] = /; Max-Age=(\d+); Expires=(.+)$/.exec(written) ?? [];

        expect(date).toMatch(
          /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
        );
        expect(Number(seconds)).toBeLessThanOrEqual(400 * DAY);
        const apart = Date.parse(date) / 1000 - (now + Number(seconds));
        expect(apart).toBeGreaterThanOrEqual(0);
        expect(apart).toBeLessThanOrEqual(1);
        if (chosen !== undefined) return;
        expect(now + Number(seconds)).toBeGreaterThanOrEqual(Math.min(now + left, now + 400 * DAY));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('session_cookie_expires of Myghty', () => {
  const id = newSessionId();
  const lifeWith = (expires: Exclude<CookieOptions['expires'], undefined>, now = NOW) => {
    const written = new SessionCookie('shop', { expires }).write(id, false, NOW + 3600, now);
    return /HttpOnly; SameSite=Lax(.*)$/.exec(written)?.[1];
  };

  it('True: until the browser is closed, without any date', () => {
    expect(lifeWith(true)).toBe('');
  });

  it('False: never, which is 400 days from each Set-Cookie on', () => {
    expect(lifeWith(false)).toBe('; Max-Age=34560000; Expires=Sat, 19 Feb 2028 08:00:00 GMT');
    expect(lifeWith(false, NOW + DAY)).toBe('; Max-Age=34560000; Expires=Sun, 20 Feb 2028 08:00:00 GMT');
  });

  it('a datetime: a Date, until then whenever it is sent', () => {
    const date = new Date('2027-01-15T09:00:00Z');

    expect(lifeWith(date)).toBe('; Max-Age=3600; Expires=Fri, 15 Jan 2027 09:00:00 GMT');
    expect(lifeWith(date, NOW + 600)).toBe('; Max-Age=3000; Expires=Fri, 15 Jan 2027 09:00:00 GMT');
    expect(lifeWith(new Date('2029-01-01'))).toBe(
      '; Max-Age=34560000; Expires=Sat, 19 Feb 2028 08:00:00 GMT',
    );
  });

  it('a timedelta: seconds, from each Set-Cookie on', () => {
    expect(lifeWith(90)).toBe('; Max-Age=90; Expires=Fri, 15 Jan 2027 08:01:30 GMT');
    expect(lifeWith(90, NOW + 60)).toBe('; Max-Age=90; Expires=Fri, 15 Jan 2027 08:02:30 GMT');
  });

  it.each([400 * DAY, 400 * DAY + 1, 401 * DAY, 1e12, Number.MAX_VALUE, Infinity])(
    'a timedelta of %d seconds is 400 days at most',
    (seconds) => {
      expect(lifeWith(seconds)).toBe('; Max-Age=34560000; Expires=Sat, 19 Feb 2028 08:00:00 GMT');
    },
  );
});

describe('a cookie with a signer', () => {
  const secret = 'a secret for tests that has 32 bytes or more';
  const signer = new Signer('session cookie', secret);
  const signed = new SessionCookie('shop', {}, signer);
  const id = newSessionId();

  function valueOf(written: string): string {
    return parseSetCookie(written).value ?? '';
  }

  it('carries the id with a signature for its name, which it takes for the id', () => {
    for (const https of [true, false]) {
      const value = valueOf(signed.write(id, https, NOW + 60, NOW));

      expect(value).toBe(signer.sign(signed.key(https), id));
      expect(signed.read(`${signed.key(https)}=${value}`, https)).toEqual({ id, aged: false });
    }
  });

  it('does not let the value of http pass for that of https, nor that of another cookie', () => {
    const value = valueOf(signed.write(id, false, NOW + 60, NOW));

    expect(signed.read(`__Host-shop=${value}`, true)?.id).toBe('');
    expect(new SessionCookie('other', {}, signer).read(`other=${value}`, false)?.id).toBe('');
  });

  it('came with nobody’s id when it is not signed, and did not come at all when it did not', () => {
    expect(signed.read(`shop=${id}`, false)).toEqual({ id: '', aged: false });
    expect(signed.read('shop=', false)).toEqual({ id: '', aged: false });
    expect(signed.read('a=1', false)).toBeUndefined();
    expect(signed.read(undefined, false)).toBeUndefined();
  });

  it('leaves room for the signature in the 4,096 bytes', () => {
    const named = (length: number) => () =>
      new SessionCookie('shop', { name: 'x'.repeat(length), secure: false }, signer);

    expect(valueOf(signed.write(id, false, NOW + 60, NOW))).toHaveLength(87);
    expect(named(4096 - 87)).not.toThrow();
    expect(named(4096 - 86)).toThrow(expect.objectContaining({ code: 'BAD_COOKIE' }));
  });

  it('equals one with the same secrets only', () => {
    const others = [
      undefined,
      new Signer('session cookie', [secret, secret.toUpperCase()]),
      new Signer('other', secret),
    ];

    expect(signed.equals(new SessionCookie('shop', {}, new Signer('session cookie', secret)))).toBe(true);
    for (const other of others) {
      const made = new SessionCookie('shop', {}, other);
      expect([signed.equals(made), made.equals(signed)]).toEqual([false, false]);
    }
  });
});

describe('two cookies', () => {
  const date = new Date(NOW * 1000);

  it.each<[CookieOptions, CookieOptions]>([
    [{}, {}],
    [{}, { name: 'shop', path: '/', httpOnly: true, sameSite: 'lax', partitioned: false }],
    [{ expires: date }, { expires: new Date(date) }],
    [{ secure: true }, { secure: true, name: '__Host-shop' }],
  ])('with %j and %j are the same', (one, other) => {
    expect(new SessionCookie('shop', one).equals(new SessionCookie('shop', other))).toBe(true);
  });

  it.each<CookieOptions>([
    { name: 'other' },
    { path: '/shop' },
    { domain: 'example.org' },
    { secure: true },
    { secure: false },
    { httpOnly: false },
    { sameSite: 'strict' },
    { expires: true },
    { expires: false },
    { expires: 60 },
    { expires: date },
  ])('differ by %j', (options) => {
    expect(new SessionCookie('shop').equals(new SessionCookie('shop', options))).toBe(false);
    expect(new SessionCookie('shop', options).equals(new SessionCookie('shop'))).toBe(false);
  });
});
