import { TestClock } from '../../src/testing/clock.js';
import { Carrier } from '../../src/stores/carrier.js';
import { jsonCodec } from '../../src/stores/codec.js';
import type { CookieOptions } from '../../src/stores/cookie.js';
import type { Commit, CommitResult, Driver, Ending } from '../../src/stores/driver.js';
import { type EndHandlerOptions, EndHandlers } from '../../src/stores/end-handlers.js';
import { checkedLimits } from '../../src/stores/limits.js';
import { Manager } from '../../src/stores/manager.js';
import { MemoryDriver } from '../../src/stores/memory.js';
import { Notices } from '../../src/stores/notices.js';
import { keyOf } from '../../src/stores/session-id.js';
import type { Store } from '../../src/stores/store.js';
import type { VisitSettings } from '../../src/stores/settings.js';
import { Visit } from '../../src/stores/visit.js';
import { Watcher } from '../../src/stores/watcher.js';
import { request } from './failing.js';

/** A memory whose commits and endings fail, or wait, when told. */
export class TroubledDriver extends MemoryDriver {
  /** Thrown by the next commit or ending. */
  failure: Error | undefined;
  readonly commits: Commit[] = [];
  #gate: Promise<void> = Promise.resolve();

  override async commit(commit: Commit): Promise<CommitResult> {
    this.commits.push(commit);
    await this.#trouble();
    return super.commit(commit);
  }

  override async end(ending: Ending): Promise<boolean> {
    await this.#trouble();
    return super.end(ending);
  }

  /** Lets commits wait until what it answers is called. */
  hold(): () => void {
    let go: () => void = () => undefined;
    this.#gate = new Promise((resolve) => (go = resolve));
    return go;
  }

  async #trouble(): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    await this.#gate;
    if (failure !== undefined) throw failure;
  }
}

export interface SiteOptions extends Partial<VisitSettings> {
  cookieOptions?: CookieOptions;
  endHandlers?: Omit<EndHandlerOptions, 'app'>;
}

/** One request in the hands of a test. */
export interface OneVisit {
  readonly visit: Visit;
  readonly manager: Manager;
  readonly store: Store;
}

/** What a session layer gives to its visits, and what opens them. */
export interface Site<D extends Driver> {
  readonly driver: D;
  readonly clock: TestClock;
  readonly settings: VisitSettings;
  readonly endHandlers: EndHandlers;
  /** What failed outside any request. */
  readonly failures: unknown[];
  /** A request, with the session of that id in its cookie. */
  visit(sessionID?: string, environ?: Readonly<Record<string, unknown>>): OneVisit;
  /** A session with these values in its store, committed. Answers its id. */
  made(values?: Readonly<Record<string, Parameters<Store['set']>[1]>>): Promise<string>;
  /** What is stored in the session of that id, by application and key, as text. */
  stored(sessionID: string): Promise<Record<string, Record<string, string>> | undefined>;
}

export function site(options: SiteOptions = {}): Site<TroubledDriver> {
  return siteOn(new TroubledDriver(), options);
}

export function siteOn<D extends Driver>(
  driver: D,
  { cookieOptions, endHandlers: handlers, ...over }: SiteOptions = {},
): Site<D> {
  const clock = new TestClock();
  const failures: unknown[] = [];
  const onError = (error: unknown) => failures.push(error);
  const endHandlers = new EndHandlers({ app: 'shop', ...handlers });
  const settings: VisitSettings = {
    driver,
    carrier: new Carrier('shop', cookieOptions === undefined ? {} : { cookie: cookieOptions }),
    codec: jsonCodec,
    limits: checkedLimits(),
    clock,
    lifetime: 3600,
    idle: Infinity,
    invalidateCorrupt: 'throw',
    notices: new Notices('shop', clock),
    report: onError,
    watcher: new Watcher(driver, clock, onError),
    ...over,
  };
  endHandlers.open({ ...settings, onError });
  const visit: Site<D>['visit'] = (sessionID, environ = {}) => {
    const cookies =
      sessionID === undefined ? {} : { HTTP_COOKIE: `${settings.carrier.key(false)}=${sessionID}` };
    const made = new Visit(settings, request({ ...cookies, ...environ }).environ);
    const manager = new Manager(made, 'shop', endHandlers);
    return { visit: made, manager, store: manager.store('shop') };
  };
  return {
    driver,
    clock,
    settings,
    endHandlers,
    failures,
    visit,
    async made(values = {}) {
      const { visit: first, manager, store } = visit();
      for (const [key, value] of Object.entries(values)) store.set(key, value);
      const { sessionID } = manager;
      await first.finish(true);
      return sessionID;
    },
    async stored(sessionID) {
      const found = await driver.load(keyOf(sessionID));
      if (found === undefined) return undefined;
      return Object.fromEntries([...found.values].map(([app, keys]) => [app, Object.fromEntries(keys)]));
    },
  };
}
