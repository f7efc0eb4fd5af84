import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Environ,
  environment,
  type EnvironmentLayer,
  Manager,
  type Reply,
  session,
  type SessionEnd,
  type SessionLayer,
  type SessionOptions,
  text,
} from 'tsgi';
import { client, TestClock } from 'tsgi/testing';

type Inside = Environ & EnvironmentLayer & SessionLayer;

const close: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const closing of close.splice(0)) await closing();
});

function visitor(app: (environ: Inside) => Reply | Promise<Reply>, options: Partial<SessionOptions> = {}) {
  const clock = new TestClock();
  const inside = session(app, { app: 'shop', clock, ...options });
  const made = client(environment(inside, { name: 'shop', storage: 'memory' }), { clock });
  close.push(() => made.close());
  return { clock, visitor: made };
}

const manager = (environ: Environ) => (environ as Inside)['web.session.manager'];
const uid = (environ: Inside) => text(manager(environ).sessionID);
const lives = (environ: Inside) => text(`${manager(environ).lifetime} ${manager(environ).idle}`);

async function until(clock: TestClock, isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !isDone(); i += 1) {
    clock.advance(0.5);
    await nextTurn();
  }
}

describe('the life of a session', () => {
  it.each<[string, Partial<SessionOptions>, string]>([
    ['a day without options', {}, '86400 Infinity'],
    ['its fixed end', { expire: 60 }, '60 Infinity'],
    ['no fixed end when idle is given alone', { idle: 900 }, 'Infinity 900'],
    ['both', { idle: 900, expire: 3600 }, '3600 900'],
  ])('has %s', async (_, options, expected) => {
    const site = visitor(lives, options);

    expect((await site.visitor.get('/')).text()).toBe(expected);
  });

  it('goes on with use and ends without', async () => {
    const { clock, visitor: anna } = visitor(uid, { idle: 900 });
    const id = (await anna.get('/')).text();

    for (let visit = 0; visit < 10; visit += 1) {
      clock.advance(899);
      expect((await anna.get('/')).text()).toBe(id);
    }
    clock.advance(961);

    expect((await anna.get('/')).text()).not.toBe(id);
  });
});

describe('a manager of one’s own', () => {
  class ShortSession extends Manager {
    static override readonly defaults = { idle: 60 };

    get visits(): number {
      return this.store('shop').increment('visits');
    }
  }

  it('brings its defaults, which options overrule', async () => {
    const short = visitor(lives, { Manager: ShortSession });
    const longer = visitor(lives, { Manager: ShortSession, idle: 90, expire: 100 });

    expect((await short.visitor.get('/')).text()).toBe('Infinity 60');
    expect((await longer.visitor.get('/')).text()).toBe('100 90');
  });

  it('is what the application gets', async () => {
    const site = visitor((environ) => text(String(ShortSession.of(environ).visits)), {
      Manager: ShortSession,
    });

    await site.visitor.get('/');

    expect((await site.visitor.get('/')).text()).toBe('2');
  });

  it('is not taken for another', async () => {
    const site = visitor((environ) => text(String(ShortSession.of(environ).visits)));

    await expect(site.visitor.get('/')).rejects.toMatchObject({ code: 'OTHER_MANAGER' });
  });

  it('is each layer’s own where two share a session', async () => {
    const inner = session(
      (environ: Inside) => text(`${manager(environ).constructor.name} ${manager(environ).idle}`),
      { app: 'inner' },
    );
    const site = visitor(inner, { Manager: ShortSession });

    expect((await site.visitor.get('/')).text()).toBe('Manager 60');
  });
});

describe('end handlers', () => {
  it('of each layer hear of a session that several share, with their own values', async () => {
    const told: SessionEnd[] = [];
    const onEnd = (end: SessionEnd) => told.push(end);
    const clock = new TestClock();
    const inner = session(
      (environ: Inside) => {
        if (environ.PATH_INFO === '/end') manager(environ).destroy({ ignoreWarning: true });
        else for (const app of ['shop', 'forum']) manager(environ).store(app).set('in', app);
        return text('ok');
      },
      { app: 'forum', onEnd },
    );
    const { visitor: anna } = visitor(inner, { onEnd, clock });
    await anna.get('/');
    await anna.get('/end');

    await until(clock, () => told.length === 2);

    expect(told.map(({ app, values }) => [app, ...values]).toSorted()).toEqual([
      ['forum', ['in', 'forum']],
      ['shop', ['in', 'shop']],
    ]);
    expect(told[0]?.id).toBe(told[1]?.id);
  });

  it('hear of what a sweep ends', async () => {
    const told: SessionEnd[] = [];
    const { clock, visitor: anna } = visitor(uid, { idle: 5, sweep: 10, onEnd: (end) => told.push(end) });
    await anna.get('/');

    await until(clock, () => told.length > 0);

    expect(told.map(({ reason }) => reason)).toEqual(['idle']);
  });

  it('write what they throw to the log, and are waited for when the application closes', async () => {
    let release: () => void = () => undefined;
    const { clock, visitor: anna } = visitor(
      (environ) => {
        if (environ.PATH_INFO === '/end') manager(environ).expire();
        return text(manager(environ).sessionID);
      },
      {
        onEnd: () =>
          new Promise(
            (_, reject) =>
              (release = () => {
                reject(new Error('no stock'));
              }),
          ),
      },
    );
    await anna.get('/');
    await anna.get('/end');
    const idle = release;
    await until(clock, () => release !== idle);
    let isClosed = false;

    const closing = anna.close().then(() => (isClosed = true));
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
    expect(isClosed).toBe(false);
    release();
    await closing;

    expect(anna.errors).toContain('an end handler failed, and will be called again: Error: no stock');
    expect(clock.pending).toBe(0);
  });

  it('do not run by themselves in a program for one request', async () => {
    const told: SessionEnd[] = [];
    const clock = new TestClock();
    const app = session(
      async (environ: Inside) => {
        if (environ.PATH_INFO === '/cleanup') await manager(environ).cleanup();
        else if (environ.PATH_INFO === '/end') manager(environ).expire();
        else manager(environ).create();
        return text('ok');
      },
      { app: 'shop', clock, onEnd: (end) => told.push(end) },
    );
    const anna = client(environment(app, { name: 'shop', storage: 'memory' }), {
      clock,
      environ: { 'tsgi.run_once': true },
    });
    close.push(() => anna.close());

    await anna.get('/');
    await anna.get('/end');
    expect([clock.pending, told]).toEqual([0, []]);
    await anna.get('/cleanup');

    expect(told.map(({ reason }) => reason)).toEqual(['expired']);
  });
});

describe('options that cannot be meant', () => {
  it.each<[string, object]>([
    ['BAD_IDLE', { idle: 0 }],
    ['BAD_IDLE', { idle: '5' }],
    ['BAD_CORRUPT', { invalidateCorrupt: true }],
    ['BAD_LOG', { log: 'file.log' }],
    ['BAD_HANDLER', { onEnd: 'x' }],
    ['BAD_HANDLER', { handlers: { x: 1 } }],
  ])('are refused when the layer is made: %s', (code, options) => {
    expect(() => session(uid, { app: 'shop', ...options })).toThrow(expect.objectContaining({ code }));
  });
});
