import type { Application } from './application.js';
import { TsgiError } from './errors.js';
import { type Description, descriptionOf, type Resources } from './layer.js';

/**
 * Opens an application, from the outermost layer inward, before its first request. Every host does this; a layer that
 * stands in two places, or in two hosts, is opened once. What was opened is closed again when a layer inside fails.
 * @throws TsgiError `MISSING_LAYER` when a layer needs a key that nothing around it sets; `MOUNTED_TWICE` when one and
 * the same layer stands inside two different resources.
 */
export async function openApplication(application: Application<never>, resources: Resources): Promise<void> {
  const opened: Description[] = [];
  try {
    await enter(application, resources, opened);
  } catch (error) {
    await leaveAll(opened.reverse()).catch(() => undefined); // what failed first is what the caller must see
    throw error;
  }
}

/** Closes an application, from the inside out, after its last request. A layer still open elsewhere stays open. */
export async function closeApplication(application: Application<never>): Promise<void> {
  await leaveAll(insideOut(application));
}

/** For a layer that is asked for its resource before the application was opened. */
export function notOpen(): never {
  throw new TsgiError(
    'NOT_OPEN',
    'The application is not open. Use serve(), toListener() or openApplication() first.',
  );
}

/** Where a layer stands in its life. `users` counts the places it was opened from. */
interface Life {
  users: number;
  resources: Resources;
  given: Promise<Resources>;
}

const lives = new WeakMap<Description, Life>();

async function enter(
  application: Application<never>,
  resources: Resources,
  opened: Description[],
): Promise<void> {
  const description = descriptionOf(application);
  if (description === undefined) return;
  checkNeeds(description, resources);
  const given = await openOnce(description, resources);
  opened.push(description);
  for (const inner of description.inner) await enter(inner, { ...resources, ...given }, opened);
}

async function openOnce(description: Description, resources: Resources): Promise<Resources> {
  const life = lives.get(description) ?? start(description, resources);
  checkSameResources(description, life.resources, resources);
  life.users += 1;
  try {
    return await life.given;
  } catch (error) {
    release(description, life);
    throw error;
  }
}

function start(description: Description, resources: Resources): Life {
  const life = { users: 0, resources, given: giveKeys(description, resources) };
  lives.set(description, life);
  return life;
}

/** A key that has no resource is there all the same, so that needs can be checked before the first request. */
async function giveKeys({ sets, life }: Description, resources: Resources): Promise<Resources> {
  const keys = Object.fromEntries(sets.map((key) => [key, undefined]));
  return { ...keys, ...(await life.open?.(resources)) };
}

async function leaveAll(descriptions: readonly Description[]): Promise<void> {
  const failures: unknown[] = [];
  for (const description of descriptions) {
    const life = lives.get(description);
    if (life === undefined || !release(description, life)) continue;
    try {
      await description.life.close?.();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Whether that was the last user. */
function release(description: Description, life: Life): boolean {
  life.users -= 1;
  if (life.users > 0) return false;
  lives.delete(description);
  return true;
}

function insideOut(application: Application<never>): Description[] {
  const description = descriptionOf(application);
  if (description === undefined) return [];
  return [...[...description.inner].reverse().flatMap(insideOut), description];
}

function checkNeeds({ name, needs }: Description, resources: Resources): void {
  for (const [key, outer] of Object.entries(needs)) {
    if (key in resources) continue;
    throw new TsgiError(
      'MISSING_LAYER',
      `${name}() needs '${key}', and no layer around it sets it. Put ${outer}() around ${name}().`,
    );
  }
}

function checkSameResources({ name, needs }: Description, before: Resources, now: Resources): void {
  const other = Object.keys(needs).find((key) => before[key] !== now[key]);
  if (other === undefined) return;
  throw new TsgiError(
    'MOUNTED_TWICE',
    `One and the same ${name}() stands inside two different '${other}'. Make a ${name}() for each.`,
  );
}
