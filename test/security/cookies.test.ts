/**
 * What a session cookie has to hold to on the wire, as a numbered list made from RFC 6265, its revision (6265bis), OWASP
 * ASVS 5.0 and what other libraries got wrong. Every number has a test here.
 */
import type { IncomingMessage } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseSetCookie } from 'cookie';
import fc from 'fast-check';
import { session, text } from 'tsgi';
import { type Server, toListener } from '../../src/gateways/node.js';
import { type CookieOptions, SessionCookie } from '../../src/stores/cookie.js';
import { newSessionId } from '../../src/stores/session-id.js';
import { Signer } from '../../src/stores/signature.js';
import { temporaryFolder } from '../support/processes.js';
import { Servers } from '../support/servers.js';
import { ask, count, numbersTestedIn, SECRET, shop } from '../support/shop.js';

const NOW = 1_800_000_000;
const DAY = 86_400;
const LATIN1 = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

const servers = new Servers();
let folder = temporaryFolder();

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(async () => {
  await servers.close();
  folder.remove();
});

/** As behind a proxy that ends https: over plain sockets, with the name and attributes of https. */
async function open(options: Parameters<typeof shop>[1] = {}): Promise<{ server: Server; value: string }> {
  const server = await servers.start(shop(folder.file('shop.db'), { cookie: { secure: true }, ...options }));
  const { cookie } = await ask(server, '/sign-in');
  expect(cookie).toMatch(/^__Host-shop=[\w-]{43}/);
  return { server, value: cookie.slice('__Host-shop='.length) };
}

/** Whom a request with these Cookie lines belongs to. */
async function who(server: Server, ...cookies: string[]): Promise<string> {
  const { code, body } = await ask(server, '/', ...cookies.map((cookie) => `Cookie: ${cookie}`));
  expect([200, 400]).toContain(code); // 400: nothing that a header may hold
  return code === 200 ? body : 'refused';
}

function refusal(options: CookieOptions): unknown {
  try {
    new SessionCookie('shop', options);
    return undefined;
  } catch (error) {
    return error;
  }
}

const REFUSED = expect.objectContaining({ code: 'BAD_COOKIE' }) as unknown;

describe('what is sent', () => {
  it('36: is a __Host- cookie, Secure, HttpOnly, SameSite=Lax, Path=/ and without a Domain over https', async () => {
    const application = toListener(shop(folder.file('shop.db')));
    const secure = createServer(TLS, application).listen(0, '127.0.0.1');
    await once(secure, 'listening');

    const lines = await setCookiesOver((secure.address() as AddressInfo).port);
    await new Promise((resolve) => secure.close(resolve));
    await application.close();

    expect(lines).toHaveLength(1);
    expect(attributesOf(lines[0])).toEqual([
      'Expires',
      'HttpOnly',
      'Max-Age=86400',
      'Path=/',
      'SameSite=Lax',
      'Secure',
      '__Host-shop',
    ]);
  });

  it('36: is not Secure over plain http unless told so, and has another name there', async () => {
    const plain = await servers.start(shop(folder.file('shop.db')));
    const { server } = await open();

    expect(attributesOf((await ask(plain, '/sign-in')).values('Set-Cookie')[0])).toEqual([
      'Expires',
      'HttpOnly',
      'Max-Age=86400',
      'Path=/',
      'SameSite=Lax',
      'shop',
    ]);
    expect((await ask(server, '/sign-in')).values('Set-Cookie')[0]).toContain('; Secure;');
  });

  it('37: is never what browsers refuse: each such combination is refused when the layer is made', () => {
    const bad = impossible();

    expect(bad.length).toBeGreaterThanOrEqual(40);
    for (const cookie of bad) {
      expect([cookie, refusal(cookie)]).toEqual([cookie, REFUSED]);
      expect(() => session(() => text(''), { app: 'shop', cookie })).toThrow('The session cookie has');
    }
  });

  it('38: has no byte of an option become another attribute, another cookie or another header', () => {
    let taken = 0;
    for (const place of PLACES) {
      for (const char of LATIN1) {
        const options = place(char);
        if (refusal(options) !== undefined) {
          expect(refusal(options)).toEqual(REFUSED);
          continue;
        }
        taken += 1;
        const line = new SessionCookie('shop', options).write('id', false, NOW + 60, NOW);
        expect(line).toMatch(/^[ -~]+$/);
        expect(line.split(';')).toHaveLength(options.domain === undefined ? 6 : 7);
        expect(parseSetCookie(line)).toMatchObject({ ...options, name: options.name ?? 'shop', value: 'id' });
      }
    }
    expect(PLACES).toHaveLength(9);
    expect(taken).toBeGreaterThan(300); // letters and digits at least, where they may be
    for (const char of '\0\t\n\r;\x7f\x80\xff') {
      for (const place of PLACES) expect(refusal(place(char))).toEqual(REFUSED);
    }
  });

  it('39: has each attribute once, and there is one Set-Cookie of its name, the last', async () => {
    const { server, value } = await open();

    const answer = await ask(server, '/cookie', `Cookie: __Host-shop=${value}`);

    const [line = '', ...others] = answer.values('Set-Cookie');
    expect(others).toEqual([]);
    expect(line).toContain('Max-Age=86460;');
    const names = line.split(';').map((attribute) => attribute.split('=')[0]?.trim().toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });

  it('40: has at most 4,096 bytes of name and value, and 1,024 of an attribute', () => {
    const signer = new Signer('session cookie', SECRET);
    const named = (length: number, ...rest: [Signer?]) => {
      const cookie = new SessionCookie('shop', { name: 'x'.repeat(length), secure: false }, ...rest);
      return cookie.write(newSessionId(), true, NOW, NOW).split(';')[0]?.length;
    };

    expect(named(4096 - 43)).toBe(4097); // with the = between them, which does not count
    expect(() => named(4096 - 42)).toThrow('Shorten it');
    expect(named(4096 - 87, signer)).toBe(4097);
    expect(() => named(4096 - 86, signer)).toThrow('Shorten it');
    expect(refusal({ path: `/${'x'.repeat(1023)}` })).toBeUndefined();
    expect(refusal({ path: `/${'x'.repeat(1024)}` })).toEqual(REFUSED);
    expect(refusal({ domain: `${'x'.repeat(60)}.`.repeat(17) + 'org' })).toEqual(REFUSED);
  });

  it('41: says the same by Max-Age and Expires, as a date of HTTP, and never more than 400 days', () => {
    const end = fc.oneof(
      fc.double({ min: -1e12, max: 1e12, noNaN: true }),
      fc.integer({ min: -10, max: 10 }),
      fc.constantFrom(Infinity, -Infinity, Number.MAX_VALUE),
    );
    const expires = fc.oneof(
      fc.constantFrom(undefined, false, Infinity, Number.MIN_VALUE),
      fc.double({ min: 1e-9, max: 1e300, noNaN: true }),
      fc.date({ noInvalidDate: true }),
    );
    const now = fc.double({ min: 0, max: 4e9, noNaN: true });

    fc.assert(
      fc.property(now, end, expires, (moment, left, chosen) => {
        const cookie = new SessionCookie('shop', chosen === undefined ? {} : { expires: chosen });
        const line = cookie.write('id', false, moment + left, moment);
        const life = /; SameSite=Lax(?:; Max-Age=(\d+); Expires=(.*))?$/.exec(line);
        expect(life).not.toBeNull();
        const [, seconds, date = ''] = life ?? [];
        if (seconds === undefined) {
          expect([chosen, moment + left]).toEqual([undefined, Infinity]);
          return;
        }
        expect(Number(seconds)).toBeLessThanOrEqual(400 * DAY);
        expect(new Date(date).toUTCString()).toBe(date);
        const apart = Date.parse(date) / 1000 - (moment + Number(seconds));
        expect(apart).toBeGreaterThanOrEqual(0);
        expect(apart).toBeLessThanOrEqual(1);
      }),
      { numRuns: count(100_000, 10_000) },
    );
    for (const none of [NaN, 0, -1, -Infinity, new Date(NaN)])
      expect(refusal({ expires: none })).toEqual(REFUSED);
  });
});

describe('what is read', () => {
  it('42: has blanks and tabs taken off, and nothing else', async () => {
    const { server, value } = await open();
    const others = [
      '\u00a0',
      '\u00c2\u00a0',
      '\u00ef\u00bb\u00bf',
      '\v',
      '\f',
      '\u00ff',
      '\u0085',
      '"',
      '.',
      '%20',
    ];

    for (const blank of [' ', '\t', ' \t ', '']) {
      expect(await who(server, `${blank}__Host-shop${blank}=${blank}${value}${blank}; a=1`)).toBe('anna');
    }
    for (const other of others) {
      for (const name of [`${other}__Host-shop`, `__Host-shop${other}`]) {
        expect(await who(server, `${name}=${value}`)).toMatch(/^(?:nobody|refused)$/);
        expect(await who(server, `a=1;${name}=${value}`)).toMatch(/^(?:nobody|refused)$/);
      }
    }
  });

  it('43: is never decoded or mangled in its name: 0 of 10,000 forged names pass', async () => {
    const { server, value } = await open();
    const names = [
      '%5F%5FHost-shop',
      '..Host-shop',
      '__Host.shop',
      '__Host%2Dshop',
      '++Host-shop',
      '__Host_shop',
    ];
    const more = [
      '__Host-shop[]',
      '__Host-shop[0]',
      '__Host-shop%00',
      '[__Host-shop',
      '__Host shop',
      '  Host-shop',
    ];

    for (const name of [...names, ...more]) {
      expect(await who(server, `${name}=${value}`)).toBe('nobody');
      expect(await who(server, `${name}=evil; __Host-shop=${value}`)).toBe('anna');
    }
    const cookie = new SessionCookie('shop');
    const piece = fc.constantFrom(
      '__',
      '%5F',
      '_',
      '.',
      ' ',
      '+',
      'Host',
      'host',
      '-',
      '%2d',
      'shop',
      '=',
      '"',
      'é',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
        (name) => {
          const ours = /^ *__Host-shop *(?:=|$)/.test(name);
          expect(cookie.read(`${name}=x`, true) !== undefined).toBe(ours);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('44: is nothing that came without a name', async () => {
    const { server, value } = await open();

    for (const pair of [
      `=__Host-shop=${value}`,
      ` = __Host-shop=${value}`,
      '__Host-shop',
      `=${value}`,
      `;=;${value}`,
    ]) {
      expect(await who(server, pair)).toBe('nobody');
      expect(await who(server, `${pair}; __Host-shop=${value}`)).toBe('anna');
    }
  });

  it.each([undefined, SECRET])(
    '45: is the first of its name, whatever follows, with the secret %p',
    async (secret) => {
      const { server, value } = await open(secret === undefined ? {} : { secret });

      expect(await who(server, `__Host-shop=${value}; __Host-shop=junk`)).toBe('anna');
      expect(await who(server, `__Host-shop=junk; __Host-shop=${value}`)).toBe('nobody');
      expect(await who(server, `__Host-shop=; __Host-shop=${value}`)).toBe('nobody');
    },
  );

  it('46: has exactly its name: another case is another cookie', async () => {
    const { server, value } = await open();

    for (const name of [
      '__host-shop',
      '__HOST-shop',
      '__Host-Shop',
      '__Host-SHOP',
      'shop',
      '__Secure-shop',
    ]) {
      expect(await who(server, `${name}=${value}`)).toBe('nobody');
    }
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'prototype'])(
    '47: may be called %s, and is not there unless it was sent',
    async (name) => {
      const server = await servers.start(shop(folder.file('shop.db'), { cookie: { name } }));

      const { cookie } = await ask(server, '/sign-in');

      expect(cookie).toMatch(new RegExp(`^${name}=[\\w-]{43}$`));
      expect(await who(server, cookie)).toBe('anna');
      expect(await who(server, 'a=1')).toBe('nobody');
      expect((await ask(server, '/')).body).toBe('nobody');
      expect(({} as Record<string, unknown>)['who']).toBeUndefined();
    },
  );

  it('48: is found in each of several Cookie lines', async () => {
    const { server, value } = await open();
    const own = `__Host-shop=${value}`;

    for (const lines of [
      [own, 'a=1'],
      ['a=1', own],
      ['a=1', 'b=2', own, 'c=3'],
      ['', own],
      ['a', own],
      ['a=1;', own],
    ]) {
      expect(await who(server, ...lines)).toBe('anna');
    }
    expect(await who(server, '__Host-shop=junk', own)).toBe('nobody'); // the first counts here too
  });

  it('49: is taken as it came: quoted, encoded or broken values are nobody’s, and break nothing', async () => {
    const { server, value } = await open();
    const encoded = `%${value.charCodeAt(0).toString(16)}${value.slice(1)}`;
    const values = [
      '%',
      '%E0%A4%A',
      '%zz',
      '%00',
      '\\',
      '""',
      '"',
      `"${value}"`,
      encoded,
      `${value}%`,
      '\u00ff',
      'a b',
    ];

    for (const sent of values) {
      expect(await who(server, `__Host-shop=${sent}`)).toBe('nobody');
      expect(await who(server, `a=${sent}; __Host-shop=${value}`)).toBe('anna');
    }
    expect(servers.log.text).toBe('');
  });

  it('50: takes a time that grows with the length, and no more than 5 ms for what fits into a request', () => {
    const pieces = [
      ';',
      '=',
      'a=;',
      '=;',
      ' ',
      '\t;',
      '__Host-shop',
      '__Host-shop;',
      '__Host-sho=;',
      '"',
      '%',
      ' = ',
    ];
    const signed = new SessionCookie('shop', {}, new Signer('session cookie', SECRET));

    for (const cookie of [new SessionCookie('shop'), signed]) {
      for (const piece of pieces) {
        const header = (bytes: number) => `${piece.repeat(bytes / piece.length)}; __Host-shop=x`;
        const growth = () => timeOf(cookie, header(256 * 1024)) / timeOf(cookie, header(128 * 1024));

        expect(timeOf(cookie, header(16 * 1024))).toBeLessThan(5);
        expect(Math.min(growth(), growth(), growth())).toBeLessThan(2.5);
      }
    }
  });

  it('51: is found among 180 junk cookies, and a request with too many is refused at once with 431', async () => {
    const { server, value } = await open();
    const junk = (length: number) =>
      Array.from({ length: 180 }, (_, i) => `junk${i}=${'x'.repeat(length)}`).join('; ');

    expect(await who(server, `${junk(70)}; __Host-shop=${value}`)).toBe('anna');
    const started = performance.now();
    const bombed = await ask(server, '/', `Cookie: ${junk(90)}; __Host-shop=${value}`);

    expect(bombed.code).toBe(431);
    expect(bombed.body).toContain('Delete the cookies of this site');
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await who(server, `__Host-shop=${value}`)).toBe('anna');
  });
});

describe('this list', () => {
  it('has a test for every number from 36 to 51', () => {
    expect(numbersTestedIn(import.meta.url)).toEqual(Array.from({ length: 16 }, (_, i) => i + 36));
  });
});

/** Where a character can get into the cookie from. The value is an id of ours and is nobody's to choose. */
const PLACES: readonly ((char: string) => CookieOptions)[] = [
  (char) => ({ name: `${char}ab` }),
  (char) => ({ name: `a${char}b` }),
  (char) => ({ name: `ab${char}` }),
  (char) => ({ path: `/a${char}b` }),
  (char) => ({ path: `/ab${char}` }),
  (char) => ({ domain: `a${char}b.org` }),
  (char) => ({ domain: `ab.org${char}` }),
  (char) => ({ sameSite: `lax${char}` as 'lax' }),
  (char) => ({ expires: `60${char}` as unknown as number }),
];

function impossible(): CookieOptions[] {
  const prefixes = [
    '__Host-',
    '__Secure-',
    '__Http-',
    '__Host-Http-',
    '__host-',
    '__SECURE-',
    '__hTTp-',
    '__HOST-http-',
  ];
  const hosts = prefixes.filter((prefix) => /^__host/i.test(prefix));
  const https = prefixes.filter((prefix) => /http-$/i.test(prefix));
  return [
    ...prefixes.flatMap((prefix) => [{ name: `${prefix}shop` }, { name: `${prefix}shop`, secure: false }]),
    ...hosts.flatMap((prefix) => {
      const name = `${prefix}shop`;
      return [
        { name, secure: true, path: '/shop' },
        { name, secure: true, domain: 'example.org' },
        { name, secure: true, path: '/shop', domain: 'example.org' },
        { name, secure: true, path: '//' },
      ];
    }),
    ...https.map((prefix) => ({ name: `${prefix}shop`, secure: true, httpOnly: false })),
    { sameSite: 'none' },
    { sameSite: 'none', secure: false },
    { sameSite: 'none', partitioned: true },
    { partitioned: true },
    { partitioned: true, secure: false },
    { partitioned: true, sameSite: 'strict' },
    { path: '' },
    { path: 'shop' },
    { path: '/shop ' },
    { domain: 'exa mple.org' },
    { name: '' },
    { name: 'a=b' },
  ];
}

/** The best of a few: what the machine does besides is not counted. */
function timeOf(cookie: SessionCookie, header: string): number {
  let best = Infinity;
  for (let i = 0; i < 12; i += 1) {
    const before = performance.now();
    cookie.read(header, true);
    best = Math.min(best, performance.now() - before);
  }
  return best;
}

/** The name and the attributes, sorted; of Expires without its date. */
function attributesOf(line = ''): string[] {
  const [pair = '', ...attributes] = line.split('; ');
  const shown = attributes.map((attribute) => attribute.replace(/^Expires=[A-Z].* GMT$/, 'Expires'));
  return [pair.split('=')[0] ?? '', ...shown].toSorted();
}

const PSK = Buffer.alloc(32, 7);
const TLS = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', pskCallback: () => PSK } as const;

/** Signs in over TLS, which with a key known to both needs no certificate. */
async function setCookiesOver(port: number): Promise<string[]> {
  const options = {
    ...TLS,
    port,
    host: '127.0.0.1',
    path: '/sign-in',
    agent: false,
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk: PSK, identity: 'test' }),
  };
  const sent = httpsRequest(options).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.headers['set-cookie'] ?? [];
}
