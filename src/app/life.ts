import type { Application } from './application.js';
import type { ErrorStream } from './environ.js';
import { TsgiError } from './errors.js';
import { type Description, descriptionOf, type Resources } from './layer.js';
import { logFailure } from './log.js';

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
    await leaveAll(opened.reverse()).catch((second: unknown) => {
      const errors = resources['tsgi.errors'] as ErrorStream | undefined;
      if (errors !== undefined)
        logFailure(errors, 'a layer could not be closed after another had not opened', second);
    });
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
  readonly resources: Resources;
  readonly given: Promise<Resources>;
  /** Set once the last user has left. A layer that is opened again meanwhile waits for it. */
  closing?: Promise<void>;
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
  let life = lives.get(description);
  while (life?.closing !== undefined) {
    await life.closing.catch(() => undefined); // whoever closes it hears of that
    life = lives.get(description);
  }
  life ??= start(description, resources);
  checkSameResources(description, life.resources, resources);
  life.users += 1;
  try {
    return await life.given;
  } catch (error) {
    life.users -= 1;
    if (life.users === 0) lives.delete(description);
    throw error;
  }
}

function start(description: Description, resources: Resources): Life {
  const life: Life = { users: 0, resources, given: giveKeys(description, resources) };
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
    try {
      await leave(description);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

async function leave(description: Description): Promise<void> {
  const life = lives.get(description);
  if (life === undefined || life.closing !== undefined) return;
  life.users -= 1;
  if (life.users > 0) return;
  life.closing = life.given.then(() => description.life.close?.()).finally(() => lives.delete(description));
  await life.closing;
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
