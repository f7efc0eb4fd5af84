import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Driver, Ending, StoredEvent, StoredSession } from '../../../src/stores/driver.js';
import type { MemoryDriver } from '../../../src/stores/memory.js';
import type { SessionKey } from '../../../src/stores/session-id.js';
import { isBetween, type Lies, lying, lyingLater, rewrite } from './faces.js';

/** Drivers that break one promise about the events of endings each. */
export const eventLies: Lies = {
  'events: the end of a session records one for each handler, under one id': () =>
    lying((honest) => ({ claim: claimAs(honest, (event) => ({ ...event, id: event.id + event.handler })) })),

  'events: two endings have different ids': () =>
    lying((honest) => ({ claim: claimAs(honest, (event) => ({ ...event, id: 'id' })) })),

  'events: tell why and when the session ended, and when it was made': () =>
    lying((honest) => ({ claim: claimAs(honest, (event) => ({ ...event, createdAt: event.endedAt })) })),

  'events: carry what their application kept at the end, and nothing of others': () =>
    lying((honest) => {
      const first = new Map<SessionKey, StoredSession['values']>();
      return {
        commit: async (commit) => {
          const result = await honest.commit(commit);
          if (commit.create) first.set(commit.key, honest.loadNow(commit.key)?.values ?? new Map());
          return result;
        },
        claim: claimAs(honest, (event) => {
          const values = [...first.values()].at(-1)?.get(event.app) ?? event.values;
          return { ...event, values };
        }),
      };
    }),

  'events: carry values, keys and details exactly': () =>
    lying((honest) => ({
      claim: claimAs(honest, (event) => ({ ...event, detail: event.detail?.trim() })),
    })),

  'events: have no detail where none was registered': () =>
    lying((honest) => ({ claim: claimAs(honest, (event) => ({ ...event, detail: event.detail ?? '' })) })),

  'events: none is recorded where no handler is registered': () =>
    lying((honest) => ({
      commit: (commit) =>
        honest.commit(commit.create ? { register: [{ app: 'shop', handler: 'remind' }], ...commit } : commit),
    })),

  'events: none is recorded where there was nothing to end': () =>
    lying((honest) => {
      const ended = new Map<SessionKey, StoredSession>();
      return {
        end: async (ending) => {
          const stored = honest.loadNow(ending.key);
          const known = ended.get(ending.key);
          if (stored !== undefined) ended.set(ending.key, stored);
          else if (known !== undefined) await endAgain(honest, known, ending);
          return honest.end(ending);
        },
      };
    }),

  'events: one is recorded when a session is ended several times at once': () =>
    lying((honest) => ({
      end: async (ending) => {
        const stored = honest.loadNow(ending.key);
        await nextTurn();
        const isEnded = await honest.end(ending);
        if (stored !== undefined && !isEnded) await endAgain(honest, stored, ending);
        return isEnded;
      },
    })),

  'events: are there as soon as the session is not': () =>
    lying((honest) => {
      let ending = false;
      return {
        end: async (wanted) => {
          ending = true;
          const isEnded = await honest.end(wanted);
          await nextTurn();
          ending = false;
          return isEnded;
        },
        claim: async (claim) => (ending ? [] : honest.claim(claim)),
      };
    }),

  'events: are recorded by a sweep, with the end that came first and the moment of the sweep': () =>
    lying((honest) => ({
      claim: claimAs(honest, (event) => ({
        ...event,
        reason: event.reason === 'idle' ? 'expired' : event.reason,
      })),
    })),

  'events: are recorded by a sweep for a handler that is registered while it runs': () =>
    lying((honest) => {
      let sweeping = false;
      return {
        commit: async (commit) => {
          await nextTurn();
          return honest.commit(sweeping ? { ...commit, register: [] } : commit);
        },
        sweep: async (sweep) => {
          sweeping = true;
          await nextTurn();
          return honest.sweep(sweep);
        },
      };
    }),

  'events: are recorded once for each session when two sweep at once': () => {
    const made = new Set<SessionKey>();
    return lying((honest) => ({
      commit: (commit) => honest.commit((made.add(commit.key), commit)),
      sweep: async ({ from, to }) => {
        const past = [...made].flatMap((key) => honest.loadNow(key) ?? []);
        const due = past.filter((stored) => isBetween(stored, from, to));
        await nextTurn();
        for (const stored of due) await endAgain(honest, stored, { reason: 'expired', now: to });
        return { removed: due.length, lostEvents: 0, next: undefined };
      },
    }));
  },

  'events: go to claims of their application and their handler only': () =>
    lying((honest) => ({ claim: (claim) => honest.claim({ ...claim, handlers: ['remind'] }) })),

  'events: are claimed by one of many who claim at once': () =>
    lying((honest) => {
      let claiming: Promise<StoredEvent[]> | undefined;
      return {
        claim: async (claim) => {
          claiming ??= honest.claim(claim);
          const events = await claiming;
          await nextTurn();
          claiming = undefined;
          return events;
        },
      };
    }),

  'events: are claimed oldest first, no more at once than was asked for': () =>
    lying((honest) => ({ claim: (claim) => honest.claim({ ...claim, limit: Infinity }) })),

  'events: are not claimed again before the time of the claim is over': () =>
    lying((honest) => ({ claim: (claim) => honest.claim({ ...claim, until: claim.now }) })),

  'events: are claimed again after that, as the same event and with the next attempt': () =>
    lying((honest) => ({ claim: claimAs(honest, (event) => ({ ...event, attempt: 1 })) })),

  'events: one that is done with is gone, and settling it again answers false': () =>
    lying((honest) => ({ settle: (settlement) => honest.settle({ retryAt: Infinity, ...settlement }) })),

  'events: one that was never recorded cannot be settled': () =>
    lying((honest) => ({ settle: (settlement) => honest.settle(settlement).then(() => true) })),

  'events: one that is done with leaves those of other handlers': () =>
    lying((honest) => ({
      settle: async ({ event, ...settlement }) => {
        const isSettled = await honest.settle({ event, ...settlement });
        await honest.settle({ event: { ...event, handler: 'goodbye' } });
        return isSettled;
      },
    })),

  'events: one that is to be tried again is due at that moment and not before': () =>
    lying((honest) => ({
      settle: ({ event, retryAt }) =>
        honest.settle(retryAt === undefined ? { event } : { event, retryAt: 0 }),
    })),

  'events: one that is to be tried again may be due before the time of its claim is over': () =>
    lying((honest) => {
      let claimed = 0;
      return {
        claim: (claim) => honest.claim(((claimed = claim.until), claim)),
        settle: ({ event, retryAt }) =>
          honest.settle(retryAt === undefined ? { event } : { event, retryAt: Math.max(retryAt, claimed) }),
      };
    }),

  'events: a later claim is not cut short or postponed by an earlier one that is to be tried again': () =>
    lying((honest) => {
      const { claim, attemptOf } = knowingAttempts(honest);
      return {
        claim,
        settle: ({ event, ...more }) =>
          honest.settle({ event: { ...event, attempt: attemptOf(event) }, ...more }),
      };
    }),

  'events: one that is done with after a later claim took it is gone all the same': () =>
    lying((honest) => {
      const { claim, attemptOf } = knowingAttempts(honest);
      return {
        claim,
        settle: async (settlement) =>
          settlement.event.attempt < attemptOf(settlement.event) || honest.settle(settlement),
      };
    }),

  'events: one that is settled by several at once is settled once': () => {
    const done = new Set<string>();
    return lying((honest) => ({
      settle: async (settlement) => {
        const isOpen = !done.has(settlement.event.id);
        await nextTurn();
        done.add(settlement.event.id);
        return (await honest.settle(settlement)) || isOpen;
      },
    }));
  },

  'events: are given up by a sweep when they were recorded before its bound, and counted': () =>
    lying((honest) => ({
      sweep: async (sweep) => ({ ...(await honest.sweep(sweep)), lostEvents: 0 }),
    })),

  'events: are kept by a sweep that names no bound': () =>
    lying((honest) => ({ sweep: (sweep) => honest.sweep({ eventsBefore: sweep.from, ...sweep }) })),

  'events: are recorded for a session that got another key and is ended by the older': () =>
    lying((honest) => ({
      end: (ending) =>
        honest.loadNow(ending.key)?.alias ? endInSilence(honest, ending) : honest.end(ending),
    })),

  'events: are recorded by a sweep for a session that gets another key while it runs': () =>
    lying((honest) => {
      const made = new Set<SessionKey>();
      return {
        commit: async (commit) => {
          made.add(commit.key);
          await nextTurn();
          return honest.commit(commit);
        },
        sweep: async (sweep) => {
          const { from, to } = sweep;
          const past = [...made].filter((key) => isBetween(honest.loadNow(key), from, to));
          await nextTurn();
          for (const key of past) {
            if (honest.loadNow(key)?.alias) await endInSilence(honest, { key, reason: 'expired', now: to });
          }
          return honest.sweep(sweep);
        },
      };
    }),

  'events: are removed with the environment': () =>
    lying((honest) => {
      let kept: StoredEvent[] = [];
      return {
        removeEnvironment: async () => {
          kept = await honest.claim(ALL);
          await honest.removeEnvironment();
        },
        claim: async (claim) => [...kept, ...(await honest.claim(claim))],
      };
    }),

  'events: survive a restart, claimed or not, where the driver is persistent': () =>
    lyingLater((honest, isLater) => ({
      claim: async (claim) => (isLater() ? [] : honest.claim(claim)),
    })),
};

const ALL = { app: 'shop', handlers: ['remind'], now: Infinity, until: Infinity, limit: Infinity };

function claimAs(
  honest: MemoryDriver,
  as: (event: StoredEvent) => StoredEvent,
): NonNullable<Driver['claim']> {
  return async (claim) => (await honest.claim(claim)).map(as);
}

function knowingAttempts(
  honest: MemoryDriver,
): Pick<MemoryDriver, 'claim'> & { readonly attemptOf: (event: { readonly id: string }) => number } {
  const attempts = new Map<string, number>();
  return {
    claim: claimAs(honest, (event) => {
      attempts.set(event.id, event.attempt);
      return event;
    }),
    attemptOf: ({ id }) => attempts.get(id) ?? 0,
  };
}

/** Ends a session as it was, whether it is there or not. */
async function endAgain(
  honest: MemoryDriver,
  stored: StoredSession,
  ending: Pick<Ending, 'reason' | 'now'>,
): Promise<void> {
  if (honest.loadNow(stored.key) === undefined) await rewrite(honest, stored.key, stored);
  await honest.end({ ...ending, key: stored.key });
}

/** Ends a session and loses its event. */
async function endInSilence(honest: MemoryDriver, ending: Ending): Promise<boolean> {
  const isEnded = await honest.end(ending);
  for (const event of await honest.claim(ALL)) await honest.settle({ event });
  return isEnded;
}
