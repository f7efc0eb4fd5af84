import type { Driver } from '../../src/index.js';

/** Lets a driver do something wrong from now on, so that a test can show that it would be found. */
export function beginToLie(driver: Driver, name: string): void {
  Object.assign(driver, lieOf(name)(honestOf(driver)));
}

const ENDLESS = { createdAt: 0, accessed: 0, lifetime: 9e9, expireTime: 9e9, idle: 9e9 };

const lies: Readonly<Record<string, (honest: Driver) => Partial<Driver>>> = {
  none: () => ({}),
  'revives ended sessions': (honest) => ({
    async commit({ key, now, changes }) {
      const result = await honest.commit({ key, now, changes });
      return result === 'gone' ? honest.commit({ key, now, changes, create: ENDLESS }) : result;
    },
  }),
  'loses what others have set': (honest) => ({
    commit: (commit) => honest.commit({ ...commit, empty: commit.changes.size > 0 }),
  }),
  'keeps the first of several changes': (honest) => ({
    commit(commit) {
      const changes = [...commit.changes].map(
        ([app, { empty, keys }]) => [app, { empty, keys: new Map([...keys].slice(0, 1)) }] as const,
      );
      return honest.commit({ ...commit, changes: new Map(changes) });
    },
  }),
  'does not end what has another id by now': (honest) => ({
    async end(ending) {
      const stored = await honest.load(ending.key);
      return stored?.alias === undefined && honest.end(ending);
    },
  }),
  'never forgets an older id': (honest) => ({
    loadNow(key) {
      const stored = honest.loadNow?.(key);
      return stored?.alias === undefined
        ? stored
        : { ...stored, alias: { ...stored.alias, until: Infinity } };
    },
  }),
};

function lieOf(name: string): (honest: Driver) => Partial<Driver> {
  const found = lies[name];
  if (found === undefined) throw new Error(`There is no lie ${name}.`);
  return found;
}

/** The driver as it was, beside what is put in its place. */
function honestOf(driver: Driver): Driver {
  const { powers } = driver;
  const bound = ['commit', 'end', 'load', 'loadNow'].map((name) => {
    const method = Reflect.get(driver, name) as (...args: unknown[]) => unknown;
    return [name, method.bind(driver)];
  });
  return { powers, ...Object.fromEntries(bound) } as Driver;
}
