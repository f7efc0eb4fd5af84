import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryDriver } from '../../../src/stores/memory.js';
import type { SessionKey } from '../../../src/stores/session-id.js';
import { type Lies, lying } from './faces.js';

/** Drivers that break one promise about locks each. */
export const lockLies: Lies = {
  'locks: are held by one owner at a time': () => lying(() => ({ lock: () => Promise.resolve(true) })),

  'locks: go to one of many who ask at once': () =>
    lying((honest) => {
      const held = new Set<SessionKey>();
      return {
        lock: async (lock) => {
          const isFree = !held.has(lock.key);
          await nextTurn();
          held.add(lock.key);
          return (await honest.lock(lock)) || isFree;
        },
      };
    }),

  'locks: of other sessions are others': () =>
    lying((honest) => ({ lock: (lock) => honest.lock({ ...lock, key: 'all' as SessionKey }) })),

  'locks: need no stored session': () =>
    lying((honest) => ({
      lock: async (lock) => honest.loadNow(lock.key) !== undefined && honest.lock(lock),
    })),

  'locks: may be prolonged by their owner': () =>
    lying((honest) => {
      const owners = new Set<string>();
      return {
        lock: async (lock) => {
          const isKnown = owners.has(lock.owner);
          owners.add(lock.owner);
          return isKnown || honest.lock(lock);
        },
      };
    }),

  'locks: are not touched by one who asks in vain': () =>
    lying((honest) => {
      let last = '';
      return {
        lock: async (lock) => {
          const isTaken = await honest.lock(lock);
          if (isTaken) last = lock.owner;
          else await honest.lock({ ...lock, owner: last });
          return isTaken;
        },
      };
    }),

  'locks: end by themselves at their time and not before': () =>
    lying((honest) => ({ lock: (lock) => honest.lock({ ...lock, until: lock.until + 0.5 }) })),

  'locks: are taken by another after their time, and not prolonged then': () =>
    lying((honest) => {
      const owners: string[] = [];
      return {
        lock: async (lock) => {
          if (owners.includes(lock.owner)) for (const owner of owners) await honest.unlock(owner);
          owners.push(lock.owner);
          return honest.lock(lock);
        },
      };
    }),

  'locks: are free once they are given back': () => lying(() => ({ unlock: () => Promise.resolve(true) })),

  'locks: are given back once, and only by their owner': () =>
    lying((honest) => ({ unlock: (owner) => honest.unlock(owner).then(() => true) })),

  'locks: are not given back by one whose time was over before another took it': () =>
    lying((honest) => {
      const keys = new Map<string, SessionKey>();
      const holders = new Map<SessionKey, string>();
      return {
        lock: async (lock) => {
          const isTaken = await honest.lock(lock);
          if (isTaken) holders.set(lock.key, lock.owner);
          keys.set(lock.owner, lock.key);
          return isTaken;
        },
        unlock: (owner) => honest.unlock(holders.get(keys.get(owner) ?? ('' as SessionKey)) ?? owner),
      };
    }),

  'locks: leave the locks of others when they are given back': () =>
    lying((honest) => {
      const { lock, unlockAll } = knowingOwners(honest);
      return {
        lock,
        unlock: async (owner) => {
          const isFree = await honest.unlock(owner);
          await unlockAll();
          return isFree;
        },
      };
    }),

  'locks: of several keys may be held by one owner, who gives all of them back': () =>
    lying((honest) => {
      const held = new Map<string, SessionKey>();
      return {
        lock: async (lock) => {
          const { key, owner } = lock;
          if ((held.get(owner) ?? key) !== key) throw new Error('UNIQUE constraint failed: owner');
          return honest.lock((held.set(owner, key), lock));
        },
      };
    }),

  'locks: are only prolonged, where that is asked for': () =>
    lying((honest) => ({ lock: async (lock) => lock.held !== true && honest.lock(lock) })),

  'locks: are not prolonged once another has had them': () =>
    lying((honest) => ({
      lock: ({ key, owner, now, until }) => honest.lock({ key, owner, now, until }),
    })),

  'locks: do not keep anyone from committing': () =>
    lying((honest) => {
      const held = new Set<SessionKey>();
      return {
        lock: (lock) => honest.lock((held.add(lock.key), lock)),
        commit: async (commit) => (held.has(commit.key) ? 'gone' : honest.commit(commit)),
      };
    }),

  'locks: are kept by a sweep while they are held': () =>
    lying((honest) => {
      const { lock, unlockAll } = knowingOwners(honest);
      return {
        lock,
        sweep: async (sweep) => {
          await unlockAll();
          return honest.sweep(sweep);
        },
      };
    }),

  'locks: follow a session that gets another key': () =>
    lying((honest) => {
      const { lock, unlockAll } = knowingOwners(honest);
      return {
        lock,
        commit: async (commit) => {
          if (commit.rename) await unlockAll();
          return honest.commit(commit);
        },
      };
    }),

  'locks: are the same by an older key of the session': () =>
    lying((honest) => ({
      lock: (lock) => honest.lock({ ...lock, key: `lock of ${lock.key}` as SessionKey }),
    })),
};

function knowingOwners(
  honest: MemoryDriver,
): Pick<MemoryDriver, 'lock'> & { readonly unlockAll: () => Promise<void> } {
  const owners = new Set<string>();
  return {
    lock: (lock) => honest.lock((owners.add(lock.owner), lock)),
    unlockAll: async () => {
      for (const owner of owners) await honest.unlock(owner);
    },
  };
}
