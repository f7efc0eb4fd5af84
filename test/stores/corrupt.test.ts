import { afterAll, describe, expect, it } from '@jest/globals';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Driver } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { keyOf } from '../../src/stores/session-id.js';
import type { InvalidateCorrupt } from '../../src/stores/settings.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import { temporaryFolder } from '../support/processes.js';
import { siteOn } from '../support/visits.js';

const folder = temporaryFolder();
const database = await SqliteDatabase.open({ database: folder.file('shop.db'), autoCreate: true });

afterAll(async () => {
  await database.close();
  folder.remove();
});

let environments = 0;

async function onSqlite(): Promise<Driver> {
  environments += 1;
  const driver = SqliteDriver.of(database, `shop${environments}`);
  await driver.createEnvironment();
  return driver;
}

/** A site with a session of three values, two of which cannot be decoded. */
async function damaged(driver: Driver, invalidateCorrupt: InvalidateCorrupt) {
  const shop = siteOn(driver, { invalidateCorrupt });
  const id = await shop.made({ cart: 'tea' });
  const broken = (...keys: string[]) => ({
    empty: false,
    keys: new Map(keys.map((key) => [key, { kind: 'set', value: `{${key}` } as const])),
  });
  const changes = new Map([
    ['shop', broken('total')],
    ['forum', broken('name')],
  ]);
  await driver.commit({ key: keyOf(id), now: shop.clock.now(), changes });
  return { shop, id };
}

describe.each<[string, () => Driver | Promise<Driver>]>([
  ['memory', () => new MemoryDriver()],
  ['sqlite', onSqlite],
])('a value that cannot be decoded, on %s', (_, driver) => {
  it('throws when it is read, and leaves the rest', async () => {
    const { shop, id } = await damaged(await driver(), 'throw');
    const { manager, store } = shop.visit(id);

    expect(() => store.get('total')).toThrow(expect.objectContaining({ code: 'CORRUPT_VALUE' }));
    expect([store.get('cart'), manager.created]).toEqual(['tea', false]);
  });

  it.each<InvalidateCorrupt>(['new', 'quarantine'])(
    'ends the session with %s, and a fresh one is made',
    async (mode) => {
      const { shop, id } = await damaged(await driver(), mode);
      const { manager, store, visit } = shop.visit(id);

      expect([store.get('total'), store.get('cart'), manager.created]).toEqual([undefined, undefined, true]);
      expect([manager.wasInvalidated, manager.error]).toEqual([
        true,
        expect.stringContaining('cannot be read'),
      ]);
      store.set('cart', 'coffee');
      await visit.finish(true);

      expect(manager.sessionID).not.toBe(id);
      expect(shop.visit(manager.sessionID).store.get('cart')).toBe('coffee');
      expect(await shop.stored(id)).toBeUndefined();
    },
  );

  it('has the cookie cleared when nothing is made in its place, also when the request fails', async () => {
    for (const keep of [true, false]) {
      const { shop, id } = await damaged(await driver(), 'new');
      const { manager, visit } = shop.visit(id);

      expect(manager.created).toBe(true);
      await visit.finish(keep);

      expect(manager.responseHeaders.at(-1)?.[1]).toMatch(/^shop=; .*Max-Age=0/);
      expect(await shop.stored(id)).toBeUndefined();
    }
  });

  it('is found in quarantine, and nothing else is', async () => {
    const { shop, id } = await damaged(await driver(), 'quarantine');
    const { manager, visit } = shop.visit(id);
    expect(manager.created).toBe(true);
    await visit.finish(true);

    const admin = shop.visit().manager;
    const [first, second] = await admin.quarantined();
    expect([first, second]).toEqual(
      expect.arrayContaining([
        { number: expect.any(Number), app: 'shop', key: 'total', value: '{total', foundAt: shop.clock.now() },
        { number: expect.any(Number), app: 'forum', key: 'name', value: '{name', foundAt: shop.clock.now() },
      ]),
    );
    expect(await admin.quarantined({ after: first?.number ?? 0, limit: 5 })).toEqual([second]);
    expect(await admin.clearQuarantine()).toBe(2);
    expect(await admin.quarantined()).toEqual([]);
  });

  it('is kept nowhere with new', async () => {
    const { shop, id } = await damaged(await driver(), 'new');
    const { manager, visit } = shop.visit(id);
    expect(manager.created).toBe(true);
    await visit.finish(true);

    expect(await shop.visit().manager.quarantined()).toEqual([]);
  });
});

it('needs a storage with a quarantine to be listed', async () => {
  const driver = Object.assign(new MemoryDriver(), { quarantined: undefined, clearQuarantine: undefined });
  const { manager } = siteOn(driver).visit();

  await expect(manager.quarantined()).rejects.toMatchObject({ code: 'NO_POWER' });
  await expect(manager.clearQuarantine()).rejects.toMatchObject({ code: 'NO_POWER' });
});
