import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SqliteDatabase } from '../../src/database/sqlite.js';
import type { Value } from '../../src/stores/codec.js';
import type { Driver } from '../../src/stores/driver.js';
import { checkedLimits } from '../../src/stores/limits.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { SqliteDriver } from '../../src/stores/sqlite.js';
import type { Store } from '../../src/stores/store.js';
import { temporaryFolder } from '../support/processes.js';
import { type OneVisit, type Site, siteOn } from '../support/visits.js';

/** Something that one application does in a request. It may fail. */
type Deed = (store: Store, visit: OneVisit) => unknown;

const key = fc.constantFrom('a', 'b', '', '__proto__', 'constructor');
const value = fc.constantFrom<Value>(
  0,
  'text',
  null,
  [1],
  new Date(0),
  new Map([['a', 1n]]),
  'x'.repeat(300),
);
const plain = fc.dictionary(key, value, { noNullPrototype: true });

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.tuple(key, value).map(
    ([key, value]): Deed =>
      (store) =>
        store.set(key, value),
  ),
  key.map(
    (key): Deed =>
      (store) =>
        store.delete(key),
  ),
  fc.constant<Deed>((store) => store.empty()),
  fc.tuple(key, fc.option(value, { nil: undefined })).map(
    ([key, after]): Deed =>
      (store) =>
        store.update(key, () => after),
  ),
  key.map(
    (key): Deed =>
      (store) =>
        store.increment(key),
  ),
  fc.tuple(key, value).map(
    ([key, value]): Deed =>
      (store) =>
        store.compareAndSet(key, store.get(key), value),
  ),
  fc.constant<Deed>((_, { manager }) => manager.rollback()),
  fc.constant<Deed>((_, { manager }) => manager.save()),
);

/** Names that a mistake might take for each other. */
const names = fc.constantFrom(
  ['shop', 'forum'],
  ['shop', 'Shop'],
  ['a', 'a.b'],
  ['a_b', 'a-b'],
  ['__proto__', 'constructor'],
) as fc.Arbitrary<[string, string]>;

async function attempt(deed: Deed, visit: OneVisit, app: string): Promise<void> {
  try {
    await deed(visit.manager.store(app), visit);
  } catch {
    // what fails must leave the other application alone too
  }
}

/** What an application reads in a request, and in one that begins now. */
function read(shop: Site<Driver>, { manager }: OneVisit, app: string): unknown {
  const { sessionID } = manager;
  return [manager.store(app).items(), shop.visit(sessionID).manager.store(app).items()];
}

async function stored(shop: Site<Driver>, { manager }: OneVisit, app: string): Promise<unknown> {
  return (await shop.stored(manager.sessionID))?.[app];
}

describe('what one application does', () => {
  const folder = temporaryFolder();
  let database: SqliteDatabase;

  beforeAll(async () => {
    const options = {
      database: folder.file('isolation.db'),
      autoCreate: true,
      durability: 'process',
    } as const;
    database = await SqliteDatabase.open(options);
    await SqliteDriver.of(database, 'isolation').createEnvironment();
  });

  afterAll(async () => {
    await database.close();
    folder.remove();
  });

  it.each<[string, () => Driver, number]>([
    ['memory', () => new MemoryDriver(), 500],
    ['SQLite', () => SqliteDriver.of(database, 'isolation'), 150],
  ])(
    'never changes what another reads in the same session, or what is stored for it: %s',
    async (_, driver, numRuns) => {
      const limits = checkedLimits({ value: 400, app: 700, session: 1200 });
      const shop = siteOn(driver(), { limits });
      let changed = 0;

      await fc.assert(
        fc.asyncProperty(
          names,
          plain,
          plain,
          fc.array(deed, { maxLength: 10 }),
          fc.boolean(),
          async ([actor, other], actorsValues, othersValues, deeds, keep) => {
            const first = shop.visit();
            first.manager.create();
            for (const [key, value] of Object.entries(othersValues))
              await attempt((store) => store.set(key, value), first, other);
            for (const [key, value] of Object.entries(actorsValues))
              await attempt((store) => store.set(key, value), first, actor);
            const { sessionID } = first.manager;
            await first.visit.finish(true);
            const visit = shop.visit(sessionID);
            const before = [read(shop, visit, other), await stored(shop, visit, other)];
            const own = await stored(shop, visit, actor);

            for (const one of deeds) {
              await attempt(one, visit, actor);
              expect([read(shop, visit, other), await stored(shop, visit, other)]).toEqual(before);
            }
            await visit.visit.finish(keep);

            expect([read(shop, visit, other), await stored(shop, visit, other)]).toEqual(before);
            if (JSON.stringify(await stored(shop, visit, actor)) !== JSON.stringify(own)) changed += 1;
          },
        ),
        { numRuns },
      );

      expect(changed).toBeGreaterThan(numRuns / 10); // the deeds do something
    },
  );
});
