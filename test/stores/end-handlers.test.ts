import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '../../src/stores/driver.js';
import { type EndHandler, EndHandlers, type SessionEnd } from '../../src/stores/end-handlers.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { Notices } from '../../src/stores/notices.js';
import { jsonCodec } from '../../src/stores/codec.js';
import { keyOf } from '../../src/stores/session-id.js';
import { sweepAll } from '../../src/stores/sweeper.js';
import { TestClock } from '../../src/testing/clock.js';
import { type Site, site, type SiteOptions, type TroubledDriver } from '../support/visits.js';

/** A site whose `onEnd` remembers what it is told. */
function listening(options: SiteOptions = {}) {
  const told: SessionEnd[] = [];
  const shop = site({ endHandlers: { onEnd: (end) => told.push(end) }, ...options });
  return { shop, told };
}

async function destroy(shop: Site<TroubledDriver>, id: string): Promise<void> {
  const { manager, visit } = shop.visit(id);
  manager.destroy();
  await visit.finish(true);
}

describe('onEnd', () => {
  it('hears of the end of a session with the reason and the last values of its application', async () => {
    const { shop, told } = listening();
    const id = await shop.made({ cart: 'tea', total: 3 });
    const made = shop.clock.now();
    shop.clock.advance(10);
    await destroy(shop, id);

    await shop.endHandlers.deliver();

    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ app: 'shop', reason: 'destroyed', attempt: 1, detail: undefined });
    expect([told[0]?.createdAt, told[0]?.endedAt]).toEqual([made, made + 10]);
    expect([...(told[0]?.values ?? [])]).toEqual([
      ['cart', 'tea'],
      ['total', 3],
    ]);
    expect(JSON.stringify(told)).not.toContain(id);
  });

  it.each<[string, (shop: Site<TroubledDriver>, id: string) => Promise<unknown>]>([
    ['destroyed', destroy],
    [
      'expired',
      async (shop, id) => {
        const { manager, visit } = shop.visit(id);
        manager.expire();
        await visit.finish(true);
      },
    ],
    [
      'invalidated',
      async (shop, id) => {
        const { manager, visit } = shop.visit(id);
        manager.invalidate();
        await visit.finish(true);
      },
    ],
    [
      'idle',
      async ({ clock, driver }) => {
        clock.advance(100);
        await sweepAll(driver, { from: 0, to: clock.now(), now: clock.now() });
      },
    ],
    [
      'expired',
      async ({ clock, driver }, id) => {
        await driver.commit({
          key: keyOf(id),
          now: 0,
          move: { expireTime: clock.now() + 1 },
          changes: new Map(),
        });
        clock.advance(2);
        await sweepAll(driver, { from: 0, to: clock.now(), now: clock.now() });
      },
    ],
  ])('is told the reason %s', async (reason, end) => {
    const { shop, told } = listening({ idle: 60 });

    await end(shop, await shop.made());
    await shop.endHandlers.deliver();

    expect(told.map((one) => one.reason)).toEqual([reason]);
  });

  it('does not hear of a session that another application alone has used', async () => {
    const { shop, told } = listening();
    const quiet = site({ driver: shop.driver });
    const id = await quiet.made({ cart: 'tea' });
    await destroy(quiet, id);

    await shop.endHandlers.deliver();

    expect(told).toEqual([]);
  });

  it('hears of a session that was made before it was there, once something is kept in it', async () => {
    const { shop, told } = listening();
    const id = await site({ driver: shop.driver }).made({ cart: 'tea' });
    const { store, visit } = shop.visit(id);
    store.set('total', 1);
    await visit.finish(true);
    await destroy(shop, id);

    await shop.endHandlers.deliver();

    expect(told.map(({ values }) => values.size)).toEqual([2]);
  });

  it('is registered by compareAndSet too, and once', async () => {
    const { shop, told } = listening();
    const { manager, store, visit } = shop.visit();
    await store.compareAndSet('cart', undefined, 'tea');
    store.set('total', 1);
    await visit.finish(true);
    expect(shop.driver.commits.map(({ register }) => register?.length)).toEqual([1, undefined]);
    await destroy(shop, manager.sessionID);

    await shop.endHandlers.deliver();

    expect(told).toHaveLength(1);
  });

  it('leaves out a value that cannot be decoded', async () => {
    const { shop, told } = listening();
    const id = await shop.made({ cart: 'tea' });
    const keys = new Map([['broken', { kind: 'set', value: '{' } as const]]);
    const changes = new Map([['shop', { empty: false, keys }]]);
    await shop.driver.commit({ key: keyOf(id), now: shop.clock.now(), changes });
    await destroy(shop, id);

    await shop.endHandlers.deliver();

    expect(told.map(({ values }) => [...values])).toEqual([[['cart', 'tea']]]);
  });
});

describe('a handler by name', () => {
  function registering(handler: EndHandler) {
    return site({ endHandlers: { handlers: { release: handler } } });
  }

  it('hears of a session that named it, with the detail it was given', async () => {
    const told: SessionEnd[] = [];
    const shop = registering((end) => told.push(end));
    const one = shop.visit();
    await one.manager.notifyOnExpire('release', { stock: 5 });
    await one.visit.finish(true);
    const other = await shop.made();
    await destroy(shop, one.manager.sessionID);
    await destroy(shop, other);

    await shop.endHandlers.deliver();

    expect(told.map(({ detail }) => detail)).toEqual([{ stock: 5 }]);
  });

  it('is durable when that resolves, and hears the last detail', async () => {
    const told: SessionEnd[] = [];
    const shop = registering((end) => told.push(end));
    const { manager, visit } = shop.visit();
    await manager.notifyOnExpire('release', 1);
    await manager.notifyOnExpire('release', 2);
    await visit.finish(false);
    await destroy(shop, manager.sessionID);

    await shop.endHandlers.deliver();

    expect(told.map(({ detail }) => detail)).toEqual([2]);
  });

  it('is refused when the layer has none of that name', async () => {
    const nothing = () => undefined;
    const shop = site({ endHandlers: { onEnd: nothing, handlers: { release: nothing } } });

    await expect(shop.visit().manager.notifyOnExpire('other')).rejects.toMatchObject({ code: 'NO_HANDLER' });
    await expect(shop.visit().manager.notifyOnExpire('onEnd')).rejects.toMatchObject({ code: 'NO_HANDLER' });
  });

  it.each<[string, object]>([
    ['no function', { handlers: { release: 5 } }],
    ['the name of onEnd', { handlers: { onEnd: () => undefined } }],
    ['an onEnd that is no function', { onEnd: 'x' }],
  ])('is refused when it is %s', (_, options) => {
    expect(() => new EndHandlers({ app: 'shop', ...options })).toThrow(
      expect.objectContaining({ code: 'BAD_HANDLER' }),
    );
  });

  it('needs a storage with events', () => {
    const driver = Object.assign(new MemoryDriver(), { powers: new Set() });
    const settings = { driver, clock: new TestClock(), codec: jsonCodec, onError: fail };
    const handlers = new EndHandlers({ app: 'shop', onEnd: () => undefined });

    const notices = new Notices('shop', settings.clock);
    expect(() => {
      handlers.open({ ...settings, notices });
    }).toThrow(expect.objectContaining({ code: 'NO_POWER' }));
  });
});

describe('a handler that fails', () => {
  it('is called again after a while, longer each time, until it succeeds, with the same event', async () => {
    const told: SessionEnd[] = [];
    const shop = site({
      endHandlers: {
        onEnd: (end) => {
          told.push(end);
          if (told.length < 4) throw new Error(`attempt ${told.length}`);
        },
      },
    });
    await destroy(shop, await shop.made());

    for (const wait of [0, 7.6, 15.1, 30.1]) {
      shop.clock.advance(wait);
      await shop.endHandlers.deliver();
    }
    shop.clock.advance(1000);
    await shop.endHandlers.deliver();

    expect(told.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(1);
    expect(shop.failures.map(String)).toEqual(['Error: attempt 1', 'Error: attempt 2', 'Error: attempt 3']);
  });

  it('is not called again before its time', async () => {
    let calls = 0;
    const shop = site({ endHandlers: { onEnd: () => Promise.reject(new Error(`call ${(calls += 1)}`)) } });
    await destroy(shop, await shop.made());

    await shop.endHandlers.deliver();
    shop.clock.advance(2.4);
    await shop.endHandlers.deliver();

    expect(calls).toBe(1);
  });

  it('keeps no other from its event', async () => {
    const told: string[] = [];
    const shop = site({
      endHandlers: {
        onEnd: () => {
          throw new Error('no');
        },
        handlers: { release: () => told.push('release') },
      },
    });
    const { manager, visit } = shop.visit();
    await manager.notifyOnExpire('release');
    await visit.finish(true);
    await destroy(shop, manager.sessionID);

    await shop.endHandlers.deliver();

    expect(told).toEqual(['release']);
  });

  it('by never ending is given up after 30 s, told so by its signal, and called again', async () => {
    const signals: AbortSignal[] = [];
    const shop = site({
      endHandlers: {
        onEnd: ({ signal, attempt }) => {
          signals.push(signal);
          return attempt === 1 ? new Promise(() => undefined) : undefined;
        },
      },
    });
    await destroy(shop, await shop.made());

    const first = shop.endHandlers.deliver();
    while (signals.length === 0) await nextTurn();
    shop.clock.advance(30);
    await first;
    expect([signals[0]?.aborted, shop.failures]).toEqual([
      true,
      [expect.objectContaining({ code: 'HANDLER_SLOW' })],
    ]);
    shop.clock.advance(60);
    await shop.endHandlers.deliver();

    expect(signals).toHaveLength(2);
  });
});

describe('delivery', () => {
  it('goes on by itself once started, and ends when closed', async () => {
    const { shop, told } = listening();
    shop.endHandlers.start();
    await destroy(shop, await shop.made());

    while (told.length === 0) {
      shop.clock.advance(0.5);
      await nextTurn();
    }
    await shop.endHandlers.close();

    expect(shop.clock.pending).toBe(0);
  });

  it('goes on after the storage failed', async () => {
    const { shop, told } = listening();
    await destroy(shop, await shop.made());
    const claim = shop.driver.claim.bind(shop.driver);
    shop.driver.claim = () => Promise.reject(new Error('The disk is full.'));
    await shop.endHandlers.deliver();

    shop.driver.claim = claim;
    await shop.endHandlers.deliver();

    expect(shop.failures.map(String)).toEqual(['Error: The disk is full.']);
    expect(told).toHaveLength(1);
  });

  it('calls again what was done but could not be noted, once its lease is over', async () => {
    const { shop, told } = listening();
    await destroy(shop, await shop.made());
    const settle = shop.driver.settle.bind(shop.driver);
    shop.driver.settle = () => Promise.reject(new Error('gone'));
    await shop.endHandlers.deliver();

    shop.driver.settle = settle;
    await shop.endHandlers.deliver();
    expect(told).toHaveLength(1);
    shop.clock.advance(60);
    await shop.endHandlers.deliver();

    expect(told.map(({ id, attempt }) => [id, attempt])).toEqual([
      [told[0]?.id, 1],
      [told[0]?.id, 2],
    ]);
  });

  it('takes all of many events, as many at a time as may run together, and each once', async () => {
    const { shop, told } = listening();
    for (let i = 0; i < 100; i += 1) await destroy(shop, await shop.made());
    const taken: StoredEvent[][] = [];
    const claim = shop.driver.claim.bind(shop.driver);
    shop.driver.claim = async (asked) => {
      const events = await claim(asked);
      taken.push(events);
      return events;
    };

    await Promise.all([shop.endHandlers.deliver(), shop.endHandlers.deliver()]);

    expect(told).toHaveLength(100);
    expect(taken.map((events) => events.length)).toEqual([32, 32, 32, 4]);
  });

  it('of some that are slow holds up no other, until no more may run together', async () => {
    const told: unknown[] = [];
    const ending: (() => void)[] = [];
    const slow = () => new Promise<void>((resolve) => ending.push(resolve));
    const shop = site({
      endHandlers: { handlers: { slow, fast: ({ detail }) => told.push(detail) } },
    });
    const end = async (handler: string, detail: number) => {
      const { manager, visit } = shop.visit();
      await manager.notifyOnExpire(handler, detail);
      await visit.finish(true);
      await destroy(shop, manager.sessionID);
    };
    for (let i = 0; i < 31; i += 1) await end('slow', i);
    const first = shop.endHandlers.deliver();
    while (ending.length < 31) await nextTurn();

    await end('fast', 1);
    await end('fast', 2);
    const second = shop.endHandlers.deliver();
    while (told.length < 2) await nextTurn();
    await end('slow', 31);
    const third = shop.endHandlers.deliver();
    while (ending.length < 32) await nextTurn();
    await end('fast', 3);
    const fourth = shop.endHandlers.deliver();
    await nextTurn();
    expect(told).toEqual([1, 2]);

    ending[7]?.();
    while (told.length < 3) await nextTurn();
    for (const go of ending) go();
    await Promise.all([first, second, third, fourth]);

    expect(shop.clock.pending).toBe(0);
  });

  it('goes on by itself while a handler is slow', async () => {
    const told: string[] = [];
    const slow = ({ signal }: SessionEnd) =>
      new Promise<void>((resolve) => {
        told.push('slow');
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
    const shop = site({ endHandlers: { handlers: { slow, fast: () => told.push('fast') } } });
    shop.endHandlers.start();
    for (const handler of ['slow', 'fast']) {
      const { manager, visit } = shop.visit();
      await manager.notifyOnExpire(handler);
      await visit.finish(true);
      await destroy(shop, manager.sessionID);
      while (!told.includes(handler)) {
        shop.clock.advance(0.5);
        await nextTurn();
      }
    }

    await shop.endHandlers.close();

    expect([told, shop.failures, shop.clock.pending]).toEqual([['slow', 'fast'], [], 0]);
  });

  it('is over, once closed, for every handler, also where another could not be noted', async () => {
    let running = true;
    let go: () => void = () => undefined;
    const slow = async () => {
      await new Promise<void>((resolve) => (go = resolve));
      running = false;
    };
    const shop = site({ endHandlers: { onEnd: () => undefined, handlers: { slow } } });
    const settle = shop.driver.settle.bind(shop.driver);
    shop.driver.settle = (settled) =>
      settled.event.handler === 'slow' ? settle(settled) : Promise.reject(new Error('The disk is full.'));
    const { manager, visit } = shop.visit();
    await manager.notifyOnExpire('slow');
    await visit.finish(true);
    await destroy(shop, manager.sessionID);
    void shop.endHandlers.deliver();
    while (shop.failures.length === 0) await nextTurn();

    const closing = shop.endHandlers.close().then(() => running);
    await nextTurn();
    go();

    expect(await closing).toBe(false);
    expect(shop.failures.map(String)).toEqual(['Error: The disk is full.']);
  });

  it('is part of cleanup()', async () => {
    const { shop, told } = listening({ idle: 60 });
    await shop.made();
    shop.clock.advance(100);

    expect(await shop.visit().manager.cleanup()).toBe(1);

    expect(told.map(({ reason }) => reason)).toEqual(['idle']);
  });
});

function fail(): never {
  throw new Error('not expected');
}
