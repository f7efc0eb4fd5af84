import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Connection, Participant } from '../../src/database/connection.js';
import type { Driver } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { isSessionId, keyOf, newSessionId } from '../../src/stores/session-id.js';
import { Visit } from '../../src/stores/visit.js';
import { request } from '../support/failing.js';
import { type OneVisit, site, siteOn } from '../support/visits.js';

const FULL = new Error('The disk is full.');

function cookieOf({ manager }: OneVisit): string | undefined {
  return manager.responseHeaders.at(-1)?.[1].split(';')[0];
}

describe('a visit that changes nothing', () => {
  it('has nothing to wait for, whether it looked or not', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const [idle, reading, stranger] = [shop.visit(id), shop.visit(id), shop.visit()];

    expect(reading.store.get('cart')).toBe('tea');
    expect(stranger.store.get('cart')).toBeUndefined();

    for (const { visit, manager } of [idle, reading, stranger]) {
      expect(visit.finish(true)).toBeUndefined();
      expect(manager.outcome).toBe('unchanged');
      expect(manager.responseHeaders).toEqual([]);
    }
    expect([idle.visit.looked, reading.visit.looked, stranger.visit.looked]).toEqual([false, true, true]);
  });

  it.each(['', 'x', 'short', 'ä'.repeat(43), `${'A'.repeat(43)}=`])(
    'does not look up a cookie that is no id: %j',
    (value) => {
      const driver = new MemoryDriver();
      driver.loadNow = () => {
        throw new Error('looked up');
      };
      const { manager } = siteOn(driver).visit(value);

      expect(manager.created).toBe(true);
      expect(manager.error).toMatch(/does not exist/);
    },
  );

  it('fails at every look when the storage does', () => {
    const driver = new MemoryDriver();
    driver.loadNow = () => {
      throw FULL;
    };
    const { store } = siteOn(driver).visit(newSessionId());

    expect(() => store.get('cart')).toThrow(FULL);
    expect(() => store.get('cart')).toThrow(FULL);
  });
});

describe('two visits of one session', () => {
  it('keep both of two keys that they set', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const [one, other] = [shop.visit(id), shop.visit(id)];

    one.store.set('total', 1);
    other.store.set('cart', 'coffee');
    await Promise.all([one.visit.finish(true), other.visit.finish(true)]);

    expect(await shop.stored(id)).toEqual({ shop: { cart: '"coffee"', total: '1' } });
  });

  it('count both of two increments, and see their own', async () => {
    const shop = site();
    const id = await shop.made({ visits: 1 });
    const [one, other] = [shop.visit(id), shop.visit(id)];

    expect([one.store.increment('visits'), other.store.increment('visits', 10)]).toEqual([2, 11]);
    await Promise.all([one.visit.finish(true), other.visit.finish(true)]);

    expect(await shop.stored(id)).toEqual({ shop: { visits: '12' } });
  });

  it('the last of two that set one key wins', async () => {
    const shop = site();
    const id = await shop.made();
    const [one, other] = [shop.visit(id), shop.visit(id)];

    one.store.set('cart', 'tea');
    other.store.set('cart', 'coffee');
    await other.visit.finish(true);
    await one.visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { cart: '"tea"' } });
  });

  it('never revive what one of them ends, and the late one sends no cookie', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const [leaving, late] = [shop.visit(id), shop.visit(id)];

    late.store.set('cart', 'coffee');
    late.manager.setExpire(shop.clock.now() + 100);
    leaving.manager.destroy();
    await leaving.visit.finish(true);
    await late.visit.finish(true);

    expect(await shop.stored(id)).toBeUndefined();
    expect([leaving.manager.outcome, late.manager.outcome]).toEqual(['committed', 'dropped']);
    expect(late.visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' }).headers).toEqual([]);
  });
});

describe('a commit that fails', () => {
  it('rejects with its error, and what it would have changed goes with the next one', async () => {
    const shop = site();
    const id = await shop.made({ visits: 1 });
    const { visit, manager, store } = shop.visit(id);
    store.increment('visits');

    shop.driver.failure = FULL;
    await expect(manager.save()).rejects.toBe(FULL);
    expect(manager.outcome).toBe('unchanged');
    store.set('cart', 'tea');
    await visit.finish(true);

    expect(await shop.stored(id)).toEqual({ shop: { visits: '2', cart: '"tea"' } });
    expect(manager.outcome).toBe('committed');
  });

  it('drops what it would have changed when that is rolled back', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const { visit, manager, store } = shop.visit(id);
    const end = manager.expireTime;
    store.set('cart', 'coffee');
    manager.setExpire(end + 1000);

    shop.driver.failure = FULL;
    await expect(manager.save()).rejects.toBe(FULL);
    manager.rollback();

    expect(store.get('cart')).toBe('tea');
    expect(manager.expireTime).toBe(end);
    expect(manager.responseHeaders).toEqual([]);
    expect(visit.finish(true)).toBeUndefined();
  });

  it('leaves a session that was to be made for the next one, with its cookie', async () => {
    const shop = site();
    const first = shop.visit();
    first.store.set('cart', 'tea');

    shop.driver.failure = FULL;
    await expect(first.manager.save()).rejects.toBe(FULL);
    await first.visit.finish(true);

    expect(await shop.stored(first.manager.sessionID)).toEqual({ shop: { cart: '"tea"' } });
    expect(cookieOf(first)).toBe(`shop=${first.manager.sessionID}`);
  });

  it('does not take back the cookie of a session that was made before it', async () => {
    const shop = site();
    const first = shop.visit();
    first.store.set('cart', 'tea');
    await first.manager.save();
    first.store.set('cart', 'coffee');

    shop.driver.failure = FULL;
    await expect(first.manager.save()).rejects.toBe(FULL);
    await first.visit.finish(false);

    expect(cookieOf(first)).toBe(`shop=${first.manager.sessionID}`);
    expect(await shop.stored(first.manager.sessionID)).toEqual({ shop: { cart: '"tea"' } });
  });

  it('leaves an ending for the next one', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const { visit, manager } = shop.visit(id);
    manager.destroy();

    shop.driver.failure = FULL;
    await expect(manager.save()).rejects.toBe(FULL);
    await visit.finish(false);

    expect(await shop.stored(id)).toBeUndefined();
  });

  it('loses and doubles nothing, whatever is done around it', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const deed = fc.oneof(
      fc.tuple(fc.constantFrom('set', 'delete', 'increment'), key),
      fc.tuple(fc.constantFrom('empty', 'save', 'failing save', 'rollback'), fc.constant('')),
    );

    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 20 }), async (deeds) => {
        const shop = site();
        const id = await shop.made({ a: 1, b: 2 });
        const request = shop.visit(id);
        const picture = new Picture({ a: 1, b: 2 });

        for (const [kind, name] of deeds) {
          shop.driver.failure = kind === 'failing save' ? FULL : undefined;
          await doTo(request, kind, name);
          picture.do(kind, name);
          expect(new Map(request.store)).toEqual(picture.values);
        }
        shop.driver.failure = undefined;
        await request.visit.finish(true);

        const { shop: stored = {} } = (await shop.stored(id)) ?? {};
        expect(new Map(Object.entries(stored).map(([at, text]) => [at, Number(text)]))).toEqual(
          picture.values,
        );
      }),
      { numRuns: 300 },
    );
  });
});

/** What a request should see, and what should be stored when it ends. */
class Picture {
  values: Map<string, number>;
  #saved: ReadonlyMap<string, number>;

  constructor(values: Readonly<Record<string, number>>) {
    this.values = new Map(Object.entries(values));
    this.#saved = new Map(this.values);
  }

  do(kind: string, key: string): void {
    if (kind === 'set') this.values.set(key, 10);
    if (kind === 'delete') this.values.delete(key);
    if (kind === 'increment') this.values.set(key, (this.values.get(key) ?? 0) + 1);
    if (kind === 'empty') this.values.clear();
    if (kind === 'save') this.#saved = new Map(this.values);
    if (kind === 'rollback') this.values = new Map(this.#saved);
  }
}

async function doTo({ store, manager }: OneVisit, kind: string, key: string): Promise<void> {
  if (kind === 'set') store.set(key, 10);
  if (kind === 'delete') store.delete(key);
  if (kind === 'increment') store.increment(key);
  if (kind === 'empty') store.empty();
  if (kind === 'save') await manager.save();
  if (kind === 'failing save') await manager.save().catch(() => undefined);
  if (kind === 'rollback') manager.rollback();
}

describe('the outcome', () => {
  it.each<[boolean, string, Record<string, string> | undefined]>([
    [true, 'committed', { cart: '"coffee"' }],
    [false, 'dropped', { cart: '"tea"' }],
  ])('of changes that are kept, %p, is %s', async (keep, outcome, values) => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const { visit, manager, store } = shop.visit(id);

    store.set('cart', 'coffee');
    await visit.finish(keep);

    expect(manager.outcome).toBe(outcome);
    expect(await shop.stored(id)).toEqual({ shop: values });
  });

  it('of an ending is dropped when the session was ended elsewhere, and the browser is told nothing', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const visits = [shop.visit(id), shop.visit(id)];

    for (const { manager } of visits) manager.destroy();
    for (const { visit } of visits) await visit.finish(true);

    const lines = visits.map(({ visit }) =>
      visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' }),
    );
    expect(visits.map(({ manager }) => manager.outcome)).toEqual(['committed', 'dropped']);
    expect(lines.map(({ headers }) => headers.length > 0)).toEqual([true, false]);
  });

  it('of an ended session and one that is made after it was saved is committed, and the cookie leaves', async () => {
    const shop = site();
    const { visit, manager, store } = shop.visit(await shop.made({ cart: 'tea' }));

    manager.destroy();
    await manager.save();
    store.set('cart', 'coffee');
    await visit.finish(true);

    expect(manager.outcome).toBe('committed');
    const { headers } = visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
    expect(headers[0]?.[1]).toContain(manager.sessionID);
  });
});

describe('loading another session', () => {
  it('is refused when something was changed while it was read', async () => {
    const shop = site();
    const other = await shop.made({ a: 2 });
    const { manager, store } = shop.visit(await shop.made({ a: 1 }));

    const loading = manager.load(other);
    store.set('a', 3);

    await expect(loading).rejects.toMatchObject({ code: 'UNSAVED' });
    expect(store.get('a')).toBe(3);
  });

  it('is refused when the reply was given while it was read', async () => {
    const shop = site();
    const { visit, manager } = shop.visit();

    const loading = manager.load(await shop.made());
    void visit.finish(true);

    await expect(loading).rejects.toMatchObject({ code: 'REPLY_SENT' });
    expect(visit.looked).toBe(false);
  });

  it('never brings back one that this request has ended, committed or not', async () => {
    const shop = site();
    const id = await shop.made({ a: 1 });
    const { manager, store } = shop.visit(id);
    manager.destroy();

    expect(await manager.load(id)).toBe(false);
    await manager.save();
    expect(await manager.load(id)).toBe(false);

    expect(store.get('a')).toBeUndefined();
  });

  it('does not ask the driver for what is no id', async () => {
    const shop = site();
    const { manager, store } = shop.visit(await shop.made({ a: 1 }));
    expect(store.get('a')).toBe(1);
    shop.driver.load = () => Promise.reject(FULL);

    expect(await manager.load('no id')).toBe(false);

    expect([manager.created, store.size]).toEqual([true, 0]);
  });
});

describe('an end that was chosen before there was a session', () => {
  it('is that of the next session and of no other', async () => {
    const shop = site();
    const { manager, store } = shop.visit();
    const chosen = shop.clock.now() + 100;

    manager.setExpire(chosen);
    store.set('a', 1);
    expect(manager.expireTime).toBe(chosen);
    await manager.save();
    manager.expire();
    store.set('a', 2);

    expect(manager.expireTime).toBe(shop.clock.now() + 3600);
  });
});

describe('saves that overlap', () => {
  it('are over when all their parts are, also when one of them has failed before', async () => {
    const shop = site();
    const { manager, store } = shop.visit(await shop.made({ a: 1 }));
    shop.driver.end = () => Promise.reject(FULL);
    const go = shop.driver.hold();
    const seen: string[] = [];

    manager.destroy();
    store.set('b', 2);
    const saving = manager.save().catch((error: unknown) => seen.push(String(error)));
    await nextTurn();
    seen.push('the new session is committed');
    go();
    await saving;

    expect(seen).toEqual(['the new session is committed', String(FULL)]);
    expect(await shop.stored(manager.sessionID)).toEqual({ shop: { b: '2' } });
  });

  it('are committed one after the other, each with what came since', async () => {
    const shop = site();
    const id = await shop.made();
    const { visit, manager, store } = shop.visit(id);
    const commitsBefore = shop.driver.commits.length;
    const go = shop.driver.hold();

    store.set('a', 1);
    const first = manager.save();
    store.set('b', 2);
    const second = manager.save();
    store.set('c', 3);
    const last = visit.finish(true);
    go();
    await Promise.all([first, second, last]);

    const keys = shop.driver.commits
      .slice(commitsBefore)
      .map(({ changes }) => [...(changes.get('shop')?.keys.keys() ?? [])]);
    expect(keys).toEqual([['a'], ['b', 'c']]);
    expect(await shop.stored(id)).toEqual({ shop: { a: '1', b: '2', c: '3' } });
  });

  it('go on after one that failed, with what it has left', async () => {
    const shop = site();
    const id = await shop.made();
    const { visit, manager, store } = shop.visit(id);
    const go = shop.driver.hold();
    shop.driver.failure = FULL;

    store.increment('visits');
    const first = manager.save();
    store.increment('visits');
    const last = visit.finish(true);
    const failed = expect(first).rejects.toBe(FULL);
    go();
    await Promise.all([failed, last]);

    expect(await shop.stored(id)).toEqual({ shop: { visits: '2' } });
  });

  it('an ending waits for the save before it, and stays', async () => {
    const shop = site();
    const id = await shop.made();
    const { visit, manager, store } = shop.visit(id);
    const go = shop.driver.hold();

    store.set('a', 1);
    const saving = manager.save();
    manager.expire();
    const last = visit.finish(true);
    go();
    await Promise.all([saving, last]);

    expect(await shop.stored(id)).toBeUndefined();
  });

  it('keep a change of the end that came while the one before failed', async () => {
    const shop = site();
    const id = await shop.made();
    const { visit, manager, store } = shop.visit(id);
    const end = shop.clock.now() + 5000;
    const go = shop.driver.hold();
    shop.driver.failure = FULL;

    store.set('a', 1);
    const failed = expect(manager.save()).rejects.toBe(FULL);
    manager.setExpire(end);
    go();
    await failed;
    await visit.finish(true);

    expect((await shop.driver.load(keyOf(id)))?.expireTime).toBe(end);
  });
});

describe('a new session', () => {
  it('is made once for a visit, with an id of ours and its cookie at once', async () => {
    const shop = site();
    const visitor = shop.visit(newSessionId());

    visitor.store.set('a', 1);
    visitor.store.set('b', 2);
    const { sessionID } = visitor.manager;
    await visitor.visit.finish(true);

    expect(isSessionId(sessionID)).toBe(true);
    expect(cookieOf(visitor)).toBe(`shop=${sessionID}`);
    expect(visitor.manager.created).toBe(true);
    expect(shop.driver.commits).toHaveLength(1);
    expect(await shop.stored(sessionID)).toEqual({ shop: { a: '1', b: '2' } });
  });

  it('is dropped by a rollback before it was saved, with its cookie', () => {
    const shop = site();
    const visitor = shop.visit();
    visitor.store.set('a', 1);

    visitor.manager.rollback();

    expect(visitor.store.get('a')).toBeUndefined();
    expect(visitor.manager.responseHeaders).toEqual([]);
    expect(visitor.visit.finish(true)).toBeUndefined();
    expect(shop.driver.commits).toEqual([]);
  });

  it('after an ended one has another id, and its cookie replaces the one that clears', async () => {
    const shop = site();
    const id = await shop.made({ a: 1 });
    const visitor = shop.visit(id);

    visitor.manager.expire();
    expect(cookieOf(visitor)).toBe('shop=');
    expect(visitor.store.get('a')).toBeUndefined();
    visitor.store.set('a', 2);
    const { sessionID } = visitor.manager;
    await visitor.visit.finish(true);

    expect(sessionID).not.toBe(id);
    expect(cookieOf(visitor)).toBe(`shop=${sessionID}`);
    expect([await shop.stored(id), await shop.stored(sessionID)]).toEqual([undefined, { shop: { a: '2' } }]);
  });

  it('after an ended one is dropped by a failing reply, and the ended one stays ended', async () => {
    const shop = site();
    const id = await shop.made({ a: 1 });
    const visitor = shop.visit(id);

    visitor.manager.destroy();
    visitor.store.set('a', 2);
    await visitor.visit.finish(false);

    expect(await shop.stored(id)).toBeUndefined();
    expect(shop.driver.commits).toHaveLength(1);
    expect(cookieOf(visitor)).toBe('shop=');
    expect(visitor.manager.outcome).toBe('dropped');
  });

  it('that was never saved ends without a trace', () => {
    const shop = site();
    const visitor = shop.visit();
    visitor.store.set('a', 1);

    visitor.manager.destroy();

    expect(visitor.manager.responseHeaders).toEqual([]);
    expect(visitor.visit.finish(true)).toBeUndefined();
  });

  it('under an id that is taken is an error, and nothing is overwritten', async () => {
    const driver = new MemoryDriver();
    driver.commit = () => Promise.resolve('exists');
    const { visit, store } = siteOn(driver).visit();

    store.set('a', 1);

    await expect(visit.finish(true)).rejects.toMatchObject({ code: 'ID_TAKEN' });
  });
});

describe('after the visit is finished', () => {
  const shop = site();

  it.each<[string, (visit: OneVisit) => unknown]>([
    [
      'set',
      ({ store }) => {
        store.set('a', 1);
      },
    ],
    ['update', ({ store }) => store.update('a', () => 1)],
    ['increment', ({ store }) => store.increment('a')],
    [
      'empty',
      ({ store }) => {
        store.empty();
      },
    ],
    ['delete', ({ store }) => store.delete('cart')],
    [
      'create',
      ({ manager }) => {
        manager.create();
      },
    ],
    [
      'setExpire',
      ({ manager }) => {
        manager.setExpire(shop.clock.now() + 60);
      },
    ],
    [
      'destroy',
      ({ manager }) => {
        manager.destroy({ ignoreWarning: true });
      },
    ],
    [
      'expire',
      ({ manager }) => {
        manager.expire();
      },
    ],
    ['setCookie', ({ manager }) => manager.setCookie()],
    ['deleteCookie', ({ manager }) => manager.deleteCookie()],
  ])('%s throws REPLY_SENT', async (name, use) => {
    const visit = shop.visit(await shop.made({ cart: 'tea' }));
    if (name === 'create') visit.manager.expire();
    else visit.store.get('cart');
    await visit.visit.finish(true);

    expect(() => use(visit)).toThrow(expect.objectContaining({ code: 'REPLY_SENT' }));
  });

  it.each<[string, (visit: OneVisit) => unknown]>([
    [
      'set',
      ({ store }) => {
        store.set('a', 1);
      },
    ],
    [
      'create',
      ({ manager }) => {
        manager.create();
      },
    ],
    [
      'setExpire',
      ({ manager }) => {
        manager.setExpire(4e9);
      },
    ],
    [
      'destroy',
      ({ manager }) => {
        manager.destroy();
      },
    ],
    [
      'expire',
      ({ manager }) => {
        manager.expire();
      },
    ],
    ['sessionID', ({ manager }) => manager.sessionID],
  ])('%s throws REPLY_SENT where there is no session too', async (_, use) => {
    const visit = shop.visit();
    visit.store.get('cart');
    await visit.visit.finish(true);

    expect(() => use(visit)).toThrow(expect.objectContaining({ code: 'REPLY_SENT' }));
    expect(visit.manager.created).toBe(true);
  });

  it('setExpire throws REPLY_SENT also where it needs no cookie', async () => {
    const other = site({ cookieOptions: { expires: true } });
    const { visit, manager } = other.visit(await other.made());
    const end = manager.expireTime;
    await visit.finish(true);

    expect(() => {
      manager.setExpire(4e9);
    }).toThrow(expect.objectContaining({ code: 'REPLY_SENT' }));
    expect(manager.expireTime).toBe(end);
  });

  it('save fails with REPLY_SENT when something is left to save, and does nothing otherwise', async () => {
    const [failed, done] = [shop.visit(await shop.made()), shop.visit(await shop.made())];
    failed.store.set('a', 1);
    done.store.set('a', 1);
    await done.visit.finish(true);
    shop.driver.failure = FULL;
    await expect(failed.visit.finish(true)).rejects.toBe(FULL);

    await expect(failed.manager.save()).rejects.toMatchObject({ code: 'REPLY_SENT' });
    await done.manager.save();
  });

  it.each<[string, (visit: OneVisit) => Promise<unknown>]>([
    ['load', ({ manager }) => manager.load()],
    ['compareAndSet', ({ store }) => store.compareAndSet('a', undefined, 1)],
  ])('%s fails with REPLY_SENT', async (_, use) => {
    const visit = shop.visit(await shop.made({ cart: 'tea' }));
    visit.store.get('cart');
    await visit.visit.finish(true);

    const using = Promise.resolve().then(() => use(visit));

    await expect(using).rejects.toMatchObject({ code: 'REPLY_SENT' });
  });

  it('reading goes on where it was opened before, and is an error where it was not', async () => {
    const id = await shop.made({ cart: 'tea' });
    const [opened, unopened] = [shop.visit(id), shop.visit(id)];
    opened.store.get('other');
    for (const { visit } of [opened, unopened]) await visit.finish(true);

    expect(opened.store.get('cart')).toBe('tea');
    expect(opened.manager.sessionID).toBe(id);
    expect(() => unopened.store.get('cart')).toThrow(expect.objectContaining({ code: 'REPLY_SENT' }));
  });
});

describe('a visit with a connection', () => {
  /** The visit of a session whose cookie does not end with it, so that moving the end needs no cookie. */
  async function connected(sessionID?: string) {
    const participants: Participant[] = [];
    const open: string[] = [];
    const connection: Connection = {
      enlist: (participant) => void participants.push(participant),
      commit: () => Promise.resolve(),
      undoOpenTransaction: () => {
        const left = open.pop();
        if (left === 'stuck') throw new Error('stuck');
        return left !== undefined;
      },
      rollback: () => undefined,
    };
    const shop = site({ cookieOptions: { expires: true } });
    const { environ } = request({ HTTP_COOKIE: `shop=${sessionID ?? (await shop.made())}` });
    return { shop, visit: new Visit(shop.settings, environ, connection), participants, open };
  }

  it.each<[string, (visit: Visit) => unknown]>([
    ['uses the session', (visit) => visit.use()],
    [
      'moves its end',
      (visit) => {
        visit.setExpire(4e9);
      },
    ],
    ['queues its cookie', (visit) => visit.setCookie(true)],
  ])('joins its commit when it %s', async (_, use) => {
    const { visit, participants } = await connected();

    use(visit);

    expect(new Set(participants)).toEqual(new Set([visit]));
  });

  it('joins it when it makes a session', async () => {
    const { visit, participants } = await connected('');

    visit.make();

    expect(new Set(participants)).toEqual(new Set([visit]));
  });

  it('is not committed while a transaction is open that this request began by hand', async () => {
    const { visit, open } = await connected();
    visit.use().values('shop').set('a', '1');

    open.push('by hand');
    await expect(visit.save()).rejects.toMatchObject({ code: 'TRANSACTION_OPEN' });
    await visit.finish(true);

    expect(visit.outcome).toBe('committed');
  });

  it('gives its lock back although a transaction that was left open cannot be undone', async () => {
    const { shop, visit, open } = await connected();
    await visit.lock({});
    visit.use().values('shop').set('a', '1');

    open.push('stuck');
    await expect(visit.finish(true)).rejects.toThrow('stuck');

    const { manager } = shop.visit(visit.look()?.id);
    await manager.lock({ timeout: 0 });
  });

  it('does not join it when it only reads, or chooses the end of a session to be made', async () => {
    const reading = await connected();
    const choosing = await connected('');

    reading.visit.look();
    choosing.visit.setExpire(4e9);

    expect([...reading.participants, ...choosing.participants]).toEqual([]);
  });
});

describe('a driver that cannot read at once', () => {
  function asynchronous(): Driver & { loads: number } {
    const honest = new MemoryDriver();
    const driver = {
      loads: 0,
      powers: honest.powers,
      completeEnvironment: () => honest.completeEnvironment(),
      createEnvironment: () => honest.createEnvironment(),
      removeEnvironment: () => honest.removeEnvironment(),
      load: (key: Parameters<Driver['load']>[0]) => ((driver.loads += 1), honest.load(key)),
      commit: (commit: Parameters<Driver['commit']>[0]) => honest.commit(commit),
      end: (ending: Parameters<Driver['end']>[0]) => honest.end(ending),
      sweep: (sweep: Parameters<Driver['sweep']>[0]) => honest.sweep(sweep),
    };
    return driver;
  }

  it('is read before the application runs, once', async () => {
    const shop = siteOn(asynchronous());
    const id = await shop.made({ cart: 'tea' });
    const { visit, store } = shop.visit(id);

    await visit.prepare();

    expect([store.get('cart'), store.get('cart')]).toEqual(['tea', 'tea']);
    expect(shop.driver.loads).toBe(1);
  });

  it.each([undefined, '', 'no id'])('is not read for the cookie %j', (cookie) => {
    const shop = siteOn(asynchronous());
    const { visit, manager } = shop.visit(cookie);

    expect(visit.prepare()).toBeUndefined();
    expect(manager.created).toBe(true);
    expect(shop.driver.loads).toBe(0);
  });

  it('need not be read ahead when it can', async () => {
    const shop = site();

    expect(shop.visit(await shop.made()).visit.prepare()).toBeUndefined();
  });
});
