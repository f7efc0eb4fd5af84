import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Driver, Ending, QuarantinedValue } from '../../../src/stores/driver.js';
import type { MemoryDriver } from '../../../src/stores/memory.js';
import { keyOf, newSessionId } from '../../../src/stores/session-id.js';
import { type Lies, lying, lyingLater, momentsAt } from './faces.js';

/** Drivers that break one promise about values put aside each. */
export const quarantineLies: Lies = {
  'quarantine: lists the values that were put aside, in that order': () =>
    lying((honest) => ({ quarantined: listAs(honest, (list) => list.toReversed()) })),

  'quarantine: tells where each was, and when it was found': () =>
    lying((honest) => ({
      quarantined: eachAs(honest, (one) => ({ ...one, foundAt: Math.floor(one.foundAt) })),
    })),

  'quarantine: keeps values exactly': () =>
    lying((honest) => ({ quarantined: eachAs(honest, (one) => ({ ...one, value: one.value.trim() })) })),

  'quarantine: keeps the values of one application and key from each session': () =>
    lying((honest) => {
      const textOf = ({ app, key, value }: QuarantinedValue) => [app, key, value].join(' ');
      return {
        quarantined: listAs(honest, (list) => [
          ...new Map(list.map((one) => [textOf(one), one] as const)).values(),
        ]),
      };
    }),

  'quarantine: numbers its values upwards': () =>
    lying((honest) => ({ quarantined: eachAs(honest, (one) => ({ ...one, number: 1 })) })),

  'quarantine: is listed in pages, each from where the one before stopped': () =>
    lying((honest) => ({ quarantined: ({ limit }) => honest.quarantined({ limit }) })),

  'quarantine: gets nothing by an ending that names nothing': () =>
    lying((honest) => ({
      end: (ending) => honest.end({ corrupt: [{ app: 'shop', key: 'cart', value: 'tea' }], ...ending }),
    })),

  'quarantine: gets nothing where there was no session to end': () =>
    lying((honest) => ({
      end: async (ending) => {
        const isEnded = await honest.end(ending);
        if (!isEnded) await putAside(honest, ending);
        return isEnded;
      },
    })),

  'quarantine: gets values once when a session is ended several times at once': () =>
    lying((honest) => ({
      end: async (ending) => {
        const wasThere = honest.loadNow(ending.key) !== undefined;
        await nextTurn();
        const isEnded = await honest.end(ending);
        if (wasThere && !isEnded) await putAside(honest, ending);
        return isEnded;
      },
    })),

  'quarantine: is cleared with an answer how many values there were': () =>
    lying((honest) => ({ clearQuarantine: async () => Math.min(2, await honest.clearQuarantine()) })),

  'quarantine: takes values again after it was cleared': () =>
    lying((honest) => {
      let cleared = false;
      return {
        clearQuarantine: () => {
          cleared = true;
          return honest.clearQuarantine();
        },
        quarantined: listAs(honest, (list) => (cleared ? [] : list)),
      };
    }),

  'quarantine: is removed with the environment': () =>
    lying((honest) => {
      let kept: QuarantinedValue[] = [];
      return {
        removeEnvironment: async () => {
          kept = await honest.quarantined({ limit: Infinity });
          await honest.removeEnvironment();
        },
        quarantined: listAs(honest, (list) => [...kept, ...list]),
      };
    }),

  'quarantine: is the same for another process, where the driver is shared': () =>
    lying((honest) => {
      const mine = new Set<string>();
      return {
        end: (ending) => {
          for (const { value } of ending.corrupt ?? []) mine.add(value);
          return honest.end(ending);
        },
        quarantined: listAs(honest, (list) => list.filter(({ value }) => mine.has(value))),
      };
    }),

  'quarantine: survives a restart, where the driver is persistent': () =>
    lyingLater((honest, isLater) => ({ quarantined: listAs(honest, (list) => (isLater() ? [] : list)) })),
};

function listAs(
  honest: MemoryDriver,
  as: (list: QuarantinedValue[]) => QuarantinedValue[],
): NonNullable<Driver['quarantined']> {
  return async (page) => as(await honest.quarantined(page));
}

function eachAs(
  honest: MemoryDriver,
  as: (one: QuarantinedValue) => QuarantinedValue,
): NonNullable<Driver['quarantined']> {
  return listAs(honest, (list) => list.map(as));
}

/** Puts values aside though their session was not there. */
async function putAside(honest: MemoryDriver, ending: Ending): Promise<void> {
  const key = keyOf(newSessionId());
  await honest.commit({ key, now: 0, create: momentsAt(0), changes: new Map() });
  await honest.end({ ...ending, key });
}
