/**
 * Stacks that compile: `npx tsc` reads them. `types.test.ts` runs this file too, so what the compiler allows is known to
 * be what the layers allow when they are put together.
 */
import { expectTypeOf } from 'expect-type';
import { serve } from '../../src/gateways/node.js';
import {
  type Application,
  BaseApplication,
  cgi,
  database,
  type Driver,
  type Environ,
  environment,
  error,
  type Form,
  fromWsgi,
  type Manager,
  session,
  type SessionLayer,
  type SqliteConnection,
  type Store,
  text,
  urlmap,
  type Value,
} from '../../src/index.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { client } from '../../src/testing/index.js';
import {
  type Cart,
  counter,
  file,
  greets,
  type Item,
  memory,
  plain,
  report,
  reports,
  stored,
  visits,
} from './layers.js';

/** The first example of the README: an inline arrow sees every key of the layers around it. */
export const firstExample: Application = error(
  database(
    environment(
      session(
        cgi((environ) => {
          expectTypeOf(environ.PATH_INFO).toEqualTypeOf<string>();
          expectTypeOf(environ['web.database.connection']).toEqualTypeOf<SqliteConnection>();
          expectTypeOf(environ['web.database.cursor']).toEqualTypeOf<
            ReturnType<SqliteConnection['cursor']>
          >();
          expectTypeOf(environ['web.environment.name']).toEqualTypeOf<string>();
          expectTypeOf(environ['web.environment.type']).toEqualTypeOf<
            'database' | 'memory' | 'file' | 'own'
          >();
          expectTypeOf(environ['web.environment.driver']).toEqualTypeOf<Driver>();
          expectTypeOf(environ['web.session.driver']).toEqualTypeOf<Driver>();
          expectTypeOf(environ['web.session.manager']).toEqualTypeOf<Manager>();
          expectTypeOf(environ['web.session.store']).toEqualTypeOf<Store>();
          expectTypeOf(environ['web.cgi']).toEqualTypeOf<Form>();
          return text(`visit ${String(environ['web.session.store'].increment('visits'))}`);
        }),
        { app: 'counter', expire: 3600, setupEnvironment: true },
      ),
      { name: 'testEnv', storage: 'database' },
    ),
    { adapter: 'better-sqlite3', database: 'never-opened.db', autoCreate: true },
  ),
);

/** The same holds where a stack is given to a host at once. */
export const hosted = () => [
  serve(
    database(
      environment(
        session((environ) => visits(environ), counter),
        stored,
      ),
      file,
    ),
  ),
  client(
    environment(
      session(
        cgi((environ) => greets(environ)),
        counter,
      ),
      memory,
    ),
  ),
];

/** An asynchronous arrow is as good. */
export const asynchronous: Application = environment(
  session(async (environ) => {
    await environ['web.session.manager'].cleanup();
    return text(environ['web.environment.name']);
  }, counter),
  memory,
);

/** Layers may be put on one by one. */
const withSession = session(visits, counter);
const withEnvironment = environment(withSession, stored);
export const inParts: Application = database(withEnvironment, file);

/** Memory needs no database, and may have one. */
export const inMemory: Application = environment(session(visits, counter), memory);
export const besideDatabase: Application = database(environment(session(visits, counter), memory), file);

/** Files need no database either, nor does a driver of one's own. */
export const inFiles: Application = environment(session(visits, counter), {
  name: 'goodEnv',
  storage: 'file',
  directory: 'never-opened',
});
export const inOwnDriver: Application = environment(
  session((environ) => visits(environ), counter),
  { name: 'goodEnv', storage: new MemoryDriver() },
);

/** Layers that do not depend on each other stand in any order, and more than once. */
export const anyOrder: Application = cgi(
  error(environment(error(cgi(session(cgi(error(greets)), counter))), memory)),
);

/** Two applications in one session, and a session of another environment inside. */
export const sessionInSession: Application = environment(
  session(session(visits, counter), { app: 'other' }),
  memory,
);
export const environmentInside: Application = environment(
  session(environment(session(visits, counter), { name: 'innerEnv', storage: 'memory' }), counter),
  memory,
);

/** A user's own layer stands among ours, with options or without. */
export const ownLayer: Application = database(environment(report(session(reports, counter)), stored), file);
export const ownLayerSeen: Application = database(
  environment(
    report((environ) => text(environ['web.environment.name'] + environ['web.report'].join()), {
      title: 'Own',
    }),
    memory,
  ),
  file,
);

class Counter extends BaseApplication<Environ & SessionLayer> {
  start() {
    this.output(String(this.environ['web.session.store'].increment('visits')));
  }
}

/** Other forms of an application say what they need too. */
export const classes: Application = environment(session(BaseApplication.of(Counter), counter), memory);
export const wsgi: Application = environment(
  session(
    fromWsgi((environ: Environ & SessionLayer, startResponse) => {
      startResponse('200 OK', []);
      return [environ['web.session.store'].app];
    }),
    counter,
  ),
  memory,
);

/** A map needs what its branches need, together; an inline arrow in it sees the layers around the map. */
export const map: Application = environment(
  session(
    cgi(
      urlmap({
        '/': plain,
        '/session': visits,
        '/form': greets,
        '/class': BaseApplication.of(Counter),
        '/inline': (environ) => {
          expectTypeOf(environ['web.session.store']).toEqualTypeOf<Store>();
          expectTypeOf(environ['web.cgi']).toEqualTypeOf<Form>();
          return text('');
        },
        '/nothing': () => text(''),
      }),
    ),
    counter,
  ),
  memory,
);

/** Branches bring layers of their own, whatever stands in the others; arrows inside those see everything around. */
export const mapOfStacks: Application = database(
  environment(
    urlmap({
      '/own': environment(session(visits, counter), { name: 'ownEnv', storage: 'memory' }),
      '/shared': session(cgi(greets), counter),
      '/nested': urlmap({ '/session': session(visits, counter), '/report': report(reports) }),
      '/arrow': session(
        cgi((environ) => {
          expectTypeOf(environ['web.cgi']).toEqualTypeOf<Form>();
          expectTypeOf(environ['web.session.store']).toEqualTypeOf<Store>();
          expectTypeOf(environ['web.environment.name']).toEqualTypeOf<string>();
          return text('');
        }),
        counter,
      ),
      '/inline': (environ) => text(environ['web.environment.name']),
    }),
    memory,
  ),
  file,
);

/** A map may be made before the layers around it, or of a list that is not known before. */
const bare = urlmap({ '/session': visits, '/form': cgi(greets), '/plain': plain });
export const mapInParts: Application = environment(session(bare, counter), memory);
export const mapOfList: Application = urlmap(Object.fromEntries(['/a', '/b'].map((path) => [path, plain])));

/** A type gives a store its keys and what they hold. */
export const typedStore = async (manager: Manager): Promise<void> => {
  const shop = manager.store<Cart>('shop');
  expectTypeOf(shop).toEqualTypeOf<Store<Cart>>();
  expectTypeOf(shop.get('items')).toEqualTypeOf<readonly Item[] | undefined>();
  expectTypeOf(shop.get('since')).toEqualTypeOf<Date | undefined>();
  expectTypeOf(shop.keys()).toEqualTypeOf<(keyof Cart)[]>();
  expectTypeOf(shop.values()).toEqualTypeOf<Required<Cart>[keyof Cart][]>();
  for (const [key, value] of shop) if (key === 'count') expectTypeOf(value).toEqualTypeOf<number>();
  expectTypeOf(shop.update('items', (items = []) => items)).toEqualTypeOf<readonly Item[] | undefined>();
  expectTypeOf(shop.increment('count')).toEqualTypeOf<number>();
  expectTypeOf(await shop.compareAndSet('size', 'small', 'large')).toEqualTypeOf<boolean>();
  shop.set('coupon', 'TEN');
  shop.update('coupon', () => undefined);
};

/** Defaults take undefined away, but for optional keys without one. */
export const storeWithDefaults = (manager: Manager): void => {
  const empty: Cart = { items: [], count: 0, since: new Date(0), byName: new Map(), size: 'small' };
  const shop = manager.store<Cart>('shop', empty);
  expectTypeOf(shop.get('items')).toEqualTypeOf<readonly Item[]>();
  expectTypeOf(shop.get('coupon')).toEqualTypeOf<string | undefined>();
  expectTypeOf(shop.update('since', (since) => new Date(since.getTime()))).toEqualTypeOf<Date>();

  const counter = manager.store('counter', { visits: 0, names: new Set<string>() });
  expectTypeOf(counter.get('visits')).toEqualTypeOf<number>();
  expectTypeOf(counter.get('names')).toEqualTypeOf<Set<string>>();
};

/** Without a type any key holds any value. */
export const untypedStore = (manager: Manager): void => {
  const any = manager.store('shop');
  expectTypeOf(any).toEqualTypeOf<Store>();
  expectTypeOf(any.get('x')).toEqualTypeOf<Value | undefined>();
  expectTypeOf(any.items()).toEqualTypeOf<[key: string, value: Value][]>();
  expectTypeOf(any.increment('x')).toEqualTypeOf<number>();
  expectTypeOf(any.update('x', (value) => value)).toEqualTypeOf<Value | undefined>();
  any.set('x', {
    at: new Date(),
    bytes: Buffer.from(''),
    maybe: undefined,
    list: [1n, new Map([[1, new Set()]])],
  });
};
