import { afterAll, describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Driver } from '../../src/stores/driver.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import { keyOf } from '../../src/stores/session-id.js';
import { temporaryFolder } from '../support/processes.js';
import { type OneVisit, siteOn } from '../support/visits.js';

const folder = temporaryFolder();
const database = await SqliteDatabase.open({ database: folder.file('shop.db'), autoCreate: true });
const onSqlite = SqliteDriver.of(database, 'shop');
await onSqlite.createEnvironment();

afterAll(async () => {
  await database.close();
  folder.remove();
});

function cookieOf({ manager }: OneVisit): string | undefined {
  return manager.responseHeaders.at(-1)?.[1].split(';')[0]?.replace('shop=', '');
}

describe.each<[string, () => Driver]>([
  ['memory', () => new MemoryDriver()],
  ['sqlite', () => onSqlite],
])('regenerate, on %s', (_, driver) => {
  it('gives the session another id and keeps everything else', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    const { createdAt, expireTime } = one.manager;

    one.manager.regenerate();
    one.store.set('user', 'anna');
    const next = one.manager.sessionID;
    await one.visit.finish(true);

    expect(next).not.toBe(id);
    expect(cookieOf(one)).toBe(next);
    const later = shop.visit(next);
    expect([later.manager.created, ...later.store.items()]).toEqual([
      false,
      ['cart', 'tea'],
      ['user', 'anna'],
    ]);
    expect([later.manager.createdAt, later.manager.expireTime]).toEqual([createdAt, expireTime]);
  });

  it('lets the older id lead to the session for the grace, whose writes merge and whose cookie stays', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.manager.regenerate({ grace: 5 });
    await one.visit.finish(true);
    shop.clock.advance(4.9);

    const late = shop.visit(id);
    expect([late.manager.created, late.store.get('cart'), late.manager.sessionID]).toEqual([
      false,
      'tea',
      id,
    ]);
    late.store.set('total', 3);
    late.manager.setExpire(shop.clock.now() + 500);
    await late.visit.finish(true);

    const reply = late.visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
    expect(reply.headers).toEqual([]);
    expect(shop.visit(one.manager.sessionID).store.get('total')).toBe(3);
  });

  it('refuses the older id after the grace, and tells of its use', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    one.manager.regenerate({ grace: 5 });
    await one.visit.finish(true);
    shop.clock.advance(5);
    const told: unknown[] = [];
    const listen = (message: unknown) => told.push(message);
    subscribe('tsgi:session:reuse', listen);

    const late = shop.visit(id);
    expect([late.manager.created, late.manager.wasInvalidated, late.store.get('cart')]).toEqual([
      true,
      true,
      undefined,
    ]);
    unsubscribe('tsgi:session:reuse', listen);

    expect(late.manager.error).toMatch(/does not exist/);
    expect(told).toEqual([{ environment: 'shop', lateBy: 0 }]);
    expect(shop.visit(one.manager.sessionID).manager.created).toBe(false);
  });

  it('refuses the older id at once with no grace', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);

    one.manager.regenerate({ grace: 0 });
    await one.visit.finish(true);

    expect(shop.visit(id).manager.created).toBe(true);
    expect(shop.visit(one.manager.sessionID).manager.created).toBe(false);
  });

  it('of two at once lets the first win and gives the second its id, with the changes of both', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const [one, other] = [shop.visit(id), shop.visit(id)];

    for (const [i, { manager, store }] of [one, other].entries()) {
      manager.regenerate();
      store.set(`key ${i}`, i);
    }
    await Promise.all([one.visit.finish(true), other.visit.finish(true)]);

    expect(other.manager.sessionID).toBe(one.manager.sessionID);
    expect(cookieOf(other)).toBe(one.manager.sessionID);
    expect(shop.visit(one.manager.sessionID).store.keys().toSorted()).toEqual(['cart', 'key 0', 'key 1']);
  });

  it('of 50 at once leaves one id, however often the first was followed', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ visits: 0 });
    const visits = Array.from({ length: 50 }, () => shop.visit(id));
    for (const { manager, store } of visits) {
      store.increment('visits');
      manager.regenerate();
    }

    await Promise.all(visits.map(async ({ visit }) => visit.finish(true)));

    const ids = new Set(visits.map(({ manager }) => manager.sessionID));
    expect(ids.size).toBe(1);
    expect(shop.visit([...ids][0]).store.get('visits')).toBe(50);
  });

  it('gives a request with an older id in its grace the newest one when it regenerates too', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const first = shop.visit(id);
    first.manager.regenerate();
    await first.visit.finish(true);
    const second = shop.visit(first.manager.sessionID);
    second.manager.regenerate();
    await second.visit.finish(true);

    const late = shop.visit(id);
    late.manager.regenerate();
    expect(late.manager.sessionID).toBe(id);
    await late.visit.finish(true);

    expect(late.manager.sessionID).toBe(second.manager.sessionID);
    expect(cookieOf(late)).toBe(second.manager.sessionID);
  });

  it('ends a session by any of its ids', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const one = shop.visit(id);
    const inFlight = shop.visit(id);
    inFlight.store.get('cart');
    one.manager.regenerate();
    await one.visit.finish(true);

    inFlight.manager.expire();
    await inFlight.visit.finish(true);

    expect(shop.visit(one.manager.sessionID).manager.created).toBe(true);
    expect(shop.visit(id).manager.created).toBe(true);
  });

  it('is tried again when the commit failed, and dropped when the request fails', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const failing = shop.visit(id);

    failing.manager.regenerate();
    await failing.visit.finish(false);

    expect(cookieOf(failing)).toBeUndefined();
    expect(shop.visit(id).manager.created).toBe(false);
  });

  it('sends no cookie when the session has ended meanwhile', async () => {
    const shop = siteOn(driver());
    const id = await shop.made({ cart: 'tea' });
    const [one, other] = [shop.visit(id), shop.visit(id)];
    one.manager.regenerate();
    other.manager.destroy();
    await other.visit.finish(true);

    await one.visit.finish(true);

    expect(one.visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' }).headers).toEqual([]);
    expect(one.manager.outcome).toBe('dropped');
  });

  it('stores neither id, nor what leads from the one to the other', async () => {
    const shop = siteOn(driver());
    const id = await shop.made();
    const one = shop.visit(id);
    one.manager.regenerate();
    await one.visit.finish(true);

    const stored = JSON.stringify(await shop.driver.load(keyOf(id)));

    expect(stored).not.toContain(id);
    expect(stored).not.toContain(one.manager.sessionID);
  });

  it('does nothing without a session, or for one that is new', async () => {
    const shop = siteOn(driver());
    const { manager, visit } = shop.visit();

    manager.regenerate();
    expect(visit.finish(true)).toBeUndefined();

    const made = shop.visit();
    const id = made.manager.sessionID;
    made.manager.regenerate();
    expect(made.manager.sessionID).toBe(id);
    await made.visit.finish(true);
  });

  it.each([-1, NaN, '5'])('refuses a grace of %p', (grace) => {
    const { manager } = siteOn(driver()).visit();

    expect(() => {
      manager.regenerate({ grace: grace as number });
    }).toThrow(expect.objectContaining({ code: 'BAD_GRACE' }));
  });
});

it('is refused by a storage that cannot', () => {
  const driver = Object.assign(new MemoryDriver(), { powers: new Set() });
  const { manager } = siteOn(driver).visit();

  expect(() => {
    manager.regenerate();
  }).toThrow(expect.objectContaining({ code: 'NO_POWER' }));
});
