import { afterAll, describe, expect, it } from '@jest/globals';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import { Carrier } from '../../src/stores/carrier.js';
import type { Commit, CommitResult, Driver, StoredSession } from '../../src/stores/driver.js';
import { EndHandlers } from '../../src/stores/end-handlers.js';
import { Manager } from '../../src/stores/manager.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { keyOf, type SessionKey } from '../../src/stores/session-id.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import { temporaryFolder } from '../support/processes.js';
import { type OneVisit, site, siteOn, TroubledDriver } from '../support/visits.js';

const folder = temporaryFolder();
const database = await SqliteDatabase.open({ database: folder.file('shop.db'), autoCreate: true });
const onSqlite = SqliteDriver.of(database, 'shop');
await onSqlite.createEnvironment();

afterAll(async () => {
  await database.close();
  folder.remove();
});

const FULL = new Error('The disk is full.');

/** The value of the cookie that leaves, '' for one that is cleared, undefined for none. */
function sentBy({ visit }: OneVisit): string | undefined {
  const { headers } = visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
  const line = headers.find(([name]) => name === 'Set-Cookie')?.[1];
  return line === undefined ? undefined : (/^shop=([^;]*)/.exec(line)?.[1] ?? line);
}

async function regenerated(shop: ReturnType<typeof site>, id: string, grace = 10): Promise<string> {
  const { manager, visit } = shop.visit(id);
  manager.regenerate({ grace });
  await visit.finish(true);
  return manager.sessionID;
}

describe('what happens while a save is under way', () => {
  it('a logout ends the session that lost the race for a new id', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.store.get('cart');
    const next = await regenerated(shop, id);

    one.manager.regenerate();
    void one.manager.save();
    one.manager.expire();
    await one.visit.finish(true);

    expect(await shop.stored(next)).toBeUndefined();
  });

  it('a logout ends the session whose new id could not be saved', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.manager.regenerate();
    shop.driver.failure = FULL;

    void one.manager.save();
    one.manager.expire();
    await one.visit.finish(true);

    expect(await shop.stored(id)).toBeUndefined();
  });

  it.each<[string, () => Driver]>([
    ['memory', () => new MemoryDriver()],
    ['sqlite', () => onSqlite],
  ])('load() waits for it, on %s', async (_, driver) => {
    const { manager, store } = siteOn(driver()).visit();
    store.set('cart', 'tea');

    void manager.save();

    expect(await manager.load()).toBe(true);
    expect(store.get('cart')).toBe('tea');
  });

  it('load() meets the changes of one that failed', async () => {
    const shop = site();
    const { manager, store, visit } = shop.visit(await shop.made({ visits: 0 }));
    store.increment('visits');
    shop.driver.failure = FULL;

    void manager.save();
    await expect(manager.load()).rejects.toMatchObject({ code: 'UNSAVED' });
    await visit.finish(true);

    expect(shop.visit(manager.sessionID).store.get('visits')).toBe(1);
  });

  it('a callback belongs to the session that the request has then', async () => {
    const shop = site();
    const ends: unknown[] = [];
    const { manager, store, visit } = shop.visit(await shop.made());
    store.set('cart', 'tea');

    void manager.save();
    manager.expire();
    store.set('cart', 'coffee');
    manager.notifyOnExpire((reason) => ends.push(reason));
    await visit.finish(true);
    expect(ends).toEqual([]);

    const logout = shop.visit(manager.sessionID);
    logout.manager.destroy();
    await logout.visit.finish(true);
    expect(ends).toEqual(['destroyed']);
  });

  it('a session that compareAndSet makes can be ended', async () => {
    const shop = site();
    const { manager, store, visit } = shop.visit();
    const id = manager.sessionID;

    const setting = store.compareAndSet('cart', undefined, 'tea');
    manager.expire();
    await visit.finish(true);

    expect(await setting).toBe(true);
    expect(await shop.stored(id)).toBeUndefined();
  });

  it('a second new id is the one that leaves', async () => {
    const shop = site();
    const id = await shop.made();
    const one = shop.visit(id);
    one.store.get('cart');
    await regenerated(shop, id);

    one.manager.regenerate();
    void one.manager.save();
    one.manager.regenerate({ grace: 0 });
    await one.visit.finish(true);

    expect(shop.visit(sentBy(one)).manager.created).toBe(false);
  });
});

describe('a failure after the commit', () => {
  it('does not apply it again: the next id cannot be looked up', async () => {
    class Driver extends TroubledDriver {
      fails = false;

      override load(key: SessionKey): Promise<StoredSession | undefined> {
        return this.fails ? Promise.reject(FULL) : super.load(key);
      }
    }
    const shop = siteOn(new Driver());
    const id = await shop.made({ visits: 0 });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    for (const { manager, store } of [one, other]) {
      store.increment('visits');
      manager.regenerate();
    }
    await one.visit.finish(true);
    shop.driver.fails = true;
    await other.visit.finish(true);
    shop.driver.fails = false;

    expect(shop.visit(one.manager.sessionID).store.get('visits')).toBe(2);
    expect([sentBy(other), shop.failures]).toEqual([undefined, [FULL]]);
  });

  it('does not undo what was done under a lock that cannot be given back', async () => {
    const shop = site();
    shop.driver.unlock = () => Promise.reject(FULL);
    const { manager, store, visit } = shop.visit(await shop.made());

    expect(await manager.withLock(() => (store.set('total', 1), 'done'))).toBe('done');
    await visit.finish(true);

    expect(shop.visit(manager.sessionID).store.get('total')).toBe(1);
    expect(shop.failures).toEqual([FULL]);
  });

  it('does not fail a request that only reads: its use cannot be recorded', async () => {
    class Driver extends TroubledDriver {
      override commit(commit: Commit): Promise<CommitResult> {
        return commit.create === undefined ? Promise.reject(FULL) : super.commit(commit);
      }
    }
    const shop = siteOn(new Driver(), { idle: 100 });
    const id = await shop.made({ cart: 'tea' });
    shop.clock.advance(50);
    const { store, visit } = shop.visit(id);

    expect(store.get('cart')).toBe('tea');
    await visit.finish(true);

    expect(shop.failures).toEqual([FULL]);
  });
});

describe('a cookie', () => {
  const byUrl = () =>
    new Carrier('shop', { id: (environ) => (environ as { HTTP_X_SID?: string }).HTTP_X_SID });

  it('is never given a session that came by the option id', async () => {
    const shop = site({ carrier: byUrl() });
    const id = await shop.made();
    const one = shop.visit(undefined, { HTTP_X_SID: id });
    one.manager.regenerate();
    one.manager.setExpire(shop.clock.now() + 500);
    await one.visit.finish(true);
    expect(sentBy(one)).toBeUndefined();

    const other = shop.visit(undefined, { HTTP_X_SID: one.manager.sessionID });
    other.manager.regenerate();
    await other.manager.save();
    other.manager.expire();
    await other.visit.finish(true);
    expect(sentBy(other)).toBeUndefined();
  });

  it('stays with its session when another one is loaded, and renewed, ended or found corrupt', async () => {
    const shop = site({ invalidateCorrupt: 'new' });
    const [own, second, third] = [await shop.made(), await shop.made(), await shop.made()];
    const keys = new Map([['cart', { kind: 'set', value: '{' } as const]]);
    const changes = new Map([['shop', { empty: false, keys }]]);
    await shop.driver.commit({ key: keyOf(third), now: shop.clock.now(), changes });
    const renewing = shop.visit(own);
    await renewing.manager.load(second);
    renewing.manager.regenerate();
    await renewing.visit.finish(true);
    const ending = shop.visit(own);
    await ending.manager.load(renewing.manager.sessionID);
    ending.manager.expire();
    await ending.visit.finish(true);
    const finding = shop.visit(own);
    await finding.manager.load(third);
    await finding.visit.finish(true);

    expect([renewing, ending, finding].map(sentBy)).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['got another id', undefined, false],
    ['got another id', 600, false],
    ['ended', undefined, true],
    ['ended', 600, true],
  ])('is not sent again for a session that %s meanwhile, with idle %p', async (_, idle, ends) => {
    const shop = site(idle === undefined ? {} : { idle });
    const id = await shop.made();
    shop.clock.advance(100);
    const one = shop.visit(id);
    one.manager.setCookie();
    const other = shop.visit(id);
    if (ends) other.manager.expire();
    else other.manager.regenerate({ grace: 0 });
    await other.visit.finish(true);

    await one.visit.finish(true);

    expect(sentBy(one)).toBeUndefined();
  });

  it('is sent again when nothing happened to its session', async () => {
    const shop = site();
    const one = shop.visit(await shop.made());

    one.manager.setCookie();
    await one.visit.finish(true);

    expect(sentBy(one)).toBe(one.manager.sessionID);
  });
});

describe.each<[string, () => Driver]>([
  ['memory', () => new MemoryDriver()],
  ['sqlite', () => onSqlite],
])('a lock, on %s', (_, driver) => {
  it('is no reason to make a session after a logout under it', async () => {
    const shop = siteOn(driver());
    const one = shop.visit(await shop.made());

    await one.manager.withLock(() => {
      one.manager.destroy();
    });
    await one.visit.finish(true);

    expect([sentBy(one), one.manager.created]).toEqual(['', true]);
  });

  it('is taken anew for the session that follows', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const one = shop.visit(id);
    await one.manager.lock();
    one.manager.invalidate();
    await one.manager.lock();
    await one.visit.finish(true);

    await shop.visit(one.manager.sessionID).manager.lock({ timeout: 0 });
  });

  it('saves a new session first, so that work that fails drops its own changes only', async () => {
    const shop = siteOn(driver());
    const { manager, store, visit } = shop.visit();
    store.set('before', 1);
    const failing = manager.withLock(() => {
      store.set('within', 1);
      throw FULL;
    });

    await expect(failing).rejects.toThrow(FULL);
    await visit.finish(true);

    expect(shop.visit(manager.sessionID).store.keys()).toEqual(['before']);
  });

  it('is lost when another had it while its lease was over, also when that has given it back', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ total: 0 });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    const addTo = ({ store }: OneVisit) => {
      store.set('total', (store.get('total') as number) + 1);
    };
    const late = one.manager.withLock(
      async () => {
        shop.clock.advance(2);
        await other.manager.withLock(() => {
          addTo(other);
        });
        addTo(one);
      },
      { lease: 1 },
    );

    await expect(late).rejects.toMatchObject({ code: 'LOCK_LOST' });

    expect(shop.visit(id).store.get('total')).toBe(1);
  });

  it('is kept by the outer of two', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const { manager, visit } = shop.visit(id);

    await manager.withLock(async () => {
      await manager.withLock(() => undefined);
      await expect(shop.visit(id).manager.lock({ timeout: 0 })).rejects.toThrow('lock');
    });
    await visit.finish(true);
  });

  it('that comes after the reply is given back', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const { manager, visit } = shop.visit(id);

    const locking = manager.lock();
    await visit.finish(true);

    await expect(locking).rejects.toMatchObject({ code: 'REPLY_SENT' });
    await shop.visit(id).manager.lock({ timeout: 0 });
  });
});

it.each([{ timeout: NaN }, { timeout: -1 }, { lease: 0 }])('lock() refuses %p', async (options) => {
  const shop = site();

  await expect(shop.visit(await shop.made()).manager.lock(options)).rejects.toMatchObject({
    code: 'BAD_LOCK',
  });
});

describe('an end handler', () => {
  it('of a layer that joins later hears too', async () => {
    const shop = site();
    const { manager, visit } = shop.visit();
    manager.store('shop').set('cart', 'tea');
    await manager.save();

    const inner = new Manager(visit, 'inner', new EndHandlers({ app: 'inner', onEnd: () => undefined }));
    inner.store('inner').set('name', 'Anna');
    await visit.finish(true);

    const { handlers } = (await shop.driver.load(keyOf(manager.sessionID))) ?? {};
    expect(handlers?.map(({ app }) => app)).toEqual(['inner']);
  });

  it('is not promised for a session that has ended meanwhile', async () => {
    const shop = site({ endHandlers: { handlers: { release: () => undefined } } });
    const id = await shop.made({ cart: 'tea' });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    one.store.get('cart');
    other.manager.destroy();
    await other.visit.finish(true);

    await expect(one.manager.notifyOnExpire('release')).rejects.toMatchObject({ code: 'NO_SESSION' });
  });
});

describe('a driver that cannot read at once', () => {
  it('has nothing recorded for a request that does not look', async () => {
    const honest = new MemoryDriver();
    const driver: Driver = {
      powers: honest.powers,
      completeEnvironment: () => honest.completeEnvironment(),
      createEnvironment: () => honest.createEnvironment(),
      removeEnvironment: () => honest.removeEnvironment(),
      load: (key) => honest.load(key),
      commit: (commit) => honest.commit(commit),
      end: (ending) => honest.end(ending),
      sweep: (sweep) => honest.sweep(sweep),
    };
    const shop = siteOn(driver, { idle: 100 });
    const id = await shop.made({ cart: 'tea' });
    shop.clock.advance(50);
    const { visit } = shop.visit(id);

    await visit.prepare();

    expect([visit.looked, visit.finish(true)]).toEqual([false, undefined]);
    const reading = shop.visit(id);
    await reading.visit.prepare();
    expect(reading.store.get('cart')).toBe('tea');
  });
});
