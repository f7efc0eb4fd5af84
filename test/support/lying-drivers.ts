import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AppChanges, Change, Commit, Driver, StoredSession } from '../../src/stores/driver.js';
import { deadlineOf, type Moments } from '../../src/stores/expiry.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { keyOf, newSessionId, type SessionKey } from '../../src/stores/session-id.js';
import type { DriverStorage } from '../../src/testing/driver-suite.js';

/** An honest driver of every power: each opened one is another face of the same memory. */
export function honestStorage(): DriverStorage {
  return lying(() => ({}));
}

/** By the name of the case that has to catch it: a driver that breaks this one promise. */
export const lies: Readonly<Record<string, () => DriverStorage>> = {
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
      const empty = { createdAt: 0, accessed: 0, lifetime: 0, expireTime: 0, idle: 0, values: new Map() };
      return {
        commit: (commit) => honest.commit((known.add(commit.key), commit)),
        load: async (key) => (known.has(key) ? honest.load(key) : empty),
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
      end: (key) => honest.end(lowerCase(key)),
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
        if (commit.create !== undefined && isPast) await honest.end(commit.key);
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
        end: async (key) => {
          const stored = honest.loadNow(key);
          await nextTurn();
          if (stored !== undefined) ended.set(key, stored);
          return honest.end(key);
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
      end: async (key) => {
        const stored = honest.loadNow(key);
        const isPast = stored !== undefined && deadlineOf(stored) <= stored.createdAt;
        return isPast ? false : honest.end(key);
      },
    })),

  'end: answers false for a session that was never made': () =>
    lying((honest) => {
      const ended = new Set<SessionKey>();
      return {
        end: async (key) => {
          const isEnded = await honest.end(key);
          return isEnded || !(ended.has(key) || !ended.add(key));
        },
      };
    }),

  'end: answers false the second time': () =>
    lying((honest) => {
      const ended = new Set<SessionKey>();
      return {
        end: async (key) => {
          await nextTurn();
          const isEnded = ended.has(key) || (await honest.end(key));
          await nextTurn();
          if (isEnded) ended.add(key);
          return isEnded;
        },
      };
    }),

  'end: answers true once when it is asked for several times at once': () =>
    lying((honest) => ({
      end: async (key) => {
        const isThere = honest.loadNow(key) !== undefined;
        await nextTurn();
        await honest.end(key);
        return isThere;
      },
    })),

  'end: removes no other session': () =>
    lying((honest) => ({
      end: async (key) => {
        const isEnded = await honest.end(key);
        if (isEnded) await honest.removeEnvironment();
        return isEnded;
      },
    })),

  'end: leaves nothing to a session that is made under the same key': () =>
    lying((honest) => {
      const left = new Map<SessionKey, StoredSession>();
      return {
        end: (key) => {
          const stored = honest.loadNow(key);
          if (stored !== undefined) left.set(key, stored);
          return honest.end(key);
        },
        commit: withLeftOver(honest, left),
      };
    }),

  'sweep: removes sessions whose deadline is between the bounds': () =>
    lying(() => ({ sweep: () => Promise.resolve({ removed: 0, next: undefined }) })),

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

  'sweep: answers how many were removed': () =>
    lying((honest) => ({
      sweep: async (sweep) => {
        const { removed, next } = await honest.sweep(sweep);
        return { removed: Math.min(removed, 2), next };
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
        const { removed, next } = await honest.sweep(sweep);
        return { removed, next: sweep.after === undefined ? (next ?? keyOf(newSessionId())) : next };
      },
    })),

  'sweep: looks at no more than `limit` sessions in a step': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, limit: Infinity }) })),

  'sweep: reaches every session in small steps': () =>
    lying((honest) => ({
      sweep: async (sweep) => {
        const { removed, next } = await honest.sweep(sweep);
        return { removed, next: sweep.after === undefined ? next : undefined };
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
        end: (key) => {
          order.splice(order.indexOf(key), 1); // what came after it moves to the left, the place below does not
          return honest.end(key);
        },
        sweep: async ({ from, to, after, limit }) => {
          if (after === undefined) at = 0;
          const looked = order.slice(at, at + limit);
          at += limit;
          const past = looked.filter((key) => isBetween(honest.loadNow(key), from, to));
          for (const key of past) await honest.end(key);
          return { removed: past.length, next: looked.length < limit ? undefined : looked.at(-1) };
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
          for (const key of removed) if (isBetween(honest.loadNow(key), 0, Infinity)) await honest.end(key);
          return { removed: removed.length, next: past.length > 0 ? removed.at(-1) : undefined };
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
          for (const key of past) await honest.end(key);
          return { removed: past.length, next: undefined };
        },
      };
    }),

  'powers: are those that the suite was told to test': () => lying(() => ({ powers: new Set() })),

  'persistent: what was committed is there after a restart': () => ({
    open: () => faceOf(new MemoryDriver()),
  }),

  'persistent: what was ended is not there after a restart': () => {
    const honest = new MemoryDriver();
    const ended = new Map<SessionKey, StoredSession>();
    return {
      open: () => ({
        ...faceOf(honest),
        end: (key: SessionKey) => {
          const stored = honest.loadNow(key);
          if (stored !== undefined) ended.set(key, stored);
          return honest.end(key);
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
        end: (key) => honest.end((forget(key), key)),
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
        end: (key) => inTurn(() => honest.end(key)),
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
        end: (key) => honest.end((mine.delete(key), key)),
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
        end: (key) => inTurn(() => honest.end(key)),
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

/** Every driver that is opened is another face of one memory, with its own lie. */
function lying(lie: (honest: MemoryDriver) => Partial<Driver>): DriverStorage {
  const honest = new MemoryDriver();
  return { open: () => ({ ...faceOf(honest), ...lie(honest) }) };
}

function faceOf(honest: MemoryDriver): Driver {
  return {
    powers: new Set(['persistent', 'shared']),
    completeEnvironment: () => honest.completeEnvironment(),
    createEnvironment: () => honest.createEnvironment(),
    removeEnvironment: () => honest.removeEnvironment(),
    load: (key) => honest.load(key),
    commit: (commit) => honest.commit(commit),
    end: (key) => honest.end(key),
    sweep: (sweep) => honest.sweep(sweep),
  };
}

function loadAs(
  honest: MemoryDriver,
  as: (stored: StoredSession, key: SessionKey) => StoredSession | undefined,
): Driver['load'] {
  return async (key) => {
    const stored = await honest.load(key);
    return stored && as(stored, key);
  };
}

function createAs(honest: MemoryDriver, as: (made: Moments) => Moments): Driver['commit'] {
  return (commit) => honest.commit(commit.create ? { ...commit, create: as(commit.create) } : commit);
}

function moveAs(
  honest: MemoryDriver,
  as: (move: NonNullable<Commit['move']>, stored: StoredSession) => NonNullable<Commit['move']>,
): Driver['commit'] {
  return (commit) => {
    const stored = honest.loadNow(commit.key);
    return honest.commit(stored && commit.move ? { ...commit, move: as(commit.move, stored) } : commit);
  };
}

/** A commit to a session that is there, at another moment. */
function commitAt(
  honest: MemoryDriver,
  at: (stored: StoredSession, now: number) => number,
): Driver['commit'] {
  return (commit) => {
    const stored = honest.loadNow(commit.key);
    const now = stored === undefined ? commit.now : at(stored, commit.now);
    return honest.commit({ ...commit, now });
  };
}

function changesAs(honest: MemoryDriver, as: (changes: AppChanges) => AppChanges): Driver['commit'] {
  return (commit) => {
    const changes = new Map([...commit.changes].map(([app, before]) => [app, as(before)]));
    return honest.commit({ ...commit, changes });
  };
}

function keysAs(honest: MemoryDriver, as: (change: Change, key: string) => Change): Driver['commit'] {
  return changesAs(honest, ({ empty, keys }) => ({
    empty,
    keys: new Map([...keys].map(([key, change]) => [key, as(change, key)])),
  }));
}

function updating(
  { apply }: Change & { kind: 'update' },
  stored: (stored: string | undefined) => string | undefined,
): Change {
  return { kind: 'update', apply: (value) => apply(stored(value)) };
}

function emptying(
  changes: Commit['changes'],
  empty: boolean,
  keys?: AppChanges['keys'],
): Map<string, AppChanges> {
  const all = [...changes].filter(([, before]) => !empty || before.empty);
  return new Map(all.map(([app, before]) => [app, { empty, keys: keys ?? before.keys }]));
}

function refuseMissing(stored: string | undefined): undefined {
  if (stored === undefined) throw new Error('There is no such key.');
}

/** A commit as many, one for each change. */
function* singleChanges(commit: Commit): Generator<Commit> {
  for (const [app, { empty, keys }] of commit.changes) {
    if (empty) yield { ...commit, changes: new Map([[app, { empty, keys: new Map() }]]) };
    for (const [key, change] of keys) {
      yield { ...commit, changes: new Map([[app, { empty: false, keys: new Map([[key, change]]) }]]) };
    }
  }
}

function changeIn(commit: Commit): Change | undefined {
  return [...commit.changes.values()].flatMap(({ keys }) => [...keys.values()])[0];
}

/** What a commit would fail with. */
function failureOf(honest: MemoryDriver, { key, changes }: Commit): Error | undefined {
  const stored = honest.loadNow(key);
  try {
    for (const [app, { keys }] of changes)
      for (const [name, change] of keys)
        if (change.kind === 'update') change.apply(stored?.values.get(app)?.get(name));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The lost update: what was read is changed and written after others may have written too. */
async function readThenWrite(honest: MemoryDriver, commit: Commit) {
  const stored = honest.loadNow(commit.key);
  await nextTurn();
  const decided = (app: string, key: string, change: Change): Change => {
    if (change.kind !== 'update') return change;
    const value = change.apply(stored?.values.get(app)?.get(key));
    return value === undefined ? { kind: 'delete' } : { kind: 'set', value };
  };
  const changes = [...commit.changes].map(([app, { empty, keys }]): [string, AppChanges] => [
    app,
    { empty, keys: new Map([...keys].map(([key, change]) => [key, decided(app, key, change)])) },
  ]);
  return honest.commit({ ...commit, changes: new Map(changes) });
}

/** Writes back all values of an application as they were read. */
async function writeWhole(honest: MemoryDriver, commit: Commit) {
  const stored = honest.loadNow(commit.key);
  await nextTurn();
  const changes = [...commit.changes].map(([app, { keys }]): [string, AppChanges] => {
    const kept = [...(stored?.values.get(app) ?? [])].map(([key, value]): [string, Change] => [
      key,
      { kind: 'set', value },
    ]);
    return [app, { empty: true, keys: new Map([...kept, ...keys]) }];
  });
  return honest.commit({ ...commit, changes: new Map(changes) });
}

/** Looks whether a session is there, and makes it later whatever has happened meanwhile. */
function createInTwoSteps(honest: MemoryDriver): Driver['commit'] {
  return async (commit) => {
    if (commit.create === undefined) return honest.commit(commit);
    const isThere = honest.loadNow(commit.key) !== undefined;
    await nextTurn();
    if (isThere) return 'exists';
    await honest.end(commit.key);
    return honest.commit(commit);
  };
}

/** Makes a session just as given, whatever is stored. */
async function rewrite(honest: MemoryDriver, key: SessionKey, stored: StoredSession): Promise<void> {
  const { values, ...create } = stored;
  const changes = [...values].map(([app, keys]): [string, AppChanges] => [
    app,
    { empty: false, keys: new Map([...keys].map(([name, value]) => [name, { kind: 'set', value }])) },
  ]);
  await honest.end(key);
  await honest.commit({ key, now: 0, create, changes: new Map(changes) });
}

/** A session that is made gets what an earlier one of its key has left. */
function withLeftOver(honest: MemoryDriver, left: ReadonlyMap<SessionKey, StoredSession>): Driver['commit'] {
  return async (commit) => {
    const before = left.get(commit.key);
    const result = await honest.commit(commit);
    const made = honest.loadNow(commit.key);
    const isMade = commit.create !== undefined && result === 'committed';
    if (isMade && before !== undefined && made !== undefined) {
      await rewrite(honest, commit.key, { ...made, values: new Map([...before.values, ...made.values]) });
    }
    return result;
  };
}

function withoutCreate({ key, now, changes }: Commit): Commit {
  return { key, now, changes };
}

function momentsAt(now: number): Moments {
  return { createdAt: now, accessed: now, lifetime: 60, expireTime: now + 60, idle: Infinity };
}

function isBetween(stored: StoredSession | undefined, from: number, to: number): boolean {
  return stored !== undefined && deadlineOf(stored) >= from && deadlineOf(stored) <= to;
}

function mapValues(stored: StoredSession, as: (value: string) => string): StoredSession {
  const values = [...stored.values].map(([app, keys]): [string, Map<string, string>] => [
    app,
    new Map([...keys].map(([key, value]) => [key, as(value)])),
  ]);
  return { ...stored, values: new Map(values) };
}

function mapKeys(keys: ReadonlyMap<string, string>, as: (key: string) => string): Map<string, string> {
  return new Map([...keys].map(([key, value]) => [as(key), value]));
}

function cutAt1000(key: string): string {
  return key.slice(0, 1000);
}

function lowerCase(key: SessionKey): SessionKey {
  return key.toLowerCase() as SessionKey;
}

/** Rejects while another call is under way. */
function refusedWhileBusy(): () => Promise<void> {
  let busy = false;
  return async (): Promise<void> => {
    if (busy) throw new Error('table already exists');
    busy = true;
    await nextTurn();
    busy = false;
  };
}

/** Runs one after the other, as one process would. */
function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(task);
    last = mine.catch(() => undefined);
    return mine;
  };
}
