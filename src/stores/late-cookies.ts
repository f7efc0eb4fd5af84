import type { StoredSession } from './driver.js';
import { judge } from './expiry.js';
import { keyOf, type SessionKey } from './session-id.js';
import type { SetCookies } from './set-cookies.js';
import type { VisitSettings } from './settings.js';

/** What a request's cookies are decided by, after its changes were committed. */
interface Decided {
  readonly settings: VisitSettings;
  readonly cookies: SetCookies;
  readonly https: boolean;
}

/** Sends the cookie of that id anew, when nothing else is sent and the session is still there. */
export async function sendAgain(
  { settings, cookies, https }: Decided,
  id: string,
  saving: Promise<void> | undefined,
): Promise<void> {
  await saving;
  if (cookies.waiting.length > 0 || cookies.sent.length > 0) return;
  const stored = await loadOrReport(settings, keyOf(id)); // where that fails, the next request tries again
  const now = settings.clock.now();
  if (!isStill(stored, now)) return;
  cookies.add(settings.carrier.cookie.write(id, https, stored.expireTime, now), true, keyOf(id));
}

/** Refuses the waiting line of a session that is not what it was. */
export async function refuseUnlessStill({ settings, cookies }: Decided, key: SessionKey): Promise<void> {
  const stored = await loadOrReport(settings, key);
  if (!isStill(stored, settings.clock.now())) cookies.refuse(key);
}

/** Whether a session is live, and still has the id that led to it. */
function isStill(stored: StoredSession | undefined, now: number): stored is StoredSession {
  return stored !== undefined && stored.alias === undefined && judge(stored, now).state === 'live';
}

async function loadOrReport(
  { driver, report }: VisitSettings,
  key: SessionKey,
): Promise<StoredSession | undefined> {
  try {
    return await driver.load(key);
  } catch (error) {
    report(error);
    return undefined;
  }
}
