import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  database,
  type DatabaseLayer,
  type Driver,
  type Environ,
  environment,
  type EnvironmentLayer,
  layer,
  Manager,
  type Reply,
  session,
  type SessionLayer,
  SessionError,
  type SessionOptions,
  text,
} from 'tsgi';
import { type Answer, client, type ClientOptions, TestClock } from 'tsgi/testing';
import { MemoryDriver } from '../../src/stores/memory.js';
import { temporaryFolder } from '../support/processes.js';

type Inside = Environ & EnvironmentLayer & SessionLayer;
type App = (environ: Inside) => Reply | Promise<Reply>;

const folder = temporaryFolder();
let clock = new TestClock();
const close: (() => Promise<void>)[] = [];
let files = 0;

beforeEach(() => {
  clock = new TestClock();
});

afterEach(async () => {
  for (const closing of close.splice(0)) await closing();
  folder.remove();
});

/** A visitor of an application inside a session layer with sessions in memory. */
function visitor(app: App, options: Partial<SessionOptions> = {}, clientOptions: ClientOptions = {}) {
  const application: Application = environment(session(app, { app: 'test', clock, ...options }), {
    name: 'test',
    storage: 'memory',
  });
  return visit(application, clientOptions);
}

function visit(application: Application, options: ClientOptions = {}) {
  const made = client(application, { clock, ...options });
  close.push(() => made.close());
  return made;
}

/** The same in a file, with every statement that is run. */
function onFile(app: App, options: Partial<SessionOptions> = {}) {
  const statements: string[] = [];
  const file = temporary();
  const application: Application = database(
    environment(session(app, { app: 'test', clock, setupEnvironment: true, sweep: false, ...options }), {
      name: 'test',
    }),
    { database: file, autoCreate: true, verbose: (sql) => statements.push(String(sql)) },
  );
  return { application, file, statements };
}

function temporary(): string {
  files += 1;
  const again = temporaryFolder();
  close.push(() => {
    again.remove();
    return Promise.resolve();
  });
  return again.file(`sessions-${files}.db`);
}

const setCookies = (answer: Answer) => answer.headerAll('Set-Cookie');
const idIn = (answer: Answer) => /=([^;]*)/.exec(answer.header('Set-Cookie') ?? '')?.[1] ?? '';
const path = (environ: Environ) => environ.PATH_INFO;

/** One path for each thing to do; the answer is what it answers, as text. */
function routes(table: Record<string, (environ: Inside) => unknown>): App {
  return async (environ) => {
    const result = await table[path(environ)]?.(environ);
    return typeof result === 'object' && result !== null && 'body' in result
      ? (result as Reply)
      : text(String(result));
  };
}

const store = (environ: Inside) => environ['web.session.store'];
const manager = (environ: Inside) => environ['web.session.manager'];

describe('the session layer', () => {
  it('sets the driver of its environment, the manager of the request, and the store of its application', async () => {
    const visitors = visitor((environ) => {
      expect(environ['web.session.driver']).toBe(environ['web.environment.driver']);
      expect(manager(environ)).toBeInstanceOf(Manager);
      expect(manager(environ).driver).toBe(environ['web.session.driver']);
      expect(store(environ)).toBe(manager(environ).store('test'));
      return text(store(environ).app);
    });

    expect((await visitors.get('/')).text()).toBe('test');
  });
});

describe('a request that does not use the session', () => {
  it('runs no statement and sends no cookie, 50 times of 50', async () => {
    const { application, statements } = onFile(() => text('hello'));
    const visitor = visit(application);
    await visitor.open();
    statements.length = 0;

    const answers = await Promise.all(Array.from({ length: 50 }, () => visitor.get('/')));

    expect(statements).toEqual([]);
    expect(answers.flatMap((answer) => answer.headers)).toEqual(
      Array(50).fill(['Content-Type', 'text/plain; charset=utf-8']),
    );
  });

  it('answers at once when the application did', () => {
    const reply = text('hello');
    const application = session(() => reply, { app: 'test', clock });
    const environ = {} as Inside;

    expect(() => application(environ)).toThrow('not open'); // and no promise
  });
});

describe('a request that only reads', () => {
  it('writes nothing and sends no cookie, and says that the reply depends on the cookie', async () => {
    const { application, statements } = onFile(
      routes({
        '/write': (environ) => store(environ).set('a', 1),
        '/read': (environ) => store(environ).get('a'),
      }),
    );
    const visitor = visit(application);
    await visitor.get('/write');
    statements.length = 0;

    const answer = await visitor.get('/read');

    expect(answer.text()).toBe('1');
    expect(statements.map((sql) => sql.split(' ')[0])).toEqual(['SELECT']);
    expect(setCookies(answer)).toEqual([]);
    expect(answer.header('Vary')).toBe('Cookie');
  });

  it.each<[string, (environ: Inside) => unknown]>([
    ['created', (environ) => manager(environ).created],
    ['error', (environ) => manager(environ).error],
    ['outcome', (environ) => manager(environ).outcome],
    ['expireTime', (environ) => manager(environ).expireTime],
    ['lifetime', (environ) => manager(environ).lifetime],
    ['responseHeaders', (environ) => manager(environ).responseHeaders.length],
    ['a printed manager', (environ) => inspect(manager(environ))],
    ['get', (environ) => store(environ).get('a')],
    ['has', (environ) => store(environ).has('a')],
    ['keys', (environ) => store(environ).keys()],
    ['iteration', (environ) => [...store(environ)]],
    ['delete', (environ) => store(environ).delete('a')],
    ['empty', (environ) => store(environ).empty()],
    ['destroy', (environ) => manager(environ).destroy()],
    ['expire', (environ) => manager(environ).expire()],
    ['save', (environ) => manager(environ).save()],
    ['setExpire', (environ) => manager(environ).setExpire(clock.now() + 5)],
  ])('makes no session by %s', async (_, use) => {
    const visitors = visitor(routes({ '/': use, '/created': (environ) => manager(environ).created }));

    const answer = await visitors.get('/');

    expect(setCookies(answer)).toEqual([]);
    expect((await visitors.get('/created')).text()).toBe('true');
  });
});

describe('a session is made', () => {
  it.each<[string, (environ: Inside) => unknown]>([
    ['something is kept in it', (environ) => store(environ).set('a', 1)],
    ['something is counted in it', (environ) => store(environ).increment('a')],
    ['its id is asked for', (environ) => manager(environ).sessionID],
    ['create() is called', (environ) => manager(environ).create()],
    ['its cookie is asked for', (environ) => manager(environ).setCookie()],
  ])('when %s, with one cookie', async (_, use) => {
    const visitors = visitor(routes({ '/': use, '/created': (environ) => manager(environ).created }));

    const answer = await visitors.get('/');

    expect(setCookies(answer)).toHaveLength(1);
    expect(answer.header('Cache-Control')).toBe('private');
    expect((await visitors.get('/created')).text()).toBe('false');
  });

  it('under an id of our own: one that a client made up is not taken', async () => {
    const made = 'A'.repeat(43);
    const visitors = visitor(
      routes({
        '/': (environ) => `${manager(environ).created} ${manager(environ).error ?? ''}`,
        '/write': (environ) => store(environ).set('a', 1),
      }),
    );

    const found = await visitors.get('/', { headers: [['Cookie', `test=${made}`]] });
    const written = await visitors.get('/write', { headers: [['Cookie', `test=${made}`]] });

    expect(found.text()).toBe('true The session does not exist: it has ended, or was never made here.');
    expect(idIn(written)).toHaveLength(43);
    expect(idIn(written)).not.toBe(made);
  });

  it('for each visitor of one constant reply, who gets nobody else’s cookie', async () => {
    const constant: Reply = Object.freeze({ ...text('the same for all'), headers: Object.freeze([]) });
    const ids = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const answer = await visitor((environ) => {
          store(environ).set('seen', true);
          return constant;
        }).get('/');
        expect(setCookies(answer)).toHaveLength(1);
        return idIn(answer);
      }),
    );

    expect(new Set(ids).size).toBe(100);
    expect(constant.headers).toEqual([]);
  });

  it('with the lifetime and end that create() and setExpire() choose', async () => {
    const visitors = visitor(
      routes({
        '/create': (environ) => manager(environ).create({ expire: 60 }),
        '/choose': (environ) => {
          manager(environ).expire();
          manager(environ).setExpire(clock.now() + 7);
          store(environ).set('a', 1);
        },
        '/': (environ) => `${manager(environ).lifetime} ${manager(environ).expireTime - clock.now()}`,
        '/again': (environ) => manager(environ).create(),
      }),
    );

    await visitors.get('/create');
    expect((await visitors.get('/')).text()).toBe('60 60');
    await expect(visitors.get('/again')).rejects.toMatchObject({ code: 'SESSION_EXISTS' });
    await visitors.get('/choose');
    expect((await visitors.get('/')).text()).toBe('86400 7');
  });
});

describe('a reply that fails', () => {
  const table = {
    '/values': (environ: Inside) => JSON.stringify(Object.fromEntries(store(environ))),
    '/start': (environ: Inside) => store(environ).set('a', 1),
    '/throw': (environ: Inside) => {
      store(environ).set('a', 2);
      throw new Error('broken');
    },
    '/500': (environ: Inside) => {
      store(environ).set('a', 2);
      return text(manager(environ).outcome, { status: '500 Internal Server Error' });
    },
    '/404': (environ: Inside) => {
      store(environ).set('a', 3);
      return text('no', { status: '404 Not Found' });
    },
    '/sealed': async (environ: Inside) => {
      store(environ).set('a', 4);
      await manager(environ).save();
      store(environ).set('a', 5);
      throw new Error('broken after it was sealed');
    },
    '/logout': (environ: Inside) => {
      manager(environ).destroy();
      throw new Error('broken after the logout');
    },
    '/logout-500': (environ: Inside) => {
      manager(environ).destroy();
      return text('no', { status: '500 Internal Server Error' });
    },
    '/new-500': (environ: Inside) => {
      store(environ).set('a', 1);
      return text('no', { status: '500 Internal Server Error' });
    },
  };

  it('drops what was changed, whether it threw or answered 5xx; 4xx keeps it', async () => {
    const visitors = visitor(routes(table));
    await visitors.get('/start');

    await expect(visitors.get('/throw')).rejects.toThrow('broken');
    expect((await visitors.get('/500')).code).toBe(500);
    expect((await visitors.get('/values')).text()).toBe('{"a":1}');
    await visitors.get('/404');
    expect((await visitors.get('/values')).text()).toBe('{"a":3}');
  });

  it('keeps what was sealed before', async () => {
    const visitors = visitor(routes(table));
    await visitors.get('/start');

    await expect(visitors.get('/sealed')).rejects.toThrow('broken after it was sealed');

    expect((await visitors.get('/values')).text()).toBe('{"a":4}');
  });

  it.each(['/logout', '/logout-500'])('ends the session all the same: %s', async (logout) => {
    const visitors = visitor(routes(table));
    const id = idIn(await visitors.get('/start'));

    const answer = await visitors.get(logout).catch(() => undefined);

    if (answer !== undefined) expect(answer.header('Set-Cookie')).toMatch(/^test=; .*Max-Age=0/);
    visitors.cookies.clear();
    expect((await visitors.get('/values', { headers: [['Cookie', `test=${id}`]] })).text()).toBe('{}');
  });

  it('makes no session, and sends no cookie of one', async () => {
    const visitors = visitor(routes(table));

    expect(setCookies(await visitors.get('/new-500'))).toEqual([]);
  });

  it('is what commitOn says', async () => {
    const visitors = visitor(routes(table), { commitOn: (reply) => reply.status.startsWith('2') });
    await visitors.get('/start');

    await visitors.get('/404');

    expect((await visitors.get('/values')).text()).toBe('{"a":1}');
  });

  it.each<[string, Partial<SessionOptions>, unknown, string]>([
    [
      'commitOn itself throws',
      {
        commitOn: () => {
          throw new Error('undecided');
        },
      },
      text(''),
      'undecided',
    ],
    ['the application answers nothing', {}, undefined, 'undefined'],
  ])('drops what was changed when %s', async (_, options, reply, message) => {
    const visitors = visitor((environ) => {
      store(environ).set('a', 1);
      return reply as Reply;
    }, options);

    await expect(visitors.get('/')).rejects.toThrow(message);
    expect(visitors.cookies.get('test')).toBeUndefined();
  });

  it('is told apart in manager.outcome', async () => {
    const outcomes: string[] = [];
    const note = (environ: Inside) => void outcomes.push(manager(environ).outcome);
    const app = routes({ ...table, '/': () => 'nothing' });
    const visitors = visitor((environ) => {
      environ['tsgi.finished'].push(() => note(environ));
      return app(environ);
    });

    for (const address of ['/', '/start', '/values', '/500']) await visitors.get(address);

    expect(outcomes).toEqual(['unchanged', 'committed', 'unchanged', 'dropped']);
  });
});

describe('after the reply', () => {
  async function streamed(
    read: (environ: Inside) => unknown,
    before: (environ: Inside) => unknown,
  ): Promise<string> {
    const visitors = visitor((environ) => {
      if (path(environ) === '/start') store(environ).set('a', 1);
      else before(environ);
      const body = (function* () {
        yield String(path(environ) === '/start' ? '' : read(environ));
      })();
      return { ...text(''), body };
    });
    await visitors.get('/start');
    return (await visitors.get('/')).text();
  }

  it('a body may read the session that was opened before', async () => {
    expect(
      await streamed(
        (environ) => store(environ).get('a'),
        (environ) => store(environ).has('a'),
      ),
    ).toBe('1');
  });

  it.each<[string, (environ: Inside) => unknown]>([
    ['set', (environ) => store(environ).set('a', 2)],
    ['destroy', (environ) => manager(environ).destroy()],
    ['setExpire', (environ) => manager(environ).setExpire(clock.now() + 1)],
  ])('%s throws REPLY_SENT', async (_, change) => {
    const late = streamed(change, (environ) => store(environ).has('a'));

    await expect(late).rejects.toMatchObject({ code: 'REPLY_SENT' });
  });

  it('opening it throws REPLY_SENT', async () => {
    await expect(
      streamed(
        (environ) => store(environ).get('a'),
        () => undefined,
      ),
    ).rejects.toMatchObject({ code: 'REPLY_SENT' });
  });
});

describe('ending a session', () => {
  const table = {
    '/start': (environ: Inside) => store(environ).set('a', 1),
    '/values': (environ: Inside) => JSON.stringify(Object.fromEntries(store(environ))),
    '/other': (environ: Inside) => manager(environ).store('other').set('b', 2),
    '/destroy': (environ: Inside) => manager(environ).destroy(),
    '/destroy-all': (environ: Inside) => manager(environ).destroy({ ignoreWarning: true }),
    '/expire-and-go-on': (environ: Inside) => {
      const before = manager(environ).sessionID;
      manager(environ).expire();
      const empty = [store(environ).keys().length, manager(environ).created];
      const after = manager(environ).sessionID;
      return [...empty, before !== after].join(' ');
    },
    '/by-hand': (environ: Inside) => {
      manager(environ).destroy({ sendCookieHeaders: false });
      return { ...text('destroyed'), headers: [manager(environ).responseHeaders.at(-1)] };
    },
    '/not-sent': (environ: Inside) => manager(environ).destroy({ sendCookieHeaders: false }),
  };

  it('destroy() asks first when other applications hold values, and then takes them all', async () => {
    const visitors = visitor(routes(table));
    await visitors.get('/start');
    await visitors.get('/other');

    await expect(visitors.get('/destroy')).rejects.toMatchObject({
      code: 'OTHER_APPS',
      name: 'SessionWarning',
    });
    expect((await visitors.get('/values')).text()).toBe('{"a":1}');
    const answer = await visitors.get('/destroy-all');

    expect(answer.header('Set-Cookie')).toBe(
      'test=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    );
    expect((await visitors.get('/values')).text()).toBe('{}');
  });

  it('expire() leaves reads empty, and the next use in the same request is a new session', async () => {
    const visitors = visitor(routes(table));
    const first = idIn(await visitors.get('/start'));

    const answer = await visitors.get('/expire-and-go-on');

    expect(answer.text()).toBe('0 true true');
    expect(setCookies(answer)).toHaveLength(1);
    expect(idIn(answer)).not.toBe(first);
    visitors.cookies.clear();
    expect((await visitors.get('/values', { headers: [['Cookie', `test=${first}`]] })).text()).toBe('{}');
  });

  it('sends the cookie once when the application sent it by hand, and not when nobody did', async () => {
    const visitors = visitor(routes(table));
    await visitors.get('/start');
    const byHand = await visitors.get('/by-hand');
    await visitors.get('/start');
    const notSent = await visitors.get('/not-sent');

    expect(setCookies(byHand)).toHaveLength(1);
    expect(idIn(byHand)).toBe('');
    expect(setCookies(notSent)).toEqual([]);
  });

  it('a session past its end is gone at once, swept or not', async () => {
    const visitors = visitor(routes({ ...table, '/why': (environ) => manager(environ).error }), {
      expire: 10,
      sweep: false,
    });
    const cookie: [string, string] = ['Cookie', `test=${idIn(await visitors.get('/start'))}`];

    clock.advance(9.999);
    expect((await visitors.get('/values', { headers: [cookie] })).text()).toBe('{"a":1}');
    clock.advance(0.001);

    expect((await visitors.get('/values', { headers: [cookie] })).text()).toBe('{}');
    expect((await visitors.get('/why', { headers: [cookie] })).text()).toBe(
      'The session has expired 0 s ago.',
    );
  });

  it('drops a commit that comes after the end, with its cookie', async () => {
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const outcomes: string[] = [];
    const application = environmentOf(
      routes({
        ...table,
        '/slow': async (environ) => {
          store(environ).set('a', 2);
          manager(environ).setExpire(manager(environ).expireTime + 5);
          environ['tsgi.finished'].push(() => void outcomes.push(manager(environ).outcome));
          await paused;
        },
      }),
    );
    const slow = visit(application);
    const other = visit(application);
    const id = idIn(await slow.get('/start'));
    other.cookies.set('test', id);

    const late = slow.get('/slow');
    await other.get('/destroy');
    resume();

    expect(setCookies(await late)).toEqual([]);
    expect(outcomes).toEqual(['dropped']);
    expect((await slow.get('/values')).text()).toBe('{}');
  });
});

function environmentOf(app: App, options: Partial<SessionOptions> = {}): Application {
  return environment(session(app, { app: 'test', clock, ...options }), { name: 'test', storage: 'memory' });
}

describe('the manager and other sessions', () => {
  it('loads, checks, prolongs and ends a session by its id', async () => {
    const visitors = visitor(
      routes({
        '/start': (environ) => store(environ).set('a', 1),
        '/load': async (environ) => {
          const id = environ.QUERY_STRING;
          const answers = [await manager(environ).exists(id), await manager(environ).valid(id)];
          await manager(environ).setExpire(clock.now() + 50, { sessionID: id });
          answers.push(await manager(environ).load(id));
          return JSON.stringify([
            ...answers,
            store(environ).get('a'),
            manager(environ).expireTime - clock.now(),
          ]);
        },
        '/end': async (environ) => {
          await manager(environ).destroy({ sessionID: environ.QUERY_STRING });
          return manager(environ).exists(environ.QUERY_STRING);
        },
        '/valid': (environ) => manager(environ).valid(environ.QUERY_STRING),
        '/unsaved': (environ) => {
          store(environ).set('a', 9);
          return manager(environ).load(environ.QUERY_STRING);
        },
      }),
    );
    const id = idIn(await visitors.get('/start'));
    visitors.cookies.clear();

    expect((await visitors.get(`/load?${id}`)).text()).toBe('[true,true,true,1,50]');
    await expect(visitors.get(`/unsaved?${id}`)).rejects.toMatchObject({ code: 'UNSAVED' });
    expect((await visitors.get(`/end?${id}`)).text()).toBe('false');
    await expect(visitors.get(`/valid?${id}`)).rejects.toMatchObject({ code: 'NO_SESSION' });
  });

  it('refuses an end that is not in the future, and a length that is not one', async () => {
    const visitors = visitor(
      routes({
        '/past': (environ) => manager(environ).setExpire(clock.now()),
        '/length': (environ) => manager(environ).setExpire(3600),
        '/nan': (environ) => manager(environ).setExpire(NaN),
        '/create': (environ) => manager(environ).create({ expire: 0 }),
      }),
    );

    for (const address of ['/past', '/length', '/nan']) {
      await expect(visitors.get(address)).rejects.toMatchObject({ code: 'EXPIRE_PAST' });
    }
    await expect(visitors.get('/create')).rejects.toMatchObject({ code: 'BAD_EXPIRE' });
  });

  it('cleanup() removes what has ended between two moments, and warns of the future', async () => {
    const visitors = visitor(
      routes({
        '/start': (environ) => store(environ).set('a', 1),
        '/cleanup': (environ) => manager(environ).cleanup(),
        '/before': (environ) => manager(environ).cleanup({ max: clock.now() - 100 }),
        '/future': (environ) => manager(environ).cleanup({ max: clock.now() + 100 }),
        '/meant': (environ) => manager(environ).cleanup({ max: clock.now() + 100, ignoreWarning: true }),
      }),
      { expire: 10, sweep: false },
    );
    for (let i = 0; i < 3; i += 1) {
      visitors.cookies.clear();
      await visitors.get('/start');
    }
    clock.advance(11);
    visitors.cookies.clear();
    await visitors.get('/start');

    expect((await visitors.get('/before')).text()).toBe('0');
    expect((await visitors.get('/cleanup')).text()).toBe('3');
    await expect(visitors.get('/future')).rejects.toMatchObject({ code: 'CLEANUP_FUTURE' });
    expect((await visitors.get('/meant')).text()).toBe('1');
  });

  it('compareAndSet() commits alone and at once', async () => {
    const visitors = visitor(
      routes({
        '/swap': async (environ) => {
          store(environ).set('other', 1);
          const first = await store(environ).compareAndSet('lock', undefined, { owner: 'me' });
          const second = await store(environ).compareAndSet('lock', undefined, { owner: 'you' });
          const third = await store(environ).compareAndSet('lock', { owner: 'me' }, { owner: 'us' });
          return { ...text(`${first} ${second} ${third}`), status: '500 No' };
        },
        '/values': (environ) => JSON.stringify(Object.fromEntries(store(environ))),
      }),
    );

    expect((await visitors.get('/swap')).text()).toBe('true false true');
    expect((await visitors.get('/values')).text()).toBe('{"lock":{"owner":"us"}}');
  });
});

describe('the cookie', () => {
  const app = routes({
    '/start': (environ) => store(environ).increment('n'),
    '/key': (environ) => manager(environ).key,
    '/prolong': (environ) => manager(environ).setExpire(manager(environ).expireTime + 5),
    '/forget': (environ) => manager(environ).deleteCookie(),
    '/redirect': (environ) => {
      store(environ).set('a', 1);
      return { ...text(''), status: '303 See Other' };
    },
    '/304': (environ) => {
      store(environ).set('a', 1);
      return { ...text(''), status: '304 Not Modified' };
    },
  });

  it('is host-only, http-only and lax, ends with the session, and is sent when it is new or moved', async () => {
    const visitors = visitor(app, { expire: 10 });

    const first = await visitors.get('/start');
    const again = await visitors.get('/start');
    clock.advance(2);
    const moved = await visitors.get('/prolong');

    expect(first.header('Set-Cookie')).toMatch(
      /^test=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=10; Expires=Fri, 15 Jan 2027 08:00:10 GMT$/,
    );
    expect(setCookies(again)).toEqual([]);
    expect(moved.header('Set-Cookie')).toMatch(/Max-Age=13; Expires=Fri, 15 Jan 2027 08:00:15 GMT$/);
    expect(idIn(moved)).toBe(idIn(first));
  });

  it('is Secure and __Host- over https, and neither is read in the other’s place', async () => {
    const application = environmentOf(app);
    const https = visit(application, { scheme: 'https' });
    const http = visit(application);

    const secure = await https.get('/start');

    expect(secure.header('Set-Cookie')).toMatch(/^__Host-test=[\w-]{43}; .*Secure/);
    expect((await https.get('/key')).text()).toBe('__Host-test');
    expect((await http.get('/key')).text()).toBe('test');
    const crossed = await http.get('/start', { headers: [['Cookie', `__Host-test=${idIn(secure)}`]] });
    expect(crossed.text()).toBe('1');
    expect(setCookies(crossed)).toHaveLength(1);
  });

  it.each(['/redirect', '/304'])('goes with %s too', async (address) => {
    expect(setCookies(await visitor(app).get(address))).toHaveLength(1);
  });

  it('goes with HEAD as with GET', async () => {
    expect(setCookies(await visitor(app).request('HEAD', '/start'))).toHaveLength(1);
  });

  it('is forgotten by deleteCookie() while the session stays', async () => {
    const visitors = visitor(app);
    const id = idIn(await visitors.get('/start'));

    expect((await visitors.get('/forget')).header('Set-Cookie')).toMatch(/^test=;.*Max-Age=0/);

    expect((await visitors.get('/start', { headers: [['Cookie', `test=${id}`]] })).text()).toBe('2');
  });

  it('is warned of once when it travels over plain http beyond this machine', async () => {
    const application = environmentOf(app);
    const near = visit(application, { environ: { REMOTE_ADDR: '127.0.0.1' } });
    const far = visit(application, { environ: { REMOTE_ADDR: '192.0.2.7' } });

    await near.get('/start');
    expect(near.errors).toBe('');
    await far.get('/start');
    far.cookies.clear();
    await far.get('/start');

    expect(far.errors.match(/over plain http/g)).toHaveLength(1);
  });
});

describe('a session that ends in the middle of a request', () => {
  const table = {
    '/start': (environ: Inside) => store(environ).set('a', 1),
    '/values': (environ: Inside) => JSON.stringify(Object.fromEntries(store(environ))),
    '/logout': (environ: Inside) => manager(environ).destroy(),
    '/reload': async (environ: Inside) => {
      const id = manager(environ).sessionID;
      manager(environ).expire();
      const found = await manager(environ).load(id);
      store(environ).set('b', 2);
      return JSON.stringify([found, Object.fromEntries(store(environ))]);
    },
  };

  it('cannot be loaded again in it', async () => {
    const visitors = visitor(routes(table));
    const first = idIn(await visitors.get('/start'));

    const answer = await visitors.get('/reload');

    expect(answer.text()).toBe('[false,{"b":2}]');
    expect(idIn(answer)).not.toBe(first);
    expect((await visitors.get('/values')).text()).toBe('{"b":2}');
  });

  it('gives way to a new one, whose cookie leaves even when somebody else had ended the old one before', async () => {
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const application = environmentOf(
      routes({
        ...table,
        '/sign-in': async (environ) => {
          manager(environ).expire();
          store(environ).set('user', 'anna');
          await paused;
        },
      }),
    );
    const [one, other] = [visit(application), visit(application)];
    other.cookies.set('test', idIn(await one.get('/start')));

    const signIn = one.get('/sign-in');
    await other.get('/logout');
    resume();

    expect(setCookies(await signIn)).toHaveLength(1);
    expect((await one.get('/values')).text()).toBe('{"user":"anna"}');
  });

  it('is not lost under a load() that was not awaited', async () => {
    const visitors = visitor(
      routes({
        ...table,
        '/load': async (environ) => {
          const loading = manager(environ).load(environ.QUERY_STRING);
          store(environ).set('x', 1);
          return loading.catch((error: unknown) => (error as SessionError).code);
        },
      }),
    );
    const id = idIn(await visitors.get('/start'));
    visitors.cookies.clear();

    expect((await visitors.get(`/load?${id}`)).text()).toBe('UNSAVED');
    expect((await visitors.get('/values')).text()).toBe('{"x":1}');
  });
});

describe('the manager’s own session', () => {
  it('is read again by load(), before its cookie came back too', async () => {
    const visitors = visitor(
      routes({
        '/': async (environ) => {
          const none = [await manager(environ).load(), manager(environ).error ?? 'no error'];
          store(environ).set('a', 1);
          await manager(environ).save();
          return JSON.stringify([...none, await manager(environ).load(), store(environ).get('a')]);
        },
      }),
    );

    expect((await visitors.get('/')).text()).toBe('[false,"no error",true,1]');
  });

  it('is prolonged by its id as without', async () => {
    const visitors = visitor(
      routes({
        '/start': (environ) => store(environ).set('a', 1),
        '/': async (environ) => {
          const { sessionID } = manager(environ);
          await manager(environ).setExpire(clock.now() + 7, { sessionID });
          return manager(environ).expireTime - clock.now();
        },
      }),
    );
    await visitors.get('/start');

    const answer = await visitors.get('/');

    expect(answer.text()).toBe('7');
    expect(answer.header('Set-Cookie')).toContain('Max-Age=7');
  });

  it('does not compare a key that has unsaved changes', async () => {
    const visitors = visitor(
      routes({
        '/': (environ) => {
          store(environ).set('a', 1);
          return store(environ).compareAndSet('a', 1, 2);
        },
      }),
    );

    await expect(visitors.get('/')).rejects.toMatchObject({ code: 'UNSAVED' });
  });
});

describe('a save() that nobody waits for', () => {
  it('does not end the process when it fails, and the reply says that it failed', async () => {
    let calls = 0;
    const { application } = onFile(
      routes({
        '/': (environ) => {
          store(environ).update('a', () => {
            calls += 1;
            if (calls > 2) throw new Error('broken while it is committed');
            return 1;
          });
          void manager(environ).save();
        },
      }),
    );

    await expect(visit(application).get('/')).rejects.toThrow('broken while it is committed');
  });
});

describe('what keeps nothing', () => {
  it.each<[string, (environ: Inside) => unknown]>([
    ['a value that is refused', (environ) => expect(() => store(environ).set('x', /x/ as never)).toThrow()],
    ['an update to nothing', (environ) => store(environ).update('x', (value) => value)],
    [
      'an update to what is refused',
      (environ) => expect(() => store(environ).update('x', () => NaN)).toThrow(),
    ],
    ['a comparison that fails', (environ) => store(environ).compareAndSet('x', 'old', 'new')],
    [
      'a failing comparison with what is refused',
      (environ) =>
        store(environ)
          .compareAndSet('x', 'old', NaN)
          .catch(() => ''),
    ],
  ])('makes no session: %s', async (_, use) => {
    expect(setCookies(await visitor(routes({ '/': use })).get('/'))).toEqual([]);
  });
});

describe('a layer that calls twice', () => {
  it('gets a session for each call', async () => {
    const retry = layer<'retry', unknown, unknown>('retry', {}, (application) => async (environ) => {
      await application(environ);
      return application(environ);
    });
    const application: Application = environment(
      retry(
        session((environ: Inside) => text(String(store(environ).increment('n'))), { app: 'test', clock }),
      ),
      { name: 'test', storage: 'memory' },
    );
    const visitors = visit(application);

    expect((await visitors.get('/')).text()).toBe('1');
    expect((await visitors.get('/')).text()).toBe('3');
  });
});

describe('two session layers', () => {
  it('in one environment share session, cookie and commit, and each has its own store', async () => {
    let outside: unknown;
    const inner = session(
      (environ: Inside) => {
        store(environ).set('who', 'inner');
        return text(environ['web.session.store'].app);
      },
      { app: 'inner', clock },
    );
    const outer: App = async (environ) => {
      store(environ).set('who', 'outer');
      const reply = await inner(environ);
      outside = [
        environ['web.session.store'].app,
        manager(environ).store('inner').get('who'),
        store(environ).get('who'),
      ];
      return reply;
    };
    const application: Application = environment(
      session(asLayerAround(outer, inner), { app: 'outer', clock }),
      { name: 'test', storage: 'memory' },
    );

    const answer = await visit(application).get('/');

    expect(answer.text()).toBe('inner');
    expect(outside).toEqual(['outer', 'inner', 'outer']);
    expect(setCookies(answer)).toHaveLength(1);
  });

  it('in one environment may not differ in their cookie', async () => {
    const inner = session(() => text(''), { app: 'inner', clock, cookie: { path: '/x' } });
    const application: Application = environment(session(inner, { app: 'outer', clock }), {
      name: 'test',
      storage: 'memory',
    });

    await expect(visit(application).get('/')).rejects.toMatchObject({ code: 'COOKIE_DIFFERS' });
  });

  it('in one environment each warn of the other’s values', async () => {
    const inner = session(
      (environ: Inside) => {
        store(environ).set('mine', 1);
        manager(environ).destroy();
        return text('destroyed');
      },
      { app: 'inner', clock },
    );
    const application: Application = environment(
      session(
        asLayerAround((environ) => {
          if (environ.QUERY_STRING !== '') store(environ).set('theirs', 1);
          return inner(environ);
        }, inner),
        { app: 'outer', clock },
      ),
      { name: 'test', storage: 'memory' },
    );
    const visitors = visit(application);

    expect((await visitors.get('/')).text()).toBe('destroyed');
    await expect(visitors.get('/?both')).rejects.toThrow(
      'Other applications hold values in this session: outer.',
    );
  });

  it('in two environments have two sessions and two cookies, and the inner keys are gone outside', async () => {
    const inner = environment(
      session((environ) => text(String(store(environ).increment('n'))), { app: 'inner', clock }),
      { name: 'inner', storage: 'memory' },
    );
    const outer: App = async (environ) => {
      const reply = await inner(environ);
      store(environ).set('name', environ['web.environment.name']);
      return reply;
    };
    const application: Application = environment(
      session(asLayerAround(outer, inner), { app: 'outer', clock }),
      { name: 'outer', storage: 'memory' },
    );
    const visitors = visit(application);

    const first = await visitors.get('/');
    const second = await visitors.get('/');

    expect(setCookies(first).map((cookie) => cookie.split('=')[0])).toEqual(['inner', 'outer']);
    expect(second.text()).toBe('2');
    expect(setCookies(second)).toEqual([]);
  });

  /** An application around a layer: recorded as one, so that the layer is opened too. */
  function asLayerAround<E, L extends string>(app: App, inner: Application<E, L>): Application<Inside> {
    const around = layer<'around', unknown, unknown>('around', {}, () => app as unknown as Application);
    return around(inner as unknown as Application);
  }
});

describe('a driver that cannot read at once', () => {
  class SlowDriver extends MemoryDriver {
    loads = 0;
    override readonly loadNow = undefined as never;
    override load(key: Parameters<Driver['load']>[0]) {
      this.loads += 1;
      return Promise.resolve(MemoryDriver.prototype.loadNow.call(this, key));
    }
  }

  it('is read before the application runs, and only when a well-formed cookie came', async () => {
    const driver = new SlowDriver();
    const slow = layer<'environment', EnvironmentLayer, unknown>(
      'environment',
      { sets: ['web.environment.name', 'web.environment.driver'] },
      (application) => ({
        answer: (environ) =>
          application(
            Object.assign(environ as Inside, {
              'web.environment.name': 'test',
              'web.environment.driver': driver,
            }),
          ),
        open: () => ({ 'web.environment.name': 'test', 'web.environment.driver': driver }),
      }),
    );
    const application: Application = slow(
      session((environ: Inside) => text(String(store(environ).increment('n'))), {
        app: 'test',
        clock,
        sweep: false,
      }),
    );
    const visitors = visit(application);

    expect((await visitors.get('/')).text()).toBe('1');
    await visitors.get('/', { headers: [['Cookie', 'test=malformed']] });
    expect(driver.loads).toBe(0);
    expect((await visitors.get('/')).text()).toBe('2');
    expect(driver.loads).toBe(1);
  });
});

describe('clean-up', () => {
  it('sweeps what has ended while the application is open, and not in a program that serves one request', async () => {
    const { application, statements } = onFile(
      routes({ '/': (environ) => store(environ).set('a', 1), '/none': () => '' }),
      { expire: 10, sweep: 60 },
    );
    const visitors = visit(application);
    await visitors.get('/');
    expect(clock.pending).toBe(1);
    statements.length = 0;

    clock.advance(100);
    await visitors.get('/none');
    await new Promise((resolve) => setImmediate(resolve));
    await visitors.close();

    expect(statements.some((sql) => sql.startsWith('DELETE FROM testSessions'))).toBe(true);
    expect(clock.pending).toBe(0);
    const once = visit(application, { environ: { 'tsgi.run_once': true } });
    await once.get('/none');
    expect(clock.pending).toBe(0);
  });
});

describe('secrets', () => {
  it('keeps no cookie value of a live session in the file, its log or tsgi.errors', async () => {
    const { application, file } = onFile(
      routes({
        '/': (environ) => store(environ).increment('n'),
        '/fail': () => {
          throw new SessionError('NO_SESSION', 'failing on purpose');
        },
      }),
    );
    const ids: string[] = [];
    let log = '';
    for (let i = 0; i < 20; i += 1) {
      const visitors = visit(application);
      ids.push(idIn(await visitors.get('/')));
      await visitors.get('/');
      await visitors.get('/fail').catch(() => undefined);
      log += visitors.errors;
    }

    const kept = [file, `${file}-wal`].map((name) => readFileSync(name, 'latin1')).join('') + log;

    expect(new Set(ids).size).toBe(20);
    expect(ids.filter((id) => kept.includes(id))).toEqual([]);
    expect(kept).toContain('testSessions');
  });
});

describe('a stored value that cannot be decoded', () => {
  it('is an error that names the key and says nothing of the value', async () => {
    const { application } = onFile(
      routes({
        '/': (environ) => store(environ).set('card', 'number 4242'),
        '/damage': (environ) =>
          (environ as Inside & DatabaseLayer)['web.database.connection'].execute(
            `UPDATE testSessionStore SET value = '"number 4242'`,
          ).rowCount,
        '/read': (environ) => store(environ).get('card'),
        '/anew': (environ) => store(environ).set('card', 'none'),
      }),
    );
    const visitors = visit(application);
    await visitors.get('/');
    expect((await visitors.get('/damage')).text()).toBe('1');

    const failure = (await visitors.get('/read').catch((error: unknown) => error)) as SessionError;

    expect(failure.code).toBe('CORRUPT_VALUE');
    expect(failure.message).toContain('the key "card" cannot be decoded');
    expect(inspect(failure)).not.toContain('4242');
    await visitors.get('/anew');
    expect((await visitors.get('/read')).text()).toBe('none');
  });
});

describe('options', () => {
  it.each<[string, Partial<SessionOptions>, string]>([
    ['an application name with a space', { app: 'my app' }, 'BAD_APP'],
    ['no application name', { app: '' }, 'BAD_APP'],
    ['a negative life', { expire: -1 }, 'BAD_EXPIRE'],
    ['a life that is no number', { expire: NaN }, 'BAD_EXPIRE'],
    ['a limit of nothing', { limits: { value: 0 } }, 'BAD_LIMITS'],
    ['a sweep without a wait', { sweep: 0 }, 'BAD_SWEEP'],
    ['a sweep that never comes', { sweep: Infinity }, 'BAD_SWEEP'],
    ['a cookie that no browser takes', { cookie: { sameSite: 'none' } }, 'BAD_COOKIE'],
  ])('are refused when the layer is made: %s', (_, options, code) => {
    expect(() => session(() => text(''), { app: 'test', ...options })).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('say how much may be kept', async () => {
    const visitors = visitor(routes({ '/': (environ) => store(environ).set('cart', 'much tea') }), {
      limits: { value: 10 },
    });

    await expect(visitors.get('/')).rejects.toMatchObject({ code: 'TOO_LARGE', status: 413 });
  });

  it('without setupEnvironment ask for tables that are there', async () => {
    const { application } = onFile(() => text(''), { setupEnvironment: false });

    await expect(visit(application).get('/')).rejects.toMatchObject({
      code: 'NO_TABLES',
      message:
        'The environment was not created yet. Give session() setupEnvironment: true, or run createEnvironment().',
    });
  });
});
