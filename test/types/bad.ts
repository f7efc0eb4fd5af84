/**
 * Stacks that must not compile. What follows `@ts-expect-error` is what the compiler must say: `types.test.ts` compares
 * the texts, and puts the stacks together to hear the same sentences at run time.
 */
import { serve } from '../../src/gateways/node.js';
import {
  type Application,
  cgi,
  database,
  environment,
  error,
  json,
  type Manager,
  type Power,
  session,
  type Store,
  urlmap,
} from '../../src/index.js';
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

const inEnvironment = environment(visits, memory);
const mapped = urlmap({ '/a': plain, '/b': inEnvironment });

/** In the wrong order. */
export const wrongOrders: readonly (() => unknown)[] = [
  // @ts-expect-error: session() must be inside environment(), not around it
  () => session(inEnvironment, counter),
  // @ts-expect-error: session() must be inside environment(), not around it
  () => session(environment(plain, stored), counter),
  // @ts-expect-error: session() must be inside environment(), not around it
  () => session(cgi(error(inEnvironment)), counter),
  // @ts-expect-error: session() must be inside environment(), not around it
  () => session(mapped, counter),
  // @ts-expect-error: session() must be inside environment(), not around it
  () => session(urlmap({ '/a': mapped, '/b': (environ) => plain(environ) }), counter),
  // @ts-expect-error: session() must be inside environment(), not around it
  () => database(session(environment(visits, stored), counter), file),
  // @ts-expect-error: environment() must be inside database(), not around it
  () => environment(database(plain, file), stored),
  // @ts-expect-error: environment() must be inside database(), not around it
  () => environment(session(error(database(plain, file)), counter), memory),
  // @ts-expect-error: report() must be inside database(), not around it
  () => report(database(reports, file)),
  // @ts-expect-error: report() must be inside environment(), not around it
  () => report(error(environment(reports, memory)), { title: 'Own' }),
];

const noEnvironment = session(visits, counter);
const noDatabase = environment(noEnvironment, stored);
const noForm = environment(session(greets, counter), memory);
const noReport = urlmap({ '/a': reports, '/b': plain });

/** With a layer that is missing. */
export const missing: readonly (() => unknown)[] = [
  // @ts-expect-error: Type 'Environ' is missing the following properties from type 'EnvironmentLayer': 'web.environment.name', 'web.environment.type', 'web.environment.driver'
  () => serve(noEnvironment),
  // @ts-expect-error: Type 'Environ' is missing the following properties from type 'EnvironmentLayer': 'web.environment.name', 'web.environment.type', 'web.environment.driver'
  () => serve(error(session(visits, counter))),
  // @ts-expect-error: Type 'Environ' is missing the following properties from type 'DatabaseLayer<SqliteConnection>': 'web.database.connection', 'web.database.cursor'
  () => serve(noDatabase),
  // @ts-expect-error: Type 'Environ' is missing the following properties from type 'DatabaseLayer<SqliteConnection>': 'web.database.connection', 'web.database.cursor'
  () => client(noDatabase),
  // @ts-expect-error: Property ''web.cgi'' is missing in type 'Environ' but required in type 'CgiLayer'.
  () => serve(noForm),
  // @ts-expect-error: Property ''web.cgi'' is missing in type 'Environ' but required in type 'CgiLayer'.
  (): Application => database(noForm, file),
  // @ts-expect-error: Property ''web.report'' is missing in type 'Environ' but required in type 'ReportLayer'.
  () => serve(noReport),
  // @ts-expect-error: Type 'Environ & EnvironmentLayer' is missing the following properties from type 'SessionLayer': 'web.session.driver', 'web.session.manager', 'web.session.store'
  () => serve(environment(urlmap({ '/a': visits, '/b': (environ) => plain(environ) }), memory)),
];

/** With a slip of the pen. */
export const slips: readonly (() => unknown)[] = [
  // @ts-expect-error: Object literal may only specify known properties, and 'ap' does not exist in type 'SessionOptions'.
  () => session(visits, { ap: 'counter' }),
  // @ts-expect-error: Expected 2 arguments, but got 1.
  () => session(visits),
  // @ts-expect-error: Type '"disk"' is not assignable to type 'Driver | Storage'.
  () => environment(visits, { name: 'env', storage: 'disk' }),
  // @ts-expect-error: Type '{ powers: Set<Power>; }' is missing the following properties from type 'Driver': completeEnvironment, createEnvironment, removeEnvironment, load, and 3 more.
  () => environment(visits, { name: 'env', storage: { powers: new Set<Power>() } }),
  // @ts-expect-error: Type 'string' is not assignable to type 'never'.
  () => environment(visits, { name: 'env', storage: 'file', folder: 'sessions' }),
  // @ts-expect-error: Property 'web.cgy' does not exist on type 'Environ & CgiLayer'. Did you mean 'web.cgi'?
  () => cgi((environ) => json(environ['web.cgy'])),
  // @ts-expect-error: Type 'string' is not assignable to type 'Reply | Promise<Reply>'.
  () => error(() => 'hello'),
  // @ts-expect-error: Type 'string' is not assignable to type 'Reply | Promise<Reply>'.
  () => urlmap({ '/a': () => 'hello' }),
];

declare const manager: Manager;
const shop = (): Store<Cart> => manager.store<Cart>('shop');
const cart = {
  items: [],
  count: 0,
  since: new Date(0),
  byName: new Map<string, Item>(),
  size: 'small',
} as const;

/** With the wrong values in a store. */
export const wrongValues: readonly (() => unknown)[] = [
  // @ts-expect-error: Argument of type '"itmes"' is not assignable to parameter of type '"items" | "count" | "since" | "byName" | "size" | "coupon"'.
  () => shop().get('itmes'),
  // @ts-expect-error: Argument of type '"total"' is not assignable to parameter of type '"items" | "count" | "since" | "byName" | "size" | "coupon"'.
  () => shop().set('total', 1),
  // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'.
  () => shop().set('count', '1'),
  // @ts-expect-error: Argument of type 'undefined' is not assignable to parameter of type 'string'.
  () => shop().set('coupon', undefined),
  // @ts-expect-error: Argument of type '"huge"' is not assignable to parameter of type '"small" | "large"'.
  () => shop().set('size', 'huge'),
  // @ts-expect-error: Object is possibly 'undefined'.
  () => shop().get('items').length,
  // @ts-expect-error: Argument of type '"size"' is not assignable to parameter of type '"count"'.
  () => shop().increment('size'),
  // @ts-expect-error: Type 'string' is not assignable to type 'number'.
  () => shop().update('count', () => 'one'),
  // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'.
  () => shop().compareAndSet('count', 1, 'two'),
  // @ts-expect-error: Object literal may only specify known properties, and 'total' does not exist in type 'Cart'.
  () => manager.store<Cart>('shop', { ...cart, total: 1 }),
  // @ts-expect-error: Type '{ count: number; }' is missing the following properties from type 'Cart': items, since, byName, size
  () => manager.store<Cart>('shop', { count: 0 }),
  // @ts-expect-error: Type '() => void' is not assignable to type 'never'.
  () => manager.store<{ open: () => void }>('shop'),
  // @ts-expect-error: Type '() => string' is not assignable to type 'never'.
  () => manager.store<{ home: URL }>('shop'),
  // @ts-expect-error: Index signature for type 'string' is missing in type 'RegExp'.
  () => manager.store('shop').set('pattern', /x/),
  // @ts-expect-error: Argument of type 'undefined' is not assignable to parameter of type 'Value'.
  () => manager.store('shop').set('cart', undefined),
];

/** Stacks that compile as long as nobody serves them, and the sentence that is heard when they open. */
export const unopenable: readonly (readonly [sentence: string, application: Application<never>])[] = [
  [
    "session() needs 'web.environment.name', and no layer around it sets it. Put environment() around session().",
    noEnvironment,
  ],
  [
    "session() needs 'web.environment.name', and no layer around it sets it. Put environment() around session().",
    urlmap({ '/a': plain, '/b': error(noEnvironment) }),
  ],
  [
    "environment() needs 'web.database.connection', and no layer around it sets it. Put database() around environment().",
    noDatabase,
  ],
  [
    "report() needs 'web.database.connection', and no layer around it sets it. Put database() around report().",
    environment(report(reports), memory),
  ],
];
