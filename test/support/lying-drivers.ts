import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AppChanges, Ending, Registration, StoredSession } from '../../src/stores/driver.js';
import { deadlineOf } from '../../src/stores/expiry.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { keyOf, newSessionId, type SessionKey } from '../../src/stores/session-id.js';
import type { DriverStorage } from '../../src/testing/driver-suite.js';
import {
  lying,
  faceOf,
  loadAs,
  createAs,
  moveAs,
  commitAt,
  changesAs,
  keysAs,
  updating,
  emptying,
  refuseMissing,
  registerAs,
  singleChanges,
  changeIn,
  failureOf,
  readThenWrite,
  writeWhole,
  createInTwoSteps,
  rewrite,
  endNow,
  withLeftOver,
  withoutCreate,
  momentsAt,
  isBetween,
  mapValues,
  mapKeys,
  cutAt1000,
  lowerCase,
  refusedWhileBusy,
  queue,
  type Lies,
} from './lies/faces.js';
import { aliasLies } from './lies/aliases.js';
import { eventLies } from './lies/events.js';
import { lockLies } from './lies/locks.js';
import { quarantineLies } from './lies/quarantine.js';

/** An honest driver of every power: each opened one is another face of the same memory. */
export function honestStorage(): DriverStorage {
  return lying(() => ({}));
}

/** By the name of the case that has to catch it: a driver that breaks this one promise. */
export const lies: Lies = {
  'environment: is complete once it was created': () =>
    lying(() => ({ completeEnvironment: () => Promise.resolve(false) })),

  'environment: is complete only where sessions can be made': () =>
    lying((honest) => {
      let there = false;
      return {
        createEnvironment: () => Promise.resolve(void (there = true)),
        removeEnvironment: () => Promise.resolve(void (there = false)),
        commit: (commit) => (there ? honest.commit(commit) : Promise.reject(new Error('no such table'))),
      };
    }),

  'environment: creating it again changes nothing': () =>
    lying((honest) => ({ createEnvironment: () => honest.removeEnvironment() })),

  'environment: creating it twice at once is as once': () =>
    lying(() => ({ createEnvironment: refusedWhileBusy() })),

  'environment: removing it removes its sessions': () =>
    lying((honest) => ({
      removeEnvironment: async ({ ignoreErrors = false } = {}) => {
        if (ignoreErrors) await honest.removeEnvironment();
      },
    })),

  'environment: removing it with ignoreErrors removes its sessions too': () =>
    lying((honest) => ({
      removeEnvironment: async ({ ignoreErrors = false } = {}) => {
        if (!ignoreErrors) await honest.removeEnvironment();
      },
    })),

  'environment: removing one that is not there rejects': () =>
    lying((honest) => {
      let there = true;
      return {
        createEnvironment: () => Promise.resolve(void (there = true)),
        completeEnvironment: () => Promise.resolve(there),
        removeEnvironment: () => {
          there = false;
          return honest.removeEnvironment();
        },
      };
    }),

  'environment: removing one that is not there is no error with ignoreErrors': () =>
    lying((honest) => {
      let there = true;
      return {
        createEnvironment: () => Promise.resolve(void (there = true)),
        completeEnvironment: () => Promise.resolve(there),
        removeEnvironment: () => {
          if (!there) return Promise.reject(new Error('no such table'));
          there = false;
          return honest.removeEnvironment();
        },
      };
    }),

  'environment: can be created again after it was removed': () =>
    lying((honest) => {
      let removed = false;
      return {
        completeEnvironment: () => Promise.resolve(!removed),
        removeEnvironment: () => {
          removed = true;
          return honest.removeEnvironment();
        },
        commit: (commit) => (removed ? Promise.reject(new Error('no such table')) : honest.commit(commit)),
      };
    }),

  'load: answers undefined for a session that was never made': () =>
    lying((honest) => {
      const known = new Set<SessionKey>();
      const empty = { ...momentsAt(0), handlers: [], values: new Map<string, Map<string, string>>() };
      return {
        commit: (commit) =>
          honest.commit((known.add(commit.key).add(commit.rename?.to ?? commit.key), commit)),
        load: async (key) => (known.has(key) ? honest.load(key) : { ...empty, key }),
      };
    }),

  'load: answers the values as they were committed': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => ({ ...stored, values: new Map([...stored.values].slice(0, 1)) })),
    })),

  'load: answers the moments as they were committed': () =>
    lying((honest) => ({ load: loadAs(honest, (stored) => ({ ...stored, createdAt: stored.accessed })) })),

  'load: answers a session that has no values': () =>
    lying((honest) => ({ load: loadAs(honest, (stored) => (stored.values.size > 0 ? stored : undefined)) })),

  'load: names no application that has no values left': () =>
    lying((honest) => {
      const apps = new Map<SessionKey, string[]>();
      return {
        commit: (commit) => {
          apps.set(commit.key, [...(apps.get(commit.key) ?? []), ...commit.changes.keys()]);
          return honest.commit(commit);
        },
        load: loadAs(honest, (stored, key) => {
          const empty = (apps.get(key) ?? []).map((app) => [app, new Map<string, string>()] as const);
          return { ...stored, values: new Map([...empty, ...stored.values]) };
        }),
      };
    }),

  'load: answers a session past its deadline too': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => (deadlineOf(stored) * 1000 > Date.now() ? stored : undefined)),
    })),

  'load: answers a picture that later commits do not change': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored, key) => {
        const picture = { ...stored };
        for (const name of Object.keys(stored) as (keyof StoredSession)[]) {
          Object.defineProperty(picture, name, { get: () => honest.loadNow(key)?.[name] });
        }
        return picture;
      }),
    })),

  'load: answers the key of the session, and no alias': () =>
    lying((honest) => ({ load: loadAs(honest, (stored) => ({ ...stored, alias: { until: 0, next: '' } })) })),

  'load: answers the handlers that the session was made with': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => ({ ...stored, handlers: stored.handlers.slice(1) })),
    })),

  'load: answers no handlers where none was registered': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) =>
        stored.handlers.length > 0 ? stored : { ...stored, handlers: [OTHER] },
      ),
    })),

  'load: keeps sessions apart': () =>
    lying((honest) => {
      let last: StoredSession | undefined;
      return {
        commit: async (commit) => {
          const result = await honest.commit(commit);
          last = honest.loadNow(commit.key);
          return result;
        },
        load: loadAs(honest, (stored) => ({ ...stored, values: last?.values ?? stored.values })),
      };
    }),

  'load: keeps sessions apart whose keys differ only by case': () =>
    lying((honest) => ({
      load: (key) => honest.load(lowerCase(key)),
      commit: (commit) => honest.commit({ ...commit, key: lowerCase(commit.key) }),
      end: (ending) => honest.end({ ...ending, key: lowerCase(ending.key) }),
    })),

  'load: answers at once what it answers later, where it can': () =>
    lying((honest) => {
      const cache = new Map<SessionKey, StoredSession>();
      return {
        loadNow: (key) => {
          const stored = cache.get(key) ?? honest.loadNow(key);
          if (stored !== undefined) cache.set(key, stored);
          return stored;
        },
      };
    }),

  "create: answers 'exists' for a session that is there, and changes nothing": () =>
    lying((honest) => ({
      commit: async (commit) => {
        const result = await honest.commit(commit);
        if (result === 'exists') await honest.commit(withoutCreate(commit));
        return result;
      },
    })),

  "create: answers 'exists' also for a session past its deadline": () =>
    lying((honest) => ({
      commit: async (commit) => {
        const stored = honest.loadNow(commit.key);
        const isPast = stored !== undefined && deadlineOf(stored) <= commit.now;
        if (commit.create !== undefined && isPast) await endNow(honest, commit.key);
        return honest.commit(commit);
      },
    })),

  'create: makes one session when it is asked for several times at once': () =>
    lying((honest) => ({ commit: createInTwoSteps(honest) })),

  'create: makes one session where its key was used before, without what that one kept': () =>
    lying((honest) => {
      const used = new Map<SessionKey, number>();
      return {
        commit: ({ create, ...commit }) => {
          if (create === undefined) return honest.commit(commit);
          const createdAt = used.get(commit.key) ?? create.createdAt;
          used.set(commit.key, createdAt);
          return honest.commit({ ...commit, create: { ...create, createdAt } });
        },
      };
    }),

  'create: keeps Infinity as a length and as an end': () =>
    lying((honest) => ({
      commit: createAs(honest, (made) => ({
        ...made,
        lifetime: Math.min(made.lifetime, Number.MAX_SAFE_INTEGER),
      })),
    })),

  'create: keeps fractions of seconds': () =>
    lying((honest) => ({
      commit: createAs(honest, (made) => ({ ...made, lifetime: Math.floor(made.lifetime) })),
    })),

  'create: makes nothing when an update throws': () =>
    lying((honest) => ({
      commit: async (commit) => {
        try {
          return await honest.commit(commit);
        } catch (error) {
          if (commit.create !== undefined) await honest.commit({ ...commit, changes: new Map() });
          throw error;
        }
      },
    })),

  'commit: is seen by every load that is asked for afterwards': () =>
    lying((honest) => {
      let before: StoredSession | undefined;
      let commits = 0;
      return {
        commit: (commit) => {
          commits += 1;
          before = honest.loadNow(commit.key);
          return honest.commit(commit);
        },
        load: (key) => (commits === 4 ? Promise.resolve(before) : honest.load(key)),
      };
    }),

  "commit: answers 'gone' for a session that was never made, and makes none": () =>
    lying((honest) => {
      const known = new Set<SessionKey>();
      return {
        commit: (commit) => {
          if (known.has(commit.key) || commit.create !== undefined) {
            known.add(commit.key);
            return honest.commit(commit);
          }
          return honest.commit({ ...commit, create: momentsAt(commit.now) });
        },
      };
    }),

  "commit: answers 'gone' for a session that has ended, and does not revive it": () =>
    lying((honest) => {
      const ended = new Map<SessionKey, StoredSession>();
      return {
        end: async (ending) => {
          const { key } = ending;
          const stored = honest.loadNow(key);
          await nextTurn();
          if (stored !== undefined) ended.set(key, stored);
          return honest.end(ending);
        },
        commit: async (commit) => {
          const stored = ended.get(commit.key);
          if (commit.create === undefined && stored !== undefined) await rewrite(honest, commit.key, stored);
          return honest.commit(commit);
        },
      };
    }),

  'commit: never revives a session that is ended at the same time': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const before = honest.loadNow(commit.key);
        await nextTurn();
        const isEnded = before !== undefined && honest.loadNow(commit.key) === undefined;
        if (isEnded) await rewrite(honest, commit.key, before);
        return honest.commit(commit);
      },
    })),

  "commit: answers 'gone' for a session past its expireTime, and changes nothing": () =>
    lying((honest) => ({
      commit: commitAt(honest, ({ accessed, idle }, now) => (accessed + idle <= now ? now : 0)),
    })),

  "commit: answers 'gone' for a session that was idle for too long, and changes nothing": () =>
    lying((honest) => ({ commit: commitAt(honest, ({ expireTime }, now) => (expireTime <= now ? now : 0)) })),

  "commit: answers 'gone' at the deadline itself": () =>
    lying((honest) => ({
      commit: commitAt(honest, (stored, now) => (deadlineOf(stored) === now ? now - 1 : now)),
    })),

  'commit: is applied to an idle session while uses of it may have gone unrecorded': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { accessed, idle } = honest.loadNow(commit.key) ?? momentsAt(commit.now);
        return accessed + idle <= commit.now ? 'gone' : honest.commit(commit);
      },
    })),

  "commit: goes by the commit's moment and not by the machine's clock": () =>
    lying((honest) => ({ commit: commitAt(honest, (_, now) => Math.max(now, Date.now() / 1000)) })),

  'commit: rejects with the very error that an update throws': () =>
    lying((honest) => ({
      commit: (commit) =>
        honest.commit(commit).catch((cause: unknown) => {
          throw new Error('The commit failed.', { cause });
        }),
    })),

  'commit: applies nothing at all when an update throws': () =>
    lying((honest) => ({
      commit: async (commit) => {
        if (commit.create !== undefined) return honest.commit(commit);
        for (const part of singleChanges(commit)) await honest.commit(part);
        return honest.commit({ ...commit, changes: new Map() });
      },
    })),

  'commit: fails alone: others of the same moment are committed': () =>
    lying((honest) => {
      let failed: Error | undefined;
      return {
        commit: async (commit) => {
          const error = failureOf(honest, commit);
          failed ??= error;
          await nextTurn();
          if (error === undefined && failed !== undefined) throw failed;
          return honest.commit(commit);
        },
      };
    }),

  'commit: counts every one of many updates at once': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const isUpdate = [...singleChanges(commit)].some((part) => changeIn(part)?.kind === 'update');
        return isUpdate ? readThenWrite(honest, commit) : honest.commit(commit);
      },
    })),

  'commit: keeps all of many different keys that are set at once': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const isSet = [...singleChanges(commit)].every((part) => changeIn(part)?.kind === 'set');
        return isSet && commit.create === undefined ? writeWhole(honest, commit) : honest.commit(commit);
      },
    })),

  'commit: is never seen by half': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const isUpdate = [...singleChanges(commit)].some((part) => changeIn(part)?.kind === 'update');
        if (isUpdate || commit.create !== undefined) return honest.commit(commit);
        for (const [app, changes] of commit.changes) {
          await honest.commit({ ...commit, changes: new Map([[app, changes]]) });
          await nextTurn();
        }
        return honest.commit({ ...commit, changes: new Map() });
      },
    })),

  'changes: keeps the keys it does not name': () =>
    lying((honest) => ({
      commit: changesAs(honest, (changes) => {
        const isOneSet = changes.keys.size === 1 && [...changes.keys.values()][0]?.kind === 'set';
        return isOneSet ? { ...changes, empty: true } : changes;
      }),
    })),

  'changes: keeps the applications it does not name': () =>
    lying((honest) => ({
      commit: (commit) => {
        const others = [...(honest.loadNow(commit.key)?.values.keys() ?? [])];
        const emptied = others.map((app): [string, AppChanges] => [app, { empty: true, keys: new Map() }]);
        const changes = commit.changes.size === 0 ? commit.changes : new Map([...emptied, ...commit.changes]);
        return honest.commit({ ...commit, changes });
      },
    })),

  'changes: deletes a key': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) => (change.kind === 'delete' ? { kind: 'set', value: '' } : change)),
    })),

  'changes: deleting a key that is missing is no error': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'delete' ? { kind: 'update', apply: refuseMissing } : change,
      ),
    })),

  'changes: empties an application before it changes keys': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const result = await honest.commit({ ...commit, changes: emptying(commit.changes, false) });
        const isEmptied = [...commit.changes.values()].some(({ empty }) => empty);
        return isEmptied
          ? honest.commit({ ...commit, changes: emptying(commit.changes, true, new Map()) })
          : result;
      },
    })),

  'changes: empties one application and no other': () =>
    lying((honest) => ({
      commit: (commit) => {
        const isEmptied = [...commit.changes.values()].some(({ empty }) => empty);
        if (!isEmptied) return honest.commit(commit);
        const apps = [...(honest.loadNow(commit.key)?.values.keys() ?? [])];
        const all = apps.map((app): [string, AppChanges] => [app, { empty: true, keys: new Map() }]);
        return honest.commit({ ...commit, changes: new Map([...all, ...commit.changes]) });
      },
    })),

  'changes: empties all applications before it changes keys': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { key, now, empty = false } = commit;
        const result = await honest.commit({ ...commit, empty: false });
        if (empty) await honest.commit({ key, now, empty, changes: new Map() });
        return result;
      },
    })),

  'changes: empties all applications where it names none': () =>
    lying((honest) => ({
      commit: (commit) => honest.commit(commit.changes.size === 0 ? { ...commit, empty: false } : commit),
    })),

  'changes: gives an update the value that is stored by then': () =>
    lying((honest) => {
      const first = new Map<string, string>();
      return {
        commit: keysAs(honest, (change, key) => {
          if (change.kind === 'set' && !first.has(key)) first.set(key, change.value);
          return change.kind === 'update' ? updating(change, (stored) => first.get(key) ?? stored) : change;
        }),
      };
    }),

  'changes: gives an update undefined for a missing key': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'update' ? updating(change, (stored) => stored ?? '') : change,
      ),
    })),

  'changes: deletes a key whose update answers undefined': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'update'
          ? { kind: 'update', apply: (stored) => change.apply(stored) ?? stored }
          : change,
      ),
    })),

  'changes: moves the last use forward': () =>
    lying((honest) => ({
      commit: moveAs(honest, ({ expireTime }) => (expireTime === undefined ? {} : { expireTime })),
    })),

  'changes: never moves the last use back': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const result = await honest.commit(commit);
        const stored = honest.loadNow(commit.key);
        const accessed = commit.move?.accessed;
        const isMoved = result === 'committed' && stored !== undefined && accessed !== undefined;
        if (isMoved) await rewrite(honest, commit.key, { ...stored, accessed });
        return result;
      },
    })),

  'changes: moves the fixed end, to later and to earlier': () =>
    lying((honest) => ({
      commit: moveAs(honest, ({ expireTime, ...move }, stored) =>
        expireTime === undefined ? move : { ...move, expireTime: Math.max(expireTime, stored.expireTime) },
      ),
    })),

  'changes: moves no moment that it does not name': () =>
    lying((honest) => ({
      commit: (commit) => honest.commit({ ...commit, move: { accessed: commit.now, ...commit.move } }),
    })),

  'changes: adds handlers to those that are registered': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => ({ ...stored, handlers: stored.handlers.slice(-2) })),
    })),

  'changes: registers a handler once for an application and a name, with the detail that came last': () =>
    lying((honest) => {
      const all = new Map<SessionKey, Registration[]>();
      return {
        commit: (commit) => {
          all.set(commit.key, [...(all.get(commit.key) ?? []), ...(commit.register ?? [])]);
          return honest.commit(commit);
        },
        load: loadAs(honest, (stored, key) => ({ ...stored, handlers: all.get(key) ?? [] })),
      };
    }),

  'changes: takes a detail away where a handler is registered again without one': () =>
    lying((honest) => {
      const details = new Map<string, string>();
      return {
        commit: registerAs(honest, ({ app, handler, detail = details.get(handler) }) => {
          if (detail !== undefined) details.set(handler, detail);
          return { app, handler, detail };
        }),
      };
    }),

  'changes: keeps details exactly, and names of handlers and applications apart': () =>
    lying((honest) => ({
      commit: registerAs(honest, ({ detail, ...one }) => ({ ...one, detail: detail?.replace(/\0.*/s, '') })),
    })),

  'changes: keeps handlers whatever becomes of the values and the moments': () =>
    lying((honest) => {
      const emptied = new Set<SessionKey>();
      return {
        commit: (commit) => honest.commit((commit.empty === true && emptied.add(commit.key), commit)),
        load: loadAs(honest, (stored, key) => (emptied.has(key) ? { ...stored, handlers: [] } : stored)),
      };
    }),

  'values: come back exactly': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => mapValues(stored, (value) => value.replace(/\0.*/s, ''))),
    })),

  'values: come back exactly to an update': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'update' ? updating(change, (stored) => stored?.trim()) : change,
      ),
    })),

  'values: may be empty, which is not the same as missing': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'set' && change.value === '' ? { kind: 'delete' } : change,
      ),
    })),

  'values: may be 64 KiB long': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change) =>
        change.kind === 'set' ? { kind: 'set', value: change.value.slice(0, 65_535) } : change,
      ),
    })),

  'values: are kept under keys that come back exactly and are kept apart': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => ({
        ...stored,
        values: new Map([...stored.values].map(([app, keys]) => [app, mapKeys(keys, cutAt1000)])),
      })),
    })),

  'values: are found again by awkward keys, to be changed and deleted': () =>
    lying((honest) => ({
      commit: keysAs(honest, (change, key) =>
        change.kind === 'delete' && key.includes('\0')
          ? { kind: 'update', apply: (stored) => stored }
          : change,
      ),
    })),

  'values: are kept apart for applications with similar names': () =>
    lying((honest) => ({
      commit: (commit) => {
        const lower = [...commit.changes].map(([app, keys]): [string, AppChanges] => [
          app.toLowerCase(),
          keys,
        ]);
        return honest.commit({ ...commit, changes: new Map(lower) });
      },
    })),

  'values: may be many': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) => ({
        ...stored,
        values: new Map([...stored.values].map(([app, keys]) => [app, new Map([...keys].slice(0, 999))])),
      })),
    })),

  'end: removes the session': () => lying(() => ({ end: () => Promise.resolve(true) })),

  'end: removes a session past its deadline too': () =>
    lying((honest) => ({
      end: async (ending) => {
        const { key } = ending;
        const stored = honest.loadNow(key);
        const isPast = stored !== undefined && deadlineOf(stored) <= stored.createdAt;
        return isPast ? false : honest.end(ending);
      },
    })),

  'end: answers false for a session that was never made': () =>
    lying((honest) => {
      const ended = new Set<SessionKey>();
      return {
        end: async (ending) => {
          const { key } = ending;
          const isEnded = await honest.end(ending);
          return isEnded || !(ended.has(key) || !ended.add(key));
        },
      };
    }),

  'end: answers false the second time': () =>
    lying((honest) => {
      const ended = new Set<SessionKey>();
      return {
        end: async (ending) => {
          const { key } = ending;
          await nextTurn();
          const isEnded = ended.has(key) || (await honest.end(ending));
          await nextTurn();
          if (isEnded) ended.add(key);
          return isEnded;
        },
      };
    }),

  'end: answers true once when it is asked for several times at once': () =>
    lying((honest) => ({
      end: async (ending) => {
        const { key } = ending;
        const isThere = honest.loadNow(key) !== undefined;
        await nextTurn();
        await honest.end(ending);
        return isThere;
      },
    })),

  'end: removes no other session': () =>
    lying((honest) => ({
      end: async (ending) => {
        const isEnded = await honest.end(ending);
        if (isEnded) await honest.removeEnvironment();
        return isEnded;
      },
    })),

  'end: leaves nothing to a session that is made under the same key': () =>
    lying((honest) => {
      const left = new Map<SessionKey, StoredSession>();
      return {
        end: (ending) => {
          const { key } = ending;
          const stored = honest.loadNow(key);
          if (stored !== undefined) left.set(key, stored);
          return honest.end(ending);
        },
        commit: withLeftOver(honest, left),
      };
    }),

  'end: leaves no handlers to a session that is made under the same key': () =>
    lying((honest) => {
      const left = new Map<SessionKey, readonly Registration[]>();
      return {
        end: (ending) => {
          left.set(ending.key, honest.loadNow(ending.key)?.handlers ?? []);
          return honest.end(ending);
        },
        commit: (commit) => {
          const register = [...(left.get(commit.key) ?? []), ...(commit.register ?? [])];
          return honest.commit(commit.create ? { ...commit, register } : commit);
        },
      };
    }),

  'end: takes every reason': () =>
    lying((honest) => ({
      end: (ending) =>
        ending.reason === 'evicted' ? Promise.reject(new Error('no such reason')) : honest.end(ending),
    })),

  'end: takes values to put aside, whether it keeps such things or not': () =>
    lying((honest) => ({
      end: (ending) =>
        ending.corrupt === undefined ? honest.end(ending) : Promise.reject(new Error('no such table')),
    })),

  'sweep: removes sessions whose deadline is between the bounds': () =>
    lying(() => ({ sweep: () => Promise.resolve({ removed: 0, lostEvents: 0, next: undefined }) })),

  'sweep: keeps sessions whose deadline is not between the bounds': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, from: 0 }) })),

  'sweep: includes the lower bound': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, from: sweep.from + 0.001 }) })),

  'sweep: includes the upper bound': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, to: sweep.to - 0.001 }) })),

  'sweep: goes by the last use as well': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      return {
        commit: (commit) => honest.commit((made.add(commit.key), commit)),
        sweep: async (sweep) => {
          const idle = [...made].map((key) => ({ key, stored: honest.loadNow(key) }));
          const spared = idle.filter(({ stored }) => stored !== undefined && stored.expireTime > sweep.to);
          const step = await honest.sweep(sweep);
          for (const { key, stored } of spared) if (stored !== undefined) await rewrite(honest, key, stored);
          return step;
        },
      };
    }),

  'sweep: keeps an idle session while uses of it may have gone unrecorded': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      return {
        commit: (commit) => honest.commit((made.add(commit.key), commit)),
        sweep: async (sweep) => {
          for (const key of made) {
            const { accessed, idle } = honest.loadNow(key) ?? momentsAt(sweep.to);
            if (accessed + idle <= sweep.to) await endNow(honest, key);
          }
          return honest.sweep(sweep);
        },
      };
    }),

  'sweep: answers how many were removed': () =>
    lying((honest) => ({
      sweep: async (sweep) => {
        const { next, ...step } = await honest.sweep(sweep);
        return { ...step, removed: Math.min(step.removed, 2), next };
      },
    })),

  'sweep: leaves nothing to a session that is made under the same key': () =>
    lying((honest) => {
      const left = new Map<SessionKey, StoredSession>();
      const made = new Set<SessionKey>();
      return {
        commit: (commit) => withLeftOver(honest, left)((made.add(commit.key), commit)),
        sweep: (sweep) => {
          for (const key of made) {
            const stored = honest.loadNow(key);
            if (stored !== undefined) left.set(key, stored);
          }
          return honest.sweep(sweep);
        },
      };
    }),

  'sweep: ends at once where nothing is stored': () =>
    lying((honest) => ({
      sweep: async (sweep) => {
        const { next, ...step } = await honest.sweep(sweep);
        return { ...step, next: sweep.after === undefined ? (next ?? keyOf(newSessionId())) : next };
      },
    })),

  'sweep: takes bounds for aliases and events, whether it keeps such things or not': () =>
    lying((honest) => ({
      sweep: (sweep) =>
        sweep.aliasesBefore === undefined ? honest.sweep(sweep) : Promise.reject(new Error('no such table')),
    })),

  'sweep: looks at no more than `limit` sessions in a step': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, limit: Infinity }) })),

  'sweep: reaches every session in small steps': () =>
    lying((honest) => ({
      sweep: async (sweep) => {
        const { next, ...step } = await honest.sweep(sweep);
        return { ...step, next: sweep.after === undefined ? next : undefined };
      },
    })),

  'sweep: reaches every session that was there before, whatever is made and ended meanwhile': () =>
    lying((honest) => {
      const order: SessionKey[] = [];
      let at = 0;
      return {
        commit: (commit) => {
          if (commit.create !== undefined) order.push(commit.key);
          return honest.commit(commit);
        },
        end: (ending) => {
          const { key } = ending;
          order.splice(order.indexOf(key), 1); // what came after it moves to the left, the place below does not
          return honest.end(ending);
        },
        sweep: async ({ from, to, after, limit }) => {
          if (after === undefined) at = 0;
          const looked = order.slice(at, at + limit);
          at += limit;
          const past = looked.filter((key) => isBetween(honest.loadNow(key), from, to));
          for (const key of past) await endNow(honest, key);
          return {
            removed: past.length,
            lostEvents: 0,
            next: looked.length < limit ? undefined : looked.at(-1),
          };
        },
      };
    }),

  'sweep: keeps a session that was prolonged between two steps': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      let past: SessionKey[] = [];
      return {
        commit: (commit) => honest.commit((made.add(commit.key), commit)),
        sweep: async ({ from, to, after, limit }) => {
          if (after === undefined) past = [...made].filter((key) => isBetween(honest.loadNow(key), from, to));
          const removed = past.splice(0, limit);
          for (const key of removed)
            if (isBetween(honest.loadNow(key), 0, Infinity)) await endNow(honest, key);
          return {
            removed: removed.length,
            lostEvents: 0,
            next: past.length > 0 ? removed.at(-1) : undefined,
          };
        },
      };
    }),

  'sweep: keeps a session that is prolonged during a step': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      return {
        commit: (commit) => honest.commit((made.add(commit.key), commit)),
        sweep: async (sweep) => {
          const { from, to, after } = sweep;
          if (after !== undefined || made.size > 2) return honest.sweep(sweep);
          const past = [...made].filter((key) => isBetween(honest.loadNow(key), from, to));
          await nextTurn();
          for (const key of past) await endNow(honest, key);
          return { removed: past.length, lostEvents: 0, next: undefined };
        },
      };
    }),

  ...aliasLies,
  ...eventLies,
  ...lockLies,
  ...quarantineLies,

  'powers: are those that the suite was told to test': () => lying(() => ({ powers: new Set() })),

  'powers: come with their members, and members with their power': () => {
    const honest = new MemoryDriver();
    return {
      open: () => {
        const face = faceOf(honest);
        delete face.clearQuarantine;
        return face;
      },
    };
  },

  'persistent: what was committed is there after a restart': () => ({
    open: () => faceOf(new MemoryDriver()),
  }),

  'persistent: what was ended is not there after a restart': () => {
    const honest = new MemoryDriver();
    const ended = new Map<SessionKey, StoredSession>();
    return {
      open: () => ({
        ...faceOf(honest),
        end: (ending: Ending) => {
          const { key } = ending;
          const stored = honest.loadNow(key);
          if (stored !== undefined) ended.set(key, stored);
          return honest.end(ending);
        },
      }),
      close: async () => {
        for (const [key, stored] of ended) await rewrite(honest, key, stored);
      },
    };
  },

  'shared: sees what another process commits': () =>
    lying((honest) => {
      const cache = new Map<SessionKey, StoredSession>();
      const forget = (key: SessionKey) => cache.delete(key);
      return {
        commit: (commit) => honest.commit((forget(commit.key), commit)),
        end: (ending) => honest.end((forget(ending.key), ending)),
        load: loadAs(honest, (stored, key) => {
          const known = cache.get(key) ?? stored;
          cache.set(key, known);
          return known;
        }),
      };
    }),

  'shared: counts the updates of several processes': () =>
    lying((honest) => {
      const inTurn = queue();
      return {
        commit: (commit) =>
          inTurn(() => (commit.create === undefined ? readThenWrite(honest, commit) : honest.commit(commit))),
        end: (ending) => inTurn(() => honest.end(ending)),
      };
    }),

  'shared: never revives a session that another process ended': () =>
    lying((honest) => {
      const mine = new Map<SessionKey, StoredSession>();
      const remember = (key: SessionKey) => {
        const stored = honest.loadNow(key);
        if (stored !== undefined) mine.set(key, stored);
      };
      return {
        end: (ending) => honest.end((mine.delete(ending.key), ending)),
        commit: async (commit) => {
          const known = honest.loadNow(commit.key) === undefined ? mine.get(commit.key) : undefined;
          if (known !== undefined) await rewrite(honest, commit.key, known);
          const result = await honest.commit(commit);
          remember(commit.key);
          return result;
        },
      };
    }),

  'shared: makes one session when two processes make it at once': () =>
    lying((honest) => {
      const inTurn = queue();
      return {
        commit: (commit) => inTurn(() => createInTwoSteps(honest)(commit)),
        end: (ending) => inTurn(() => honest.end(ending)),
      };
    }),

  'shared: lets two processes create the environment at once': () => {
    const create = refusedWhileBusy();
    return lying(() => {
      const inTurn = queue();
      return { createEnvironment: () => inTurn(create) };
    });
  },
};

const OTHER: Registration = { app: 'other', handler: 'other' };
