import { describe, expect, it } from '@jest/globals';
import type { Environ } from '../../src/app/environ.js';
import type { Header } from '../../src/app/headers.js';
import { text } from '../../src/app/reply.js';
import { Carrier, type CarrierOptions } from '../../src/stores/carrier.js';
import type { StoredSession } from '../../src/stores/driver.js';
import { SessionError } from '../../src/stores/errors.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { newSessionId, type SessionKey } from '../../src/stores/session-id.js';
import { request } from '../support/failing.js';
import { type OneVisit, type Site, site, siteOn } from '../support/visits.js';

const OLD = 'an old secret for tests, of 32 bytes or more';
const NEW = 'a new secret for tests, of 32 bytes or more';

const inQuery = (environ: Environ) => new URLSearchParams(environ.QUERY_STRING).get('sid') ?? undefined;
const inURL = { useCookies: false, id: inQuery };

function environ(parts: Record<string, unknown>): Environ {
  return request(parts).environ;
}

function cookieOf({ manager }: OneVisit): string {
  return manager.responseHeaders.at(-1)?.[1].split(';')[0] ?? '';
}

/** The Set-Cookie lines that leave with the reply of a visit that is over. */
async function sentBy({ visit }: OneVisit): Promise<string[]> {
  await visit.finish(true);
  return visit.cookies
    .applyTo(text(''))
    .headers.filter(([name]) => name === 'Set-Cookie')
    .map(([, line]) => line);
}

describe('options', () => {
  it.each<[string, unknown, string, string]>([
    ['no cookies and no id', { useCookies: false }, 'BAD_CARRIER', 'useCookies is false and there is no id'],
    ['useCookies in words', { useCookies: 'no' }, 'BAD_CARRIER', 'useCookies is neither true nor false'],
    ['useCookies that is null', { useCookies: null }, 'BAD_CARRIER', 'useCookies is neither true nor false'],
    ['an id that is no function', { id: 'abc' }, 'BAD_CARRIER', 'id is no function'],
    ['a secret that was to be there', { secret: undefined }, 'BAD_SECRET', 'secret is no string'],
    ['a short secret without cookies', { ...inURL, secret: 'short' }, 'BAD_SECRET', 'fewer than 32 bytes'],
    ['a cookie that no browser takes', { cookie: { path: 'x' } }, 'BAD_COOKIE', 'a path starts'],
  ])('are refused: %s', (_, options, code, message) => {
    const make = () => new Carrier('shop', options as CarrierOptions);

    expect(make).toThrow(SessionError);
    expect(make).toThrow(expect.objectContaining({ code }));
    expect(make).toThrow(new RegExp(message, 'i'));
  });
});

describe('reading the id of a request', () => {
  it('looks at the cookie alone by default, of https or http', () => {
    const carrier = new Carrier('shop');
    const cookies = { HTTP_COOKIE: 'shop=plain; __Host-shop=secure', QUERY_STRING: 'sid=x&shop=x' };

    expect(carrier.read(environ(cookies))).toEqual({ id: 'plain', aged: false, by: 'cookie' });
    expect(carrier.read(environ({ ...cookies, 'tsgi.url_scheme': 'https' }))?.id).toBe('secure');
    expect(carrier.read(environ({ QUERY_STRING: 'sid=x&shop=x' }))).toBeUndefined();
  });

  it('prefers what the option id answers, and else takes the cookie', () => {
    const carrier = new Carrier('shop', { id: inQuery });
    const HTTP_COOKIE = 'shop=c';

    expect(carrier.read(environ({ HTTP_COOKIE, QUERY_STRING: 'sid=q' }))).toMatchObject({
      id: 'q',
      by: 'id',
    });
    expect(carrier.read(environ({ HTTP_COOKIE, QUERY_STRING: 'sid=' }))).toMatchObject({ id: '', by: 'id' });
    expect(carrier.read(environ({ HTTP_COOKIE }))).toMatchObject({ id: 'c', by: 'cookie' });
    expect(carrier.read(environ({}))).toBeUndefined();
  });

  it('never looks at the cookie with useCookies: false', () => {
    const carrier = new Carrier('shop', inURL);

    expect(carrier.read(environ({ HTTP_COOKIE: 'shop=c' }))).toBeUndefined();
    expect(carrier.read(environ({ HTTP_COOKIE: 'shop=c', QUERY_STRING: 'sid=q' }))?.id).toBe('q');
  });

  it('takes null for nothing, and refuses what is no string', () => {
    const answers = (value: unknown) => new Carrier('shop', { id: () => value as string });

    expect(answers(null).read(environ({}))).toBeUndefined();
    for (const value of [1, {}, ['a'], Promise.resolve('a'), false]) {
      expect(() => answers(value).read(environ({}))).toThrow(
        expect.objectContaining({ code: 'BAD_CARRIER' }),
      );
    }
  });

  it('with a secret takes signed ids alone, signed for the place they come from', () => {
    const carrier = new Carrier('shop', { secret: NEW, id: inQuery });
    const id = newSessionId();
    const [, inCookie = ''] = /=(.*?);/.exec(carrier.cookie.write(id, false, Infinity, 0)) ?? [];
    const inLink = carrier.sign(id);
    const read = (value: string) => [
      carrier.read(environ({ HTTP_COOKIE: `shop=${value}` }))?.id,
      carrier.read(environ({ QUERY_STRING: `sid=${value}` }))?.id,
    ];

    expect(read(inCookie)).toEqual([id, '']);
    expect(read(inLink)).toEqual(['', id]);
    expect(read(id)).toEqual(['', '']);
  });

  it('says when an older secret has signed it', () => {
    const QUERY_STRING = `sid=${new Carrier('shop', { ...inURL, secret: OLD }).sign(newSessionId())}`;

    expect(new Carrier('shop', { ...inURL, secret: [NEW, OLD] }).read(environ({ QUERY_STRING }))?.aged).toBe(
      true,
    );
  });
});

describe('two carriers', () => {
  it.each<[CarrierOptions, CarrierOptions]>([
    [{}, { useCookies: true }],
    [{ secret: NEW }, { secret: [NEW] }],
    [{ ...inURL }, { ...inURL }],
  ])('with %j and %j are the same', (one, other) => {
    expect(new Carrier('shop', one).equals(new Carrier('shop', other))).toBe(true);
  });

  it.each<CarrierOptions>([
    { cookie: { name: 'other' } },
    { secret: NEW },
    { secret: [NEW, OLD] },
    { id: inQuery },
    { ...inURL },
  ])('differ by %j', (options) => {
    expect(new Carrier('shop').equals(new Carrier('shop', options))).toBe(false);
    expect(new Carrier('shop', options).equals(new Carrier('shop'))).toBe(false);
  });

  it('differ by the order of their secrets', () => {
    const one = new Carrier('shop', { secret: [NEW, OLD] });

    expect(one.equals(new Carrier('shop', { secret: [OLD, NEW] }))).toBe(false);
  });
});

describe('the reply', () => {
  const cookieless = new Carrier('shop', inURL);
  const both = new Carrier('shop', { id: inQuery });

  function dressed(
    carrier: Carrier,
    looked: boolean,
    byID = false,
    headers: readonly Header[] = [],
  ): string[] {
    const reply = carrier.dress({ status: '200 OK', headers, body: '' }, looked, byID);
    return reply.headers.map((header) => header.join(': '));
  }

  it('of a request that looked without cookies is not stored and tells nobody its address', () => {
    expect(dressed(cookieless, true)).toEqual(['Referrer-Policy: no-referrer', 'Cache-Control: no-store']);
  });

  it('of a request that did not look may be stored, but has the id in its address too', () => {
    expect(dressed(cookieless, false)).toEqual(['Referrer-Policy: no-referrer']);
  });

  it('of a session that the option id has led to says the same, and that it depends on the cookie', () => {
    expect(dressed(both, true, true)).toEqual([
      'Vary: Cookie',
      'Referrer-Policy: no-referrer',
      'Cache-Control: no-store',
    ]);
    expect(dressed(both, true, false)).toEqual(['Vary: Cookie']);
  });

  it.each<[Header[], string[]]>([
    [[['cache-control', 'public, max-age=60']], ['Cache-Control: no-store']],
    [[['Cache-Control', 'private']], ['Cache-Control: no-store']],
    [[['Cache-Control', 'max-age=0, No-Store']], ['Cache-Control: max-age=0, No-Store']],
    [[['Cache-Control', 'private="no-store"']], ['Cache-Control: no-store']],
    [
      [
        ['Cache-Control', 'public'],
        ['X-Other', 'kept'],
        ['cache-control', 'max-age=60'],
      ],
      ['Cache-Control: no-store', 'X-Other: kept'],
    ],
  ])('replaces weaker words about storing in %j', (headers, expected) => {
    const found = dressed(cookieless, true, false, headers);

    expect(found.filter((line) => !line.startsWith('Referrer-Policy'))).toEqual(
      expected.filter((line) => !line.startsWith('Referrer-Policy')),
    );
  });

  it('replaces weaker words about the address', () => {
    const headers: Header[] = [
      ['referrer-policy', 'unsafe-url'],
      ['Referrer-Policy', 'origin'],
    ];

    expect(dressed(cookieless, false, false, headers)).toEqual(['Referrer-Policy: no-referrer']);
  });
});

describe('a session without cookies', () => {
  const shop = site({ carrier: new Carrier('shop', { ...inURL, secret: NEW }) });
  const visitWith = (sid: string) => shop.visit(undefined, { QUERY_STRING: `sid=${sid}` });

  it('is found by its signed id, and by no other', async () => {
    const first = shop.visit();
    first.store.set('a', 1);
    const { signedID, sessionID } = first.manager;
    await first.visit.finish(true);

    expect(visitWith(signedID).store.get('a')).toBe(1);
    expect(visitWith(signedID).manager.sessionID).toBe(sessionID);
    for (const sid of [sessionID, '', `${signedID}x`, 'junk']) {
      const { manager } = visitWith(sid);
      expect(manager.created).toBe(true);
      expect(manager.error).toContain('does not exist');
    }
  });

  it('has the id itself as signed id without a secret', () => {
    const { manager } = site({ carrier: new Carrier('shop', inURL) }).visit();

    expect(manager.signedID).toBe(manager.sessionID);
  });

  it('sends no cookie, whatever becomes of it', async () => {
    const made = shop.visit();
    made.manager.create({ sendCookieHeaders: true });
    made.manager.setExpire(shop.clock.now() + 60);
    const { signedID } = made.manager;
    expect(made.manager.responseHeaders).toEqual([]);
    expect(await sentBy(made)).toEqual([]);

    const moved = visitWith(signedID);
    moved.manager.setExpire(shop.clock.now() + 90);
    expect(await sentBy(moved)).toEqual([]);

    const ended = visitWith(signedID);
    ended.manager.destroy({ sendCookieHeaders: true });
    expect(ended.manager.responseHeaders).toEqual([]);
    expect(await sentBy(ended)).toEqual([]);
    expect(visitWith(signedID).manager.created).toBe(true);
  });

  it('has no cookie to set or to clear by hand', () => {
    const { manager } = shop.visit();

    expect(() => manager.setCookie()).toThrow(expect.objectContaining({ code: 'NO_COOKIES' }));
    expect(() => manager.deleteCookie()).toThrow(expect.objectContaining({ code: 'NO_COOKIES' }));
    expect(manager.created).toBe(true);
    expect(manager.key).toBe('shop');
  });
});

describe('a session that the option id has led to, where cookies are used too', () => {
  async function shared(): Promise<{ shop: Site<MemoryDriver>; sid: string; own: string }> {
    const shop = siteOn(new MemoryDriver(), { carrier: new Carrier('shop', { id: inQuery }) });
    return { shop, sid: await shop.made({ who: 'somebody else' }), own: await shop.made({ who: 'me' }) };
  }

  it('never gets into the visitor’s cookie by itself, and takes none away', async () => {
    const { shop, sid, own } = await shared();
    const visits = [1, 2].map(() => shop.visit(own, { QUERY_STRING: `sid=${sid}` }));
    const [moved, ended] = visits as [OneVisit, OneVisit];

    expect(moved.store.get('who')).toBe('somebody else');
    moved.manager.setExpire(shop.clock.now() + 60);
    expect(await sentBy(moved)).toEqual([]);
    ended.manager.destroy();
    expect(await sentBy(ended)).toEqual([]);
    expect(shop.visit(own).store.get('who')).toBe('me');
  });

  it('gives way to a new one with a cookie when it has ended', async () => {
    const { shop, sid } = await shared();
    const visit = shop.visit(undefined, { QUERY_STRING: `sid=${sid}` });

    visit.manager.expire();
    visit.store.set('who', 'nobody');
    visit.manager.setExpire(shop.clock.now() + 60);

    const [line] = await sentBy(visit);
    expect(line).toContain(`shop=${visit.manager.sessionID};`);
    expect(line).toContain('Max-Age=60;');
  });

  it('is put into the cookie by hand', async () => {
    const { shop, sid } = await shared();
    const visit = shop.visit(undefined, { QUERY_STRING: `sid=${sid}` });

    visit.manager.setCookie();

    expect(await sentBy(visit)).toEqual([expect.stringContaining(`shop=${sid};`)]);
  });
});

describe('an id outside the cookie that an older secret has signed', () => {
  it.each([true, false])(
    'leads to its session and sends no cookie, with useCookies: %p',
    async (useCookies) => {
      const shop = site({ carrier: new Carrier('shop', { useCookies, id: inQuery, secret: [NEW, OLD] }) });
      const QUERY_STRING = `sid=${new Carrier('shop', { ...inURL, secret: OLD }).sign(await shop.made({ a: 1 }))}`;
      const visit = shop.visit(undefined, { QUERY_STRING });

      expect(visit.store.get('a')).toBe(1);
      expect(await sentBy(visit)).toEqual([]);
      expect(visit.manager.signedID).not.toBe(QUERY_STRING.slice(4));
    },
  );
});

/** Cannot read at once, as a database elsewhere cannot. */
class FarDriver extends MemoryDriver {
  override loadNow: never = undefined as never;

  override load(key: SessionKey): Promise<StoredSession | undefined> {
    return Promise.resolve(MemoryDriver.prototype.loadNow.call(this, key));
  }
}

describe.each<[string, () => MemoryDriver]>([
  ['read at once', () => new MemoryDriver()],
  ['read ahead', () => new FarDriver()],
])('a cookie that an older secret has signed, %s,', (_, makeDriver) => {
  async function rotated() {
    const driver = makeDriver();
    const before = siteOn(driver, { carrier: new Carrier('shop', { secret: OLD }) });
    const after = siteOn(driver, { carrier: new Carrier('shop', { secret: [NEW, OLD] }) });
    const first = before.visit();
    first.store.set('a', 1);
    const cookie = cookieOf(first);
    await first.visit.finish(true);
    const open = async (with_ = cookie, at = after) => {
      const made = at.visit(undefined, { HTTP_COOKIE: with_ });
      await made.visit.prepare();
      return made;
    };
    return { driver, before, after, cookie, open, id: first.manager.sessionID };
  }

  it('is sent anew by a request that looks, with the same id and end', async () => {
    const { open, id, after, cookie } = await rotated();
    after.clock.advance(100);
    const visit = await open();

    expect(visit.store.get('a')).toBe(1);
    const [line = ''] = await sentBy(visit);

    expect(line).toMatch(new RegExp(`^shop=${id}\\.[\\w-]{43}; .*Max-Age=3500;`));
    const [fresh = ''] = line.split(';');
    expect(fresh).not.toBe(cookie);
    const again = await open(fresh, siteOn(after.driver, { carrier: new Carrier('shop', { secret: NEW }) }));
    expect(again.store.get('a')).toBe(1);
    expect(await sentBy(again)).toEqual([]);
  });

  it('is sent once, with the request’s own change of it', async () => {
    const { open, after } = await rotated();
    const visit = await open();

    visit.manager.setExpire(after.clock.now() + 60);

    expect(await sentBy(visit)).toEqual([expect.stringContaining('Max-Age=60;')]);
  });

  it.each<[string, (visit: OneVisit) => void, RegExp[]]>([
    [
      'ends the session',
      ({ manager }) => {
        manager.destroy();
      },
      [/^shop=; .*Max-Age=0/],
    ],
    [
      'makes a new one after it',
      ({ manager }) => {
        manager.expire();
        manager.create({ expire: 7 });
      },
      [/Max-Age=7;/],
    ],
    [
      'clears the cookie',
      ({ manager }) => {
        manager.deleteCookie();
      },
      [/^shop=; .*Max-Age=0/],
    ],
  ])('gives way to the cookie of a request that %s', async (__, act, lines) => {
    const { open } = await rotated();
    const visit = await open();
    expect(visit.manager.created).toBe(false);

    act(visit);

    expect(await sentBy(visit)).toEqual(lines.map((line) => expect.stringMatching(line) as unknown));
  });

  it('is not sent when the session was ended meanwhile', async () => {
    const { open } = await rotated();
    const slow = await open();
    expect(slow.store.get('a')).toBe(1);
    const logout = await open();
    logout.manager.destroy();
    await logout.visit.finish(true);

    expect(await sentBy(slow)).toEqual([]);
  });

  it('is not sent when its session has ended, or was never there', async () => {
    const { open, after, before } = await rotated();
    const strange = before.visit();
    strange.manager.create();
    expect(await sentBy(await open(cookieOf(strange)))).toEqual([]);

    after.clock.advance(3600);
    const late = await open();
    expect(late.manager.created).toBe(true);
    expect(await sentBy(late)).toEqual([]);
  });

  it('waits for the next request when the storage fails', async () => {
    const { open, driver } = await rotated();
    const visit = await open();
    expect(visit.store.get('a')).toBe(1);
    driver.load = () => Promise.reject(new Error('the storage is gone'));

    expect(await sentBy(visit)).toEqual([]);
  });
});

describe('a cookie without a valid signature', () => {
  const shop = site({ carrier: new Carrier('shop', { secret: NEW }) });

  it('is an unknown session, and its id cannot be had from it', async () => {
    const id = await shop.made({ a: 1 });

    for (const value of [id, `${id}.`, `${id}.${'A'.repeat(43)}`]) {
      const { manager, store } = shop.visit(value);
      expect(store.get('a')).toBeUndefined();
      expect(manager.created).toBe(true);
      expect(manager.error).toBe('The session does not exist: it has ended, or was never made here.');
      expect(manager.cookieSessionID('none came')).toBe('');
      expect(await manager.load()).toBe(false);
      expect(manager.error).toContain('does not exist');
    }
    expect(shop.visit().manager.cookieSessionID('none came')).toBe('none came');
  });

  it('gets the id without the signature by a valid one', () => {
    const made = shop.visit();
    const { sessionID } = made.manager;
    const [, value] = cookieOf(made).split('=');

    expect(shop.visit(value).manager.cookieSessionID()).toBe(sessionID);
  });
});
