import { afterAll, describe, expect, it } from '@jest/globals';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Driver } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import { temporaryFolder } from '../support/processes.js';
import { siteOn } from '../support/visits.js';

const folder = temporaryFolder();
const database = await SqliteDatabase.open({ database: folder.file('shop.db'), autoCreate: true });
const onSqlite = SqliteDriver.of(database, 'shop');
await onSqlite.createEnvironment();

afterAll(async () => {
  await database.close();
  folder.remove();
});

describe.each<[string, () => Driver]>([
  ['memory', () => new MemoryDriver()],
  ['sqlite', () => onSqlite],
])('a lock, on %s', (_, driver) => {
  it('is waited for by others that ask for it, who then read what its owner saved', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ total: 1 });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock();
    expect(other.store.get('total')).toBe(1);
    const waiting = other.manager.lock();

    one.store.set('total', 2);
    await one.manager.unlock();
    await waiting;

    expect(other.store.get('total')).toBe(2);
    await other.visit.finish(true);
  });

  it('keeps nobody who does not ask from reading and writing', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ total: 1 });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock();

    other.store.set('cart', 'tea');
    await other.visit.finish(true);
    await one.visit.finish(true);

    expect(shop.visit(id).store.get('cart')).toBe('tea');
  });

  it('is given back at the end of the request, also of one that fails', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    for (const keep of [true, false, true]) {
      const { manager, visit } = shop.visit(id);
      await manager.lock({ timeout: 0 });
      await visit.finish(keep);
    }
  });

  it('is not waited for longer than was asked', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock();

    await expect(other.manager.lock({ timeout: 0.05 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
      status: 503,
    });
    await one.manager.unlock();
    await other.manager.lock({ timeout: 0 });
    await other.visit.finish(true);
  });

  it('ends with its lease, as when its process has ended', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock({ lease: 5 });

    shop.clock.advance(5);
    await other.manager.lock({ timeout: 0 });

    await other.visit.finish(true);
  });

  it('may be asked for again by who has it, for longer', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock({ lease: 5 });
    await one.manager.lock({ lease: 50 });
    shop.clock.advance(6);

    await expect(other.manager.lock({ timeout: 0 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    await one.visit.finish(true);
  });

  it('makes a session when there is none', async () => {
    const shop = siteOn(driver());
    const { manager, visit } = shop.visit();

    await manager.lock();
    await visit.finish(true);

    expect(shop.visit(manager.sessionID).manager.created).toBe(false);
  });

  it('is refused to changes that are not saved, which it would read over', async () => {
    const shop = siteOn(driver());
    const { manager, store } = shop.visit(await shop.made());
    store.set('total', 1);

    await expect(manager.lock()).rejects.toMatchObject({ code: 'UNSAVED' });

    await shop.visit(manager.sessionID).manager.lock({ timeout: 0 });
  });

  it('follows a session that gets another id', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const [one, other] = [shop.visit(id), shop.visit(id)];
    await one.manager.lock();
    one.manager.regenerate();
    await one.manager.save();

    await expect(shop.visit(one.manager.sessionID).manager.lock({ timeout: 0 })).rejects.toThrow('lock');
    await expect(other.manager.lock({ timeout: 0 })).rejects.toThrow('lock');
    await one.manager.unlock();
    await shop.visit(one.manager.sessionID).manager.lock({ timeout: 0 });
  });
});

describe('withLock', () => {
  it('runs one after the other what would be lost otherwise', async () => {
    const shop = siteOn(new MemoryDriver());
    const id = await shop.made({ total: 0 });
    const addOne = async () => {
      const { manager, store, visit } = shop.visit(id);
      const sum = await manager.withLock(async () => {
        const before = store.get('total') as number;
        await Promise.resolve();
        store.set('total', before + 1);
        return before + 1;
      });
      await visit.finish(true);
      return sum;
    };

    const sums = await Promise.all(Array.from({ length: 20 }, addOne));

    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(shop.visit(id).store.get('total')).toBe(20);
  });

  it('gives the lock back when the work fails, and saves nothing of it', async () => {
    const shop = siteOn(new MemoryDriver());
    const id = await shop.made({ total: 1 });
    const { manager, store, visit } = shop.visit(id);
    const failing = manager.withLock(() => {
      store.set('total', 2);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(shop.visit(id).store.get('total')).toBe(1);

    await shop.visit(id).manager.lock({ timeout: 0 });
    await visit.finish(true);

    expect(shop.visit(id).store.get('total')).toBe(1);
  });

  it('drops the changes of work that took longer than its lease, when another has the lock', async () => {
    const shop = siteOn(new MemoryDriver());
    const id = await shop.made({ total: 1 });
    const { manager, store } = shop.visit(id);
    const late = manager.withLock(
      async () => {
        store.set('total', 2);
        shop.clock.advance(5);
        await shop.visit(id).manager.lock({ timeout: 0 });
      },
      { lease: 5 },
    );

    await expect(late).rejects.toMatchObject({ code: 'LOCK_LOST', status: 503 });

    expect(shop.visit(id).store.get('total')).toBe(1);
  });

  it('needs a storage with locks', async () => {
    const driver = Object.assign(new MemoryDriver(), { lock: undefined });
    const { manager } = siteOn(driver).visit();

    await expect(manager.withLock(() => undefined)).rejects.toMatchObject({ code: 'NO_POWER' });
  });
});
