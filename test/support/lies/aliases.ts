import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Alias, Rename, StoredSession } from '../../../src/stores/driver.js';
import type { MemoryDriver } from '../../../src/stores/memory.js';
import type { SessionKey } from '../../../src/stores/session-id.js';
import { isBetween, type Lies, loadAs, lying, lyingLater, momentsAt, withoutCreate } from './faces.js';

/** Drivers that break one promise about the older keys of sessions each. */
export const aliasLies: Lies = {
  'aliases: a rename gives a session another key, and it keeps what it has': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { rename, now } = commit;
        const result = await honest.commit(commit);
        if (rename) await honest.commit({ key: rename.to, now, empty: true, changes: new Map() });
        return result;
      },
    })),

  'aliases: the new key is the one of the session, and no alias': () =>
    lying((honest) => {
      const aliases = new Map<SessionKey, Alias>();
      return {
        ...noting(honest, (_, { to, until, next }) => aliases.set(to, { until, next })),
        load: loadAs(honest, (stored, key) => {
          const alias = aliases.get(key);
          return alias ? { ...stored, alias } : stored;
        }),
      };
    }),

  'aliases: an older key loads the session as the new one does, with its alias': () =>
    lying((honest) => ({
      load: loadAs(
        honest,
        aliasAs(({ until, next }) => ({ until: Math.floor(until), next })),
      ),
    })),

  'aliases: an older key loads at once what it loads later, where the driver can': () =>
    lying((honest) => ({
      loadNow: (key) => {
        const stored = honest.loadNow(key);
        return stored?.alias ? undefined : stored;
      },
    })),

  'aliases: an older key is answered long after its time': () =>
    lying((honest) => ({
      load: loadAs(honest, (stored) =>
        stored.alias && stored.alias.until * 1000 < Date.now() ? undefined : stored,
      ),
    })),

  'aliases: every older key leads to the newest, each with its own alias': () =>
    lying((honest) => {
      let last: Alias | undefined;
      return {
        ...noting(honest, (_, { until, next }) => (last = { until, next })),
        load: loadAs(
          honest,
          aliasAs((alias) => last ?? alias),
        ),
      };
    }),

  'aliases: a rename with an earlier time brings that of the still older keys down': () =>
    lying((honest) => {
      const times = new Map<SessionKey, number>();
      return {
        ...noting(honest, (key, { until }) => times.set(key, until)),
        load: loadAs(honest, (stored, key) =>
          stored.alias
            ? { ...stored, alias: { ...stored.alias, until: times.get(key) ?? stored.alias.until } }
            : stored,
        ),
      };
    }),

  'aliases: an older key loads what was committed by the new one': () =>
    lying((honest) => {
      const copies = new Map<SessionKey, StoredSession['values']>();
      return {
        ...noting(honest, (key) => copies.set(key, honest.loadNow(key)?.values ?? new Map())),
        load: loadAs(honest, (stored, key) => ({ ...stored, values: copies.get(key) ?? stored.values })),
      };
    }),

  "aliases: a commit by an older key is applied, and answers 'superseded'": () =>
    lying((honest) => ({
      commit: async (commit) => {
        const result = await honest.commit(commit);
        return result === 'superseded' ? 'committed' : result;
      },
    })),

  "aliases: a commit by an older key answers 'gone' past the deadline, and changes nothing": () =>
    lying((honest) => ({
      commit: (commit) => honest.commit(isOlder(honest, commit.key) ? { ...commit, now: 0 } : commit),
    })),

  "aliases: a commit by an older key answers 'gone' from its time on, and changes nothing": () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { now, changes } = commit;
        const stored = honest.loadNow(commit.key);
        if (!stored?.alias) return honest.commit(commit);
        const result = await honest.commit({ key: stored.key, now, changes });
        return result === 'committed' ? 'superseded' : result;
      },
    })),

  'aliases: a commit by an older key changes nothing once a rename has brought its time down': () =>
    lying((honest) => {
      const times = new Map<SessionKey, number>();
      return {
        commit: async (commit) => {
          const { key, now, rename } = commit;
          if (rename) times.set(key, rename.until);
          const result = await honest.commit(commit);
          const stored = result === 'gone' && now < (times.get(key) ?? 0) ? honest.loadNow(key) : undefined;
          return stored ? honest.commit({ ...commit, key: stored.key }) : result;
        },
      };
    }),

  'aliases: a rename by an older key is not done, but the rest of its commit is': () =>
    lying((honest) => ({
      commit: (commit) => honest.commit({ ...commit, key: honest.loadNow(commit.key)?.key ?? commit.key }),
    })),

  'aliases: a rename is done together with the rest of its commit': () =>
    lying((honest) => ({
      commit: (commit) => {
        const { key, now, rename } = commit;
        return honest.commit(rename ? { key, now, rename, changes: new Map() } : commit);
      },
    })),

  'aliases: a rename of a session that is gone makes nothing': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { now, rename, changes } = commit;
        const result = await honest.commit(commit);
        const isLost = result === 'gone' && rename !== undefined;
        if (isLost) await honest.commit({ key: rename.to, now, create: momentsAt(now), changes });
        return result;
      },
    })),

  'aliases: a rename is not done when an update of its commit throws': () =>
    lying((honest) => ({
      commit: async (commit) => {
        const { key, now, rename } = commit;
        try {
          return await honest.commit(commit);
        } catch (error) {
          if (rename) await honest.commit({ key, now, rename, changes: new Map() });
          throw error;
        }
      },
    })),

  'aliases: of two renames at once one is done, and nothing of the other is lost': () =>
    lying((honest) => ({
      commit: async (commit) =>
        commit.rename && isOlder(honest, commit.key) ? 'superseded' : honest.commit(commit),
    })),

  'aliases: commits by the key that is being replaced are all applied': () =>
    lying((honest) => ({
      commit: async (commit) => (isOlder(honest, commit.key) ? 'superseded' : honest.commit(commit)),
    })),

  "aliases: no session is made under an older key of another: that answers 'exists'": () =>
    lying((honest) => ({
      commit: async (commit) => {
        if (commit.create === undefined || !isOlder(honest, commit.key)) return honest.commit(commit);
        await honest.commit(withoutCreate(commit));
        return 'committed';
      },
    })),

  'aliases: an older key ends the session': () =>
    lying((honest) => ({
      end: async (ending) => !isOlder(honest, ending.key) && honest.end(ending),
    })),

  'aliases: an older key ends the session long after its time': () =>
    lying((honest) => ({
      end: async (ending) => {
        const alias = honest.loadNow(ending.key)?.alias;
        return (alias === undefined || alias.until > ending.now) && honest.end(ending);
      },
    })),

  'aliases: after the end no key leads anywhere': () =>
    lying((honest) => {
      const older = new Set<SessionKey>();
      return {
        commit: async (commit) => {
          if (commit.rename) older.add(commit.key);
          const result = await honest.commit(commit);
          return result === 'gone' && older.has(commit.key) ? 'superseded' : result;
        },
      };
    }),

  'aliases: a session that is ended by all its keys at once ends once': () =>
    lying((honest) => ({
      end: async (ending) => {
        const wasThere = isOlder(honest, ending.key);
        await nextTurn();
        return (await honest.end(ending)) || wasThere;
      },
    })),

  'aliases: a session that is made under a used key is not reached by older keys': () =>
    lying((honest) => {
      const newer = new Map<SessionKey, SessionKey>();
      return {
        ...noting(honest, (key, { to }) => newer.set(key, to)),
        load: async (key) => (await honest.load(key)) ?? honest.load(newer.get(key) ?? key),
      };
    }),

  'aliases: a session that is made under what was an older key is one of its own': () =>
    lying((honest) => {
      const newer = new Map<SessionKey, SessionKey>();
      return {
        commit: (commit) => {
          const { key, create, rename } = commit;
          if (rename) newer.set(key, rename.to);
          return honest.commit(create ? { ...commit, key: newer.get(key) ?? key } : commit);
        },
      };
    }),

  'aliases: a sweep forgets the older keys whose time was over before its bound': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, aliasesBefore: 0 }) })),

  'aliases: a sweep keeps all other older keys': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ ...sweep, aliasesBefore: sweep.to }) })),

  'aliases: a sweep ends a renamed session once, and no key leads to it': () =>
    lying((honest) => {
      let renames = 0;
      return {
        ...noting(honest, () => (renames += 1)),
        sweep: async (sweep) => {
          const { removed, ...step } = await honest.sweep(sweep);
          return { ...step, removed: removed + renames };
        },
      };
    }),

  'aliases: a sweep reaches sessions that are renamed meanwhile, and ends each once': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      let left: SessionKey[] = [];
      return {
        commit: (commit) => honest.commit((made.add(commit.rename?.to ?? commit.key), commit)),
        sweep: async ({ from, to, after, limit }) => {
          if (after === undefined) left = [...made];
          const isPast = (key: SessionKey) =>
            !isOlder(honest, key) && isBetween(honest.loadNow(key), from, to);
          const past = left.splice(0, limit).filter(isPast);
          for (const key of past) await honest.end({ key, reason: 'expired', now: to });
          return { removed: past.length, lostEvents: 0, next: left.length > 0 ? 'more' : undefined };
        },
      };
    }),

  'aliases: are forgotten with the environment': () =>
    lying((honest) => {
      const newer = new Map<SessionKey, SessionKey>();
      let removed = false;
      return {
        ...noting(honest, (key, { to }) => newer.set(key, to)),
        removeEnvironment: () => honest.removeEnvironment().then(() => void (removed = true)),
        load: (key) => honest.load(removed ? (newer.get(key) ?? key) : key),
      };
    }),

  'aliases: lead to the session for another process too, where the driver is shared': () =>
    lying((honest) => {
      const mine = new Set<SessionKey>();
      return {
        ...noting(honest, (key) => mine.add(key)),
        load: loadAs(honest, (stored, key) => (stored.alias && !mine.has(key) ? undefined : stored)),
      };
    }),

  'aliases: survive a restart, where the driver is persistent': () =>
    lyingLater((honest, isLater) => ({
      load: loadAs(honest, (stored) => (stored.alias && isLater() ? undefined : stored)),
    })),
};

/** Notes each rename before it is done. */
function noting(
  honest: MemoryDriver,
  note: (key: SessionKey, rename: Rename) => unknown,
): Pick<MemoryDriver, 'commit'> {
  return {
    commit: (commit) => {
      if (commit.rename) note(commit.key, commit.rename);
      return honest.commit(commit);
    },
  };
}

function aliasAs(as: (alias: Alias) => Alias): (stored: StoredSession) => StoredSession {
  return (stored) => (stored.alias ? { ...stored, alias: as(stored.alias) } : stored);
}

function isOlder(honest: MemoryDriver, key: SessionKey): boolean {
  return honest.loadNow(key)?.alias !== undefined;
}
