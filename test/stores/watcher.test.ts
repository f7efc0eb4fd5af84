import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { keyOf } from '../../src/stores/session-id.js';
import { sweepAll } from '../../src/stores/sweeper.js';
import { type Site, site, siteOn, TroubledDriver } from '../support/visits.js';

const shortly = () => site({ idle: 50, lifetime: Infinity });

/** A session whose end is noted in the list. */
async function watched(shop: Site<TroubledDriver>, ends: unknown[] = []): Promise<string> {
  const { manager, visit } = shop.visit();
  manager.notifyOnExpire((reason) => ends.push(reason));
  await visit.finish(true);
  return manager.sessionID;
}

/** Lets time pass in steps, and what the timers start come to its end. */
async function pass(shop: Site<TroubledDriver>, seconds: number, step = seconds): Promise<void> {
  for (let passed = 0; passed < seconds; passed += step) {
    shop.clock.advance(step);
    for (let turns = 0; turns < 5; turns += 1) await nextTurn();
  }
}

async function use(shop: Site<TroubledDriver>, id: string): Promise<void> {
  const { manager, visit } = shop.visit(id);
  expect(manager.created).toBe(false);
  await visit.finish(true);
}

/** Gives the session an end in so many seconds, and tells the watcher. */
async function moveEnd(shop: Site<TroubledDriver>, id: string, left: number): Promise<void> {
  const end = shop.clock.now() + left;
  const { manager, visit } = shop.visit(id);
  manager.setExpire(end);
  await visit.finish(true);
  shop.settings.watcher.due(keyOf(id), end);
}

describe('a callback', () => {
  it('is called once at the end of the session, by the clock and without a sweep', async () => {
    const [shop, ends] = [shortly(), []];
    await watched(shop, ends);

    await pass(shop, 54.9);
    expect(ends).toEqual([]);
    await pass(shop, 0.2);
    await pass(shop, 5000, 100);

    expect(ends).toEqual(['idle']);
    expect(shop.clock.pending).toBe(0);
  });

  it('comes at the earlier end that this process gives the session, whatever it was to wait for', async () => {
    const [shop, ends] = [site({ lifetime: 100_000 }), []];
    const id = await watched(shop, ends);

    for (const left of [50_000, 5, 10]) await moveEnd(shop, id, left);
    await pass(shop, 5.1);
    expect(ends).toEqual([]);
    await pass(shop, 5);

    expect(ends).toEqual(['expired']);
    expect(shop.clock.pending).toBe(0);
  });

  it('comes at an end that was moved while the session was read', async () => {
    const [shop, ends] = [site({ lifetime: 100_000 }), []];
    const id = await watched(shop, ends);
    const load = shop.driver.load.bind(shop.driver);
    let read: () => void = () => undefined;
    shop.driver.load = async (key) => {
      const stored = await load(key);
      await new Promise<void>((resolve) => (read = resolve));
      return stored;
    };
    await pass(shop, 1800);

    shop.driver.load = load;
    await moveEnd(shop, id, 5);
    read();
    await nextTurn();
    await pass(shop, 5);

    expect(ends).toEqual(['expired']);
    expect(shop.clock.pending).toBe(0);
  });

  it('waits on while the session is used, also by another process', async () => {
    const [shop, ends] = [shortly(), []];
    const elsewhere = siteOn(shop.driver, { clock: shop.clock, idle: 50, lifetime: Infinity });
    const id = await watched(shop, ends);

    for (const user of [shop, elsewhere, shop, elsewhere]) {
      await pass(shop, 40);
      await use(user, id);
    }
    expect(ends).toEqual([]);
    await pass(shop, 55);

    expect(ends).toEqual(['idle']);
  });

  it.each<[string, (manager: ReturnType<Site<TroubledDriver>['visit']>['manager']) => void]>([
    [
      'expired',
      (manager) => {
        manager.expire();
      },
    ],
    [
      'destroyed',
      (manager) => {
        manager.destroy();
      },
    ],
    [
      'invalidated',
      (manager) => {
        manager.invalidate();
      },
    ],
  ])('is called at once when this process ends it: %s', async (reason, end) => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const id = await watched(shop, ends);
    const { manager, visit } = shop.visit(id);

    end(manager);
    expect(ends).toEqual([]);
    await visit.finish(true);

    expect(ends).toEqual([reason]);
    expect(shop.clock.pending).toBe(0);
  });

  it('is called without a reason when another process has ended it', async () => {
    const [shop, ends] = [shortly(), []];
    const id = await watched(shop, ends);
    await shop.driver.end({ key: keyOf(id), reason: 'destroyed', now: shop.clock.now() });

    await pass(shop, 55);

    expect(ends).toStrictEqual([undefined]);
  });

  it('is called when a sweep was first', async () => {
    const [shop, ends] = [shortly(), []];
    await watched(shop, ends);
    const later = shop.clock.now() + 60;
    await sweepAll(shop.driver, { from: 0, to: later, now: later });

    await pass(shop, 55);

    expect(ends).toStrictEqual([undefined]);
  });

  it('is called in time when this process has moved the end nearer', async () => {
    const [shop, ends] = [site({ lifetime: 5000 }), []];
    const { manager, visit } = shop.visit(await watched(shop, ends));
    manager.setExpire(shop.clock.now() + 5);
    await visit.finish(true);

    await pass(shop, 6);

    expect(ends).toEqual(['expired']);
  });

  it('hears of the fixed end too', async () => {
    const [shop, ends] = [site({ lifetime: 50 }), []];
    await watched(shop, ends);

    await pass(shop, 51);

    expect(ends).toEqual(['expired']);
  });

  it('notices within half an hour that another process has ended a session without an end', async () => {
    const [shop, ends] = [site({ lifetime: Infinity }), []];
    const id = await watched(shop, ends);
    await pass(shop, 7200, 600);
    expect(ends).toEqual([]);

    await shop.driver.end({ key: keyOf(id), reason: 'destroyed', now: shop.clock.now() });
    await pass(shop, 1800);

    expect(ends).toStrictEqual([undefined]);
  });

  it('follows a session that gets another id, here or in another process', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const elsewhere = siteOn(shop.driver, { clock: shop.clock, idle: 50, lifetime: Infinity });
    let id = await watched(shop, ends);
    for (const user of [shop, elsewhere]) {
      const { manager, visit } = user.visit(id);
      manager.regenerate();
      await visit.finish(true);
      id = manager.sessionID;
      await pass(shop, 40);
      await use(user, id);
    }
    expect(ends).toEqual([]);

    await pass(shop, 55);

    expect(ends).toEqual(['idle']);
  });

  it('is called at once when this process ends a session that has got another id', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const first = shop.visit(await watched(shop, ends));
    first.manager.regenerate();
    await first.visit.finish(true);
    const { manager, visit } = shop.visit(first.manager.sessionID);

    manager.destroy();
    await visit.finish(true);

    expect(ends).toEqual(['destroyed']);
  });

  it('follows a session to the id that another request was first to give it', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const id = await watched(shop, ends);
    const [first, second] = [shop.visit(id), shop.visit(id)];
    for (const { manager } of [first, second]) manager.regenerate();
    await first.visit.finish(true);
    await second.visit.finish(true);
    const { manager, visit } = shop.visit(second.manager.sessionID);

    manager.destroy();
    await visit.finish(true);

    expect(ends).toEqual(['destroyed']);
  });

  it('follows a session whose older id is forgotten', async () => {
    const [shop, ends] = [site({ lifetime: Infinity }), [] as unknown[]];
    const elsewhere = siteOn(shop.driver, { clock: shop.clock, lifetime: Infinity });
    const { manager, visit } = elsewhere.visit(await watched(shop, ends));
    manager.regenerate();
    await visit.finish(true);

    for (let hour = 0; hour < 4; hour += 1) {
      await pass(shop, 3600, 600);
      const now = shop.clock.now();
      await sweepAll(shop.driver, { from: 0, to: now, now });
    }

    expect(ends).toEqual([]);
  });

  it('is one of several, each called whatever the others do', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const { manager, visit } = shop.visit();
    manager.notifyOnExpire(() => {
      throw new Error('first');
    });
    manager.notifyOnExpire(() => Promise.reject(new Error('second')));
    manager.notifyOnExpire((reason) => ends.push(reason));
    await visit.finish(true);

    await pass(shop, 55);

    expect(ends).toEqual(['idle']);
    expect(shop.failures.map(String)).toEqual(['Error: first', 'Error: second']);
  });

  it('is not called for a session that was never kept', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const { manager, visit } = shop.visit();
    manager.notifyOnExpire((reason) => ends.push(reason));
    await visit.finish(false);

    await pass(shop, 100);

    expect(ends).toEqual([]);
    expect(shop.clock.pending).toBe(0);
  });

  it('is not called when the request that gave it failed, or went on without the session', async () => {
    const [shop, ends] = [shortly(), [] as unknown[]];
    const id = await shop.made();
    const failing = shop.visit(id);
    failing.manager.notifyOnExpire((reason) => ends.push(reason));
    await failing.visit.finish(false);
    const leaving = shop.visit(id);
    leaving.manager.notifyOnExpire((reason) => ends.push(reason));
    leaving.manager.expire();
    leaving.store.set('cart', 'tea');
    await leaving.visit.finish(true);

    await pass(shop, 100);

    expect(ends).toEqual([]);
    expect(shop.clock.pending).toBe(0);
  });

  it('waits for a storage that fails', async () => {
    const driver = new TroubledDriver();
    const [shop, ends] = [siteOn(driver, { idle: 50 }), [] as unknown[]];
    await watched(shop, ends);
    driver.load = () => Promise.reject(new Error('The disk is full.'));
    await pass(shop, 56);
    expect([ends, shop.failures.map(String)]).toEqual([[], ['Error: The disk is full.']]);

    driver.load = TroubledDriver.prototype.load.bind(driver);
    await pass(shop, 10);

    expect(ends).toEqual(['idle']);
  });

  it('is kept in memory with all it refers to until the session ends, and no longer', async () => {
    const shop = shortly();
    const kept = await watchedByObject(shop);

    await collect();
    expect(kept.deref()).toBeDefined();
    await pass(shop, 55);
    await collect();

    expect(kept.deref()).toBeUndefined();
  });

  it('is forgotten when the layer closes', async () => {
    const [shop, ends] = [shortly(), []];
    await watched(shop, ends);

    shop.settings.watcher.stop();
    await pass(shop, 100);

    expect(ends).toEqual([]);
    expect(shop.clock.pending).toBe(0);
  });
});

/** Registers a method of an object that nothing else refers to, as Twisted's example does. */
async function watchedByObject(shop: Site<TroubledDriver>): Promise<WeakRef<object>> {
  const logger = { lines: [] as string[], expired: () => undefined };
  logger.expired = () => void logger.lines.push('has expired');
  const { manager, store, visit } = shop.visit();
  store.set('a', 1);
  manager.notifyOnExpire(logger.expired);
  await visit.finish(true);
  return new WeakRef(logger);
}

/** A collection of garbage in a turn of its own: a WeakRef that was made or read holds its object until the turn is over. */
async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  await nextTurn();
  collectGarbage();
  await nextTurn();
}
