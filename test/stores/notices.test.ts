import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from '@jest/globals';
import { keyOf } from '../../src/stores/session-id.js';
import { type NoticeName, Notices } from '../../src/stores/notices.js';
import { TestClock } from '../../src/testing/clock.js';
import { site } from '../support/visits.js';

/** What is told on a channel while something runs. */
async function told(name: NoticeName, run: () => unknown): Promise<unknown[]> {
  const messages: unknown[] = [];
  const listen = (message: unknown) => messages.push(message);
  subscribe(`tsgi:session:${name}`, listen);
  try {
    await run();
  } finally {
    unsubscribe(`tsgi:session:${name}`, listen);
  }
  return messages;
}

const environment = 'shop';

describe('the channels tell', () => {
  it('of a load, with what it found', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });

    const loads = await told('load', () => {
      shop.visit(id).store.get('cart');
      shop.visit().store.get('cart');
      shop.visit('x'.repeat(43)).store.get('cart');
      shop.clock.advance(4000);
      shop.visit(id).store.get('cart');
    });

    const states = ['live', 'none', 'unknown', 'expired'];
    expect(loads).toEqual(states.map((state) => ({ environment, state })));
  });

  it('of nothing for a request that does not look', async () => {
    const shop = site();
    const id = await shop.made();

    expect(await told('load', () => shop.visit(id).visit.finish(true))).toEqual([]);
  });

  it('of a commit, and of what was dropped', async () => {
    const shop = site();
    const run = async (id: string | undefined, keep: boolean) => {
      const { manager, store, visit } = shop.visit(id);
      store.set('total', 1);
      if (id !== undefined) manager.regenerate();
      await visit.finish(keep);
      return manager.sessionID;
    };
    const gone = shop.visit(await shop.made());
    gone.store.set('total', 2);

    const commits = await told('commit', async () => run(await run(undefined, true), true));
    const drops = await told('drop', async () => {
      await run(await shop.made(), false);
      await shop.driver.removeEnvironment();
      await gone.visit.finish(true);
    });

    expect(commits).toEqual([
      { environment, created: true, regenerated: false, applications: 1 },
      { environment, created: false, regenerated: true, applications: 1 },
    ]);
    expect(drops).toEqual([
      { environment, reason: 'failed' },
      { environment, reason: 'ended' },
    ]);
  });

  it('of a merge, when an update met what another request had changed', async () => {
    const shop = site();
    const id = await shop.made({ visits: 1, total: 1 });
    const [one, other, third] = [shop.visit(id), shop.visit(id), shop.visit(id)];
    for (const { store } of [one, other]) store.increment('visits');
    third.store.increment('total');

    const merges = await told('merge', async () => {
      for (const { visit } of [one, other, third]) await visit.finish(true);
    });

    expect(merges).toEqual([{ environment, app: 'shop' }]);
  });

  it('of no merge where a request meets what it has written itself', async () => {
    let written = 0;
    const encode = (value: unknown) => `${(written += 1)} ${JSON.stringify(value)}`; // never the same twice
    const decode = (text: string) => JSON.parse(text.slice(text.indexOf(' '))) as never;
    const shop = site({ codec: { encode, decode } });
    const id = await shop.made({ visits: 1 });
    const { store, visit } = shop.visit(id);

    const merges = await told('merge', async () => {
      store.increment('visits');
      store.increment('visits');
      await visit.save();
      const swapping = store.compareAndSet('visits', 3, 5);
      store.increment('visits');
      await swapping;
      await visit.finish(true);
    });

    expect(merges).toEqual([]);
  });

  it('of a merge once, although the request commits again', async () => {
    const shop = site();
    const id = await shop.made({ visits: 1 });
    const { store, visit } = shop.visit(id);
    store.increment('visits');
    const other = shop.visit(id);
    other.store.increment('visits');
    await other.visit.finish(true);

    const merges = await told('merge', async () => {
      await visit.save();
      store.set('total', 1);
      await visit.finish(true);
    });

    expect(merges).toHaveLength(1);
  });

  it('of a touch that was saved', async () => {
    const shop = site({ idle: 900 });
    const id = await shop.made();

    const touches = await told('touch-saved', async () => {
      for (const wait of [10, 50, 1]) {
        shop.clock.advance(wait);
        const { visit } = shop.visit(id);
        visit.look();
        await visit.finish(true);
      }
    });

    expect(touches).toEqual([{ environment }, { environment }]);
    expect((await shop.driver.load(keyOf(id)))?.accessed).toBe(shop.clock.now() - 1);
  });

  it('of an end, and of a handler that heard of it or failed to', async () => {
    let fails = true;
    const shop = site({
      endHandlers: {
        onEnd: () => {
          if (fails) throw new Error('no');
        },
      },
    });
    const { manager, visit } = shop.visit(await shop.made());
    manager.destroy();

    const ends = await told('end', () => visit.finish(true));
    const events = await told('event', async () => {
      await shop.endHandlers.deliver();
      fails = false;
      shop.clock.advance(10);
      await shop.endHandlers.deliver();
    });

    expect(ends).toEqual([{ environment, reason: 'destroyed' }]);
    const event = { environment, app: 'shop', handler: 'onEnd', reason: 'destroyed' };
    expect(events).toEqual([
      { ...event, attempt: 1, state: 'failed' },
      { ...event, attempt: 2, state: 'done' },
    ]);
  });
});

describe('log', () => {
  it('gets a line for each notice, with the time of the clock and without ids and values', async () => {
    const lines: string[] = [];
    const clock = new TestClock();
    const notices = new Notices('shop', clock, { write: (line) => lines.push(line) });
    const shop = site({ notices, clock });
    const id = await shop.made({ cart: 'tea' });
    const { manager, visit } = shop.visit(id);
    manager.destroy();
    await visit.finish(true);

    expect(lines).toEqual([
      '2027-01-15T08:00:00.000Z session load {"environment":"shop","state":"none"}\n',
      '2027-01-15T08:00:00.000Z session commit {"environment":"shop","created":true,"regenerated":false,"applications":1}\n',
      '2027-01-15T08:00:00.000Z session load {"environment":"shop","state":"live"}\n',
      '2027-01-15T08:00:00.000Z session end {"environment":"shop","reason":"destroyed"}\n',
    ]);
  });

  it.each<[string, () => unknown]>([
    [
      'at once',
      () => {
        throw new Error('The disk is full.');
      },
    ],
    ['later', () => Promise.reject(new Error('The disk is full.'))],
  ])('disturbs nothing when it fails %s', async (_, write) => {
    const clock = new TestClock();
    let calls = 0;
    const endHandlers = { onEnd: () => (calls += 1) };
    const shop = site({ notices: new Notices('shop', clock, { write }), clock, endHandlers });
    const id = await shop.made({ visits: 1 });
    const { store, visit } = shop.visit(id);
    store.increment('visits');
    await visit.save();
    await visit.finish(true);
    expect(await shop.stored(id)).toEqual({ shop: { visits: '2' } });

    await shop.driver.end({ key: keyOf(id), reason: 'destroyed', now: clock.now() });
    for (let i = 0; i < 2; i += 1) {
      await shop.endHandlers.deliver();
      clock.advance(61);
    }

    expect([calls, shop.failures]).toEqual([1, []]);
  });
});
