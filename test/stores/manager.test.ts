import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Carrier } from '../../src/stores/carrier.js';
import { SessionWarning } from '../../src/stores/errors.js';
import type { Manager } from '../../src/stores/manager.js';
import { isSessionId, newSessionId } from '../../src/stores/session-id.js';
import { site } from '../support/visits.js';

const shop = site();
const { clock } = shop;

describe('a manager without a session', () => {
  it('says so, and makes none by being asked or printed', () => {
    const { manager, visit } = shop.visit();

    expect(manager.created).toBe(true);
    expect(manager.error).toBeUndefined();
    expect(manager.outcome).toBe('unchanged');
    expect(manager.lifetime).toBe(3600);
    expect(manager.expireTime).toBe(clock.now() + 3600);
    expect(manager.key).toBe('shop');
    expect(manager.driver).toBe(shop.driver);
    expect([manager.cookieSessionID(), manager.cookieSessionID('none')]).toEqual(['', 'none']);
    expect([manager.responseHeaders, manager.sentHeaders]).toEqual([[], []]);
    inspect(manager, { showHidden: true, getters: true, depth: 0 });
    manager.destroy();
    manager.expire();
    manager.rollback();

    expect(visit.finish(true)).toBeUndefined();
  });

  it('makes one when its id is asked for', async () => {
    const { manager, visit } = shop.visit();

    expect(isSessionId(manager.sessionID)).toBe(true);
    expect(manager.sessionID).toBe(manager.sessionID);
    await visit.finish(true);

    expect(await shop.stored(manager.sessionID)).toEqual({});
    expect(manager.created).toBe(true);
  });

  it('saves nothing, at once', async () => {
    const { manager } = shop.visit();
    const before = shop.driver.commits.length;

    await manager.save();

    expect(shop.driver.commits).toHaveLength(before);
    expect(manager.outcome).toBe('unchanged');
  });
});

describe('create', () => {
  it('makes a session now, with a lifetime of its own', async () => {
    const { manager, visit } = shop.visit();

    manager.create({ expire: 60 });
    expect([manager.lifetime, manager.expireTime]).toEqual([60, clock.now() + 60]);
    await visit.finish(true);

    const later = shop.visit(manager.sessionID).manager;
    expect([later.created, later.lifetime, later.expireTime]).toEqual([false, 60, clock.now() + 60]);
  });

  it('is refused where there is a session', async () => {
    const fresh = shop.visit().manager;
    fresh.create();
    const known = shop.visit(await shop.made()).manager;
    const exists = expect.objectContaining({ code: 'SESSION_EXISTS' });

    for (const manager of [fresh, known]) {
      expect(() => {
        manager.create();
      }).toThrow(exists);
    }
  });

  it('takes any length above 0', () => {
    const { manager } = shop.visit();

    manager.create({ expire: 0.5 });

    expect(manager.expireTime).toBe(clock.now() + 0.5);
  });

  it.each([0, -1, NaN, '60' as unknown as number])('is refused with expire: %p', (expire) => {
    const { manager } = shop.visit();

    expect(() => {
      manager.create({ expire });
    }).toThrow(expect.objectContaining({ code: 'BAD_EXPIRE' }));
    expect(manager.responseHeaders).toEqual([]);
  });
});

describe('the reason why a cookie leads to no session', () => {
  it('is that there is none of that id', () => {
    const { manager } = shop.visit(newSessionId());

    expect(manager.error).toBe('The session does not exist: it has ended, or was never made here.');
  });

  it('is that it has expired', async () => {
    const id = await shop.made({ a: 1 });
    clock.advance(3600.5);

    const { manager, store } = shop.visit(id);

    expect(manager.error).toBe('The session has expired 1 s ago.');
    expect([manager.created, store.size]).toEqual([true, 0]);
  });

  it('is nothing where it leads to one', async () => {
    expect(shop.visit(await shop.made()).manager.error).toBeUndefined();
  });

  it('never holds the id', async () => {
    const ids = [newSessionId(), await shop.made()];
    clock.advance(4000);

    for (const id of ids) expect(shop.visit(id).manager.error).not.toContain(id);
  });
});

describe('load', () => {
  it('makes another session the current one', async () => {
    const [one, other] = [await shop.made({ a: 1 }), await shop.made({ a: 2 })];
    const { manager, store } = shop.visit(one);
    expect(store.get('a')).toBe(1);

    expect(await manager.load(other)).toBe(true);

    expect(store.get('a')).toBe(2);
    expect([manager.sessionID, manager.created]).toEqual([other, false]);
  });

  it('reads the session of the cookie again', async () => {
    const id = await shop.made({ a: 1 });
    const { manager, store } = shop.visit(id);
    expect(store.get('a')).toBe(1);
    const other = shop.visit(id);
    other.store.set('a', 2);
    await other.visit.finish(true);

    expect(await manager.load()).toBe(true);
    expect(store.get('a')).toBe(2);
  });

  it('finds nothing where the session has timed out meanwhile, and the request is as without one', async () => {
    const short = site({ idle: 10 });
    const { manager, store } = short.visit(await short.made({ a: 1 }));
    expect(store.get('a')).toBe(1);
    short.clock.advance(11);

    expect(await manager.load()).toBe(false);

    expect([manager.created, manager.wasInvalidated, store.size]).toEqual([true, true, 0]);
  });

  it.each(['', 'no id', newSessionId()])('answers false for %j, and says why', async (id) => {
    const { manager, store } = shop.visit(await shop.made({ a: 1 }));

    expect(await manager.load(id)).toBe(false);

    expect(manager.error).toMatch(/does not exist/);
    expect([manager.created, store.size]).toEqual([true, 0]);
  });

  it('is refused while there are changes', async () => {
    const { manager, store } = shop.visit(await shop.made());
    store.set('a', 1);

    await expect(manager.load()).rejects.toMatchObject({ code: 'UNSAVED' });
    manager.rollback();
    expect(await manager.load()).toBe(true);
  });
});

describe('exists and valid', () => {
  it('tell a live session from one that has expired and one that is not there', async () => {
    const id = await shop.made();
    const { manager } = shop.visit();
    expect([await manager.exists(id), await manager.valid(id)]).toEqual([true, true]);

    clock.advance(3600);
    expect([await manager.exists(id), await manager.valid(id)]).toEqual([true, false]);

    await manager.destroy({ sessionID: id });
    expect(await manager.exists(id)).toBe(false);
    await expect(manager.valid(id)).rejects.toMatchObject({ code: 'NO_SESSION' });
  });

  it('mean the current session by default', async () => {
    const { manager } = shop.visit(await shop.made());
    const stranger = shop.visit().manager;

    expect([await manager.exists(), await manager.valid(), await stranger.exists()]).toEqual([
      true,
      true,
      false,
    ]);
    await expect(stranger.valid()).rejects.toMatchObject({ code: 'NO_SESSION' });
  });
});

describe('setExpire', () => {
  it('moves the end of the session and its cookie', async () => {
    const id = await shop.made();
    const { manager, visit } = shop.visit(id);

    manager.setExpire(clock.now() + 100);
    await visit.finish(true);

    expect(manager.expireTime).toBe(clock.now() + 100);
    expect(manager.responseHeaders.at(-1)?.[1]).toContain(
      `shop=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=100;`,
    );
    expect(shop.visit(id).manager.expireTime).toBe(clock.now() + 100);
  });

  it('without a session is the end of the one that is made later', async () => {
    const { manager, store, visit } = shop.visit();

    manager.setExpire(clock.now() + 100);
    expect(manager.expireTime).toBe(clock.now() + 100);
    expect(visit.finish(true)).toBeUndefined();

    const other = shop.visit();
    other.manager.setExpire(clock.now() + 100);
    other.store.set('a', 1);
    await other.visit.finish(true);
    expect(shop.visit(other.manager.sessionID).manager.expireTime).toBe(clock.now() + 100);
    expect(store.size).toBe(0);
  });

  it('does not send a cookie that does not end with the session', async () => {
    const browser = site({ cookieOptions: { expires: true } });
    const { manager } = browser.visit(await browser.made());

    manager.setExpire(browser.clock.now() + 100);

    expect(manager.responseHeaders).toEqual([]);
  });

  it('is dropped by a rollback', async () => {
    const id = await shop.made();
    const { manager, visit } = shop.visit(id);
    const end = manager.expireTime;

    manager.setExpire(clock.now() + 100);
    manager.rollback();

    expect(manager.expireTime).toBe(end);
    manager.setCookie();
    expect(manager.responseHeaders.at(-1)?.[1]).toContain('Max-Age=3600;');
    await visit.finish(true);
    expect(shop.visit(id).manager.expireTime).toBe(end);
  });

  it('is dropped by a rollback also when compareAndSet committed something else before it', async () => {
    const { manager, store } = shop.visit(await shop.made({ visits: 1 }));
    const end = manager.expireTime;
    manager.setExpire(clock.now() + 100);

    await store.compareAndSet('visits', 1, 2);
    manager.rollback();

    expect(manager.expireTime).toBe(end);
  });

  it.each([-1, 0, NaN])('refuses a moment that is not in the future: now + %d', async (seconds) => {
    for (const { manager } of [shop.visit(await shop.made()), shop.visit()]) {
      const end = manager.expireTime;

      expect(() => {
        manager.setExpire(clock.now() + seconds);
      }).toThrow(expect.objectContaining({ code: 'EXPIRE_PAST' }));
      expect(manager.expireTime).toBe(end);
    }
  });

  it('by the id of the current session moves its end at once', async () => {
    const id = await shop.made();
    const { manager } = shop.visit(id);
    const end = clock.now() + 100;
    expect(manager.sessionID).toBe(id);

    await manager.setExpire(end, { sessionID: id });

    expect([manager.expireTime, shop.visit(id).manager.expireTime]).toEqual([end, end]);
    expect(manager.responseHeaders.at(-1)?.[1]).toContain('Max-Age=100;');
  });

  it('moves the end of another session', async () => {
    const id = await shop.made();

    await shop.visit().manager.setExpire(clock.now() + 100, { sessionID: id });

    expect(shop.visit(id).manager.expireTime).toBe(clock.now() + 100);
  });
});

describe('what names another session and is refused', () => {
  const past: [string, (manager: Manager, sessionID: string) => Promise<void>, string][] = [
    [
      'setExpire to the past',
      (manager, sessionID) => manager.setExpire(clock.now(), { sessionID }),
      'EXPIRE_PAST',
    ],
    ['setExpire to no moment', (manager, sessionID) => manager.setExpire(NaN, { sessionID }), 'EXPIRE_PAST'],
    ['destroy with values of others', (manager, sessionID) => manager.destroy({ sessionID }), 'OTHER_APPS'],
  ];

  it.each(past)('rejects and does not throw, also when it is the current one: %s', async (_, use, code) => {
    const { manager, visit } = shop.visit();
    manager.store('forum').set('name', 'Anna');
    await visit.finish(true);
    const { sessionID } = manager;

    for (const asking of [shop.visit().manager, shop.visit(sessionID).manager]) {
      const refused = use(asking, sessionID);
      await expect(refused).rejects.toMatchObject({ code });
    }
    expect(await shop.stored(sessionID)).toEqual({ forum: { name: '"Anna"' } });
  });

  it('setExpire rejects when there is no such session', async () => {
    const { manager } = shop.visit();

    for (const sessionID of [newSessionId(), 'no id']) {
      const moving = manager.setExpire(clock.now() + 60, { sessionID });
      await expect(moving).rejects.toMatchObject({ code: 'NO_SESSION' });
    }
  });
});

describe('destroy', () => {
  it('ends the session with all its values, and clears the cookie', async () => {
    const id = await shop.made({ a: 1 });
    const { manager, store, visit } = shop.visit(id);

    manager.destroy();
    expect([manager.created, store.size, manager.error]).toEqual([true, 0, undefined]);
    await visit.finish(true);

    expect(await shop.stored(id)).toBeUndefined();
    expect(manager.responseHeaders.at(-1)?.[1]).toMatch(/^shop=; .*Max-Age=0/);
  });

  it('warns when other applications hold values, also values of this very request', async () => {
    const { manager } = shop.visit(await shop.made({ a: 1 }));
    manager.store('forum').set('name', 'Anna');

    expect(() => {
      manager.destroy();
    }).toThrow(SessionWarning);
    expect(() => {
      manager.destroy();
    }).toThrow('Other applications hold values in this session: forum.');

    manager.store('forum').empty();
    manager.destroy();
    expect(manager.created).toBe(true);
  });

  it('does it all the same with ignoreWarning', async () => {
    const id = await shop.made();
    const { manager, visit } = shop.visit(id);
    manager.store('forum').set('name', 'Anna');

    manager.destroy({ ignoreWarning: true });
    await visit.finish(true);

    expect(await shop.stored(id)).toBeUndefined();
  });

  it('by the id of the current session ends it at once', async () => {
    const id = await shop.made({ a: 1 });
    const { manager, store } = shop.visit(id);
    expect(store.get('a')).toBe(1);

    await manager.destroy({ sessionID: id });

    expect(await shop.stored(id)).toBeUndefined();
    expect([manager.created, store.size]).toEqual([true, 0]);
  });

  it('by the id of another session asks first too, and does it with ignoreWarning', async () => {
    const other = shop.visit();
    other.manager.store('forum').set('name', 'Anna');
    await other.visit.finish(true);
    const { sessionID } = other.manager;
    const { manager } = shop.visit();

    await expect(manager.destroy({ sessionID })).rejects.toMatchObject({ code: 'OTHER_APPS' });
    await manager.destroy({ sessionID, ignoreWarning: true });

    expect(await shop.stored(sessionID)).toBeUndefined();
  });

  it('of a session that is not there does nothing', async () => {
    const { manager } = shop.visit();

    await manager.destroy({ sessionID: newSessionId() });
    await manager.destroy({ sessionID: 'no id' });

    expect(manager.responseHeaders).toEqual([]);
  });
});

describe('expire', () => {
  it('ends the session whoever holds values in it, and clears the cookie', async () => {
    const id = await shop.made({ a: 1 });
    const { manager, store, visit } = shop.visit(id);
    manager.store('forum').set('name', 'Anna');

    manager.expire();
    expect([manager.created, store.size]).toEqual([true, 0]);
    await visit.finish(true);

    expect(await shop.stored(id)).toBeUndefined();
    expect(manager.responseHeaders.at(-1)?.[1]).toMatch(/^shop=; .*Max-Age=0/);
  });
});

describe('cleanup', () => {
  it('removes what has ended between two moments, both included', async () => {
    const own = site();
    const start = own.clock.now();
    const ids: string[] = [];
    for (const length of [10, 20, 30, 40]) {
      const { manager, visit } = own.visit();
      manager.create({ expire: length });
      ids.push(manager.sessionID);
      await visit.finish(true);
    }
    const left = async () =>
      (await Promise.all(ids.map((id) => own.stored(id)))).map((one) => one !== undefined);
    const { manager } = own.visit();
    own.clock.advance(35);

    expect(await manager.cleanup({ min: start + 20, max: start + 20 })).toBe(1);
    expect(await left()).toEqual([true, false, true, true]);
    expect(await manager.cleanup()).toBe(2);
    expect(await left()).toEqual([false, false, false, true]);
    expect(await manager.cleanup({ max: own.clock.now() })).toBe(0);
  });

  it('warns of a moment in the future, and does it all the same when told so', async () => {
    const own = site();
    const id = await own.made();
    const { manager } = own.visit();
    const max = own.clock.now() + 10_000;

    await expect(manager.cleanup({ max })).rejects.toMatchObject({ code: 'CLEANUP_FUTURE' });
    expect(await own.stored(id)).toBeDefined();
    expect(await manager.cleanup({ max, ignoreWarning: true })).toBe(1);
    expect(await own.stored(id)).toBeUndefined();
  });
});

describe('the cookie', () => {
  it.each<[string, (manager: Manager, options?: { sendCookieHeaders: boolean }) => unknown, boolean]>([
    [
      'create',
      (manager, options) => {
        manager.create(options);
      },
      false,
    ],
    ['setCookie', (manager, options) => manager.setCookie(options), true],
    ['deleteCookie', (manager, options) => manager.deleteCookie(options), true],
    [
      'destroy',
      (manager, options) => {
        manager.destroy(options);
      },
      true,
    ],
  ])('of %s leaves with the reply, unless the application wants to send it', async (_, use, known) => {
    const leaving = async (options?: { sendCookieHeaders: boolean }) => {
      const { manager, visit } = shop.visit(known ? await shop.made() : undefined);
      use(manager, options);
      const [waiting] = manager.responseHeaders;
      const { headers } = visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
      return [waiting !== undefined, headers.some(([name]) => name === 'Set-Cookie')];
    };

    expect(await leaving()).toEqual([true, true]);
    expect(await leaving({ sendCookieHeaders: true })).toEqual([true, true]);
    expect(await leaving({ sendCookieHeaders: false })).toEqual([true, false]);
  });

  it('of a session that a change has made, moved or ended leaves with the reply', async () => {
    const shops = [shop.visit(), shop.visit(await shop.made()), shop.visit(await shop.made())];
    shops[0]?.store.set('a', 1);
    shops[1]?.manager.setExpire(clock.now() + 60);
    shops[2]?.manager.expire();

    for (const { visit } of shops) {
      const { headers } = visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
      expect(headers.map(([name]) => name)).toEqual(['Set-Cookie', 'Cache-Control']);
    }
  });
});

describe('the cookie by hand', () => {
  it('is there to be sent as soon as it is decided', () => {
    const { manager } = shop.visit();

    const header = manager.setCookie({ sendCookieHeaders: false });

    expect(header[1]).toContain(manager.sessionID);
    expect(manager.responseHeaders).toEqual([header]);
  });

  it('is forgotten by the browser while the session stays', async () => {
    const id = await shop.made({ a: 1 });
    const { manager, store, visit } = shop.visit(id);

    const header = manager.deleteCookie();

    expect(header[1]).toMatch(/^shop=; /);
    expect(store.get('a')).toBe(1);
    await visit.finish(true);
    expect(await shop.stored(id)).toEqual({ shop: { a: '1' } });
  });

  it('is read as it came, valid or not', () => {
    expect(shop.visit('no id').manager.cookieSessionID('none')).toBe('no id');
    expect(shop.visit('').manager.cookieSessionID('none')).toBe('');
  });

  it('has another name over https', () => {
    const { manager } = shop.visit(undefined, { 'tsgi.url_scheme': 'https' });

    expect(manager.key).toBe('__Host-shop');
  });
});

describe('delete', () => {
  it('removes the values of all applications at once, and keeps the session', async () => {
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.manager.store('forum').set('name', 'Anna');
    await one.manager.save();
    const { createdAt } = one.manager;
    one.store.set('total', 5);

    await one.manager.delete();
    expect([one.store.size, one.manager.store('forum').size]).toEqual([0, 0]);
    expect(await shop.stored(id)).toEqual({});
    one.store.set('cart', 'coffee');
    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { cart: '"coffee"' } });
    expect([one.manager.sessionID, one.manager.createdAt, one.manager.created]).toEqual([
      id,
      createdAt,
      false,
    ]);
  });

  it('removes what another request keeps by then too', async () => {
    const id = await shop.made({ cart: 'tea' });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    one.store.get('cart');
    other.manager.store('blog').set('title', 'x');
    await other.visit.finish(true);

    await one.manager.delete();
    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({});
  });

  it('is committed again when that failed, with what came after it', async () => {
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.store.get('cart');
    shop.driver.failure = new Error('The disk is full.');

    await expect(one.manager.delete()).rejects.toThrow('full');
    expect(one.store.size).toBe(0);
    one.store.set('total', 1);
    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { total: '1' } });
  });

  it('is undone by rollback() as long as it is not saved', async () => {
    const one = shop.visit(await shop.made({ cart: 'tea' }));
    one.store.get('cart');
    shop.driver.failure = new Error('The disk is full.');
    await expect(one.manager.delete()).rejects.toThrow('full');

    one.manager.rollback();

    expect(one.store.get('cart')).toBe('tea');
  });

  it('does nothing without a session', async () => {
    const { manager, visit } = shop.visit();

    await manager.delete();

    expect(visit.finish(true)).toBeUndefined();
  });
});

describe('invalidate', () => {
  it('ends the session, and the next use makes another with a cookie of its own', async () => {
    const id = await shop.made({ cart: 'tea' });
    const { manager, store, visit } = shop.visit(id);

    manager.invalidate();
    expect([manager.created, manager.wasInvalidated, store.get('cart')]).toEqual([true, true, undefined]);
    const next = manager.sessionID;
    await visit.finish(true);

    expect(next).not.toBe(id);
    expect(manager.responseHeaders.at(-1)?.[1]).toContain(next);
    expect([await shop.stored(id), await shop.stored(next)]).toEqual([undefined, {}]);
  });

  it('clears the cookie when no use follows', async () => {
    const { manager, visit } = shop.visit(await shop.made());

    manager.invalidate();
    await visit.finish(true);

    expect(manager.responseHeaders.at(-1)?.[1]).toMatch(/^shop=; .*Max-Age=0/);
  });
});

describe('secret', () => {
  it('tells whether ids travel signed, and never by what', () => {
    const secret = 'the own secret of the shop, 32 bytes or more';
    const { manager } = site({ carrier: new Carrier('shop', { secret }) }).visit();

    expect(manager.secret).toBe(true);
    expect(shop.visit().manager.secret).toBe(false);
    expect(inspect(manager, { showHidden: true, getters: true })).not.toContain(secret);
  });
});

describe('wasInvalidated', () => {
  it.each<[string, (id: string) => string | undefined, boolean]>([
    ['no cookie came', () => undefined, false],
    ['the session is live', (id) => id, false],
    ['the id is none of ours', () => newSessionId(), true],
    ['the cookie is no id', () => 'x', true],
  ])('when %s', async (_, cookie, expected) => {
    const { manager } = shop.visit(cookie(await shop.made()));

    expect(manager.wasInvalidated).toBe(expected);
  });

  it('when the session has timed out, and created with it', async () => {
    const short = site({ idle: 10 });
    const id = await short.made();
    short.clock.advance(11);

    const { manager } = short.visit(id);

    expect([manager.wasInvalidated, manager.created]).toEqual([true, true]);
    expect(manager.error).toMatch(/not used for too long/);
  });
});

describe('moments', () => {
  it('are those of the session, and now without one', async () => {
    const short = site({ idle: 100 });
    const made = short.clock.now();
    const id = await short.made();
    short.clock.advance(5);

    const { manager } = short.visit(id);
    expect([manager.createdAt, manager.accessed, manager.idle]).toEqual([made, made, 100]);
    const none = short.visit().manager;
    expect([none.createdAt, none.accessed, none.idle]).toEqual([made + 5, made + 5, 100]);
  });

  it('are kept with the session when the layer says something else later', async () => {
    const id = await site({ driver: shop.driver, clock, idle: 100 }).made();

    expect(shop.visit(id).manager.idle).toBe(100);
    expect(shop.visit().manager.idle).toBe(Infinity);
  });
});

describe('touch', () => {
  it('records a use that would not be written, also without idle', async () => {
    const id = await shop.made();
    clock.advance(5);
    const { manager, visit } = shop.visit(id);

    manager.touch();
    await visit.finish(true);

    expect(shop.visit(id).manager.accessed).toBe(clock.now());
  });

  it('does nothing without a session', () => {
    const { manager, visit } = shop.visit();

    manager.touch();

    expect(visit.finish(true)).toBeUndefined();
  });
});

describe('idle', () => {
  it('ends a session that is not used, and none that is only read', async () => {
    const short = site({ idle: 100, lifetime: Infinity });
    const id = await short.made({ cart: 'tea' });
    for (let i = 0; i < 20; i += 1) {
      short.clock.advance(99);
      const { store, manager, visit } = short.visit(id);
      expect(store.get('cart')).toBe('tea');
      await visit.finish(i % 2 === 0);
      expect(manager.outcome).toBe('unchanged');
    }

    short.clock.advance(110);

    expect(short.visit(id).manager.created).toBe(true);
  });

  it('never changes the cookie', async () => {
    const short = site({ idle: 100 });
    const id = await short.made();
    short.clock.advance(50);
    const { manager, visit } = short.visit(id);
    expect(manager.created).toBe(false);

    await visit.finish(true);

    expect(manager.responseHeaders).toEqual([]);
  });

  it('is no use to a request that does not look', async () => {
    const short = site({ idle: 100 });
    const id = await short.made();
    short.clock.advance(60);

    expect(short.visit(id).visit.finish(true)).toBeUndefined();

    short.clock.advance(50);
    expect(short.visit(id).manager.created).toBe(true);
  });

  it('does not revive a session that ended while a request used it', async () => {
    const short = site({ idle: 100 });
    const id = await short.made();
    short.clock.advance(60);
    const { manager, visit } = short.visit(id);
    expect(manager.created).toBe(false);
    await short.driver.removeEnvironment();

    await visit.finish(true);

    expect(await short.stored(id)).toBeUndefined();
    expect(manager.outcome).toBe('unchanged');
  });
});
