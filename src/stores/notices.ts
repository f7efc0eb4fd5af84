import { channel, type Channel } from 'node:diagnostics_channel';
import { isPromise } from '../app/promise.js';
import type { Clock } from './clock.js';

/** What is told of sessions, by name. Nothing in it is secret: no id, no key, no value. */
export interface Notice {
  /** A request looked for its session. */
  readonly load: { readonly state: string };
  /** A difference was committed. */
  readonly commit: {
    readonly created: boolean;
    readonly regenerated: boolean;
    readonly applications: number;
  };
  /** An `update` was applied to a value that another request had changed meanwhile. */
  readonly merge: { readonly app: string };
  /** Changes were not kept: the session had ended, or the request failed. */
  readonly drop: { readonly reason: 'ended' | 'failed' };
  /** A use was not recorded, since one was shortly before. */
  readonly 'touch-saved': Readonly<Record<string, never>>;
  /** A session ended. */
  readonly end: { readonly reason: string };
  /** A sweep is over. */
  readonly sweep: { readonly removed: number; readonly lostEvents: number };
  /** A handler heard of an end, or failed to and will be asked again. */
  readonly event: {
    readonly app: string;
    readonly handler: string;
    readonly reason: string;
    readonly attempt: number;
    readonly state: 'done' | 'failed';
  };
  /** A session was ended because of values that cannot be decoded. */
  readonly quarantine: { readonly values: number; readonly kept: boolean };
  /** Somebody came with the older id of a regenerated session, after its grace. */
  readonly reuse: { readonly lateBy: number };
}

export type NoticeName = keyof Notice;

/** Where `log` lines go: a stream, or anything else with its `write`. When it fails, a line is lost and nothing else. */
export interface SessionLog {
  write(line: string): unknown;
}

/**
 * Tells what happens to the sessions of one environment: on `node:diagnostics_channel`, as `tsgi:session:<name>` with an
 * object of the notice and its `environment`, and as a line of the option `log`.
 */
export class Notices {
  readonly #environment: string;
  readonly #log: SessionLog | undefined;
  readonly #clock: Clock;

  constructor(environment: string, clock: Clock, log?: SessionLog) {
    this.#environment = environment;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether anybody listens, so that a notice is worth making. */
  heard(name: NoticeName): boolean {
    return this.#log !== undefined || channels[name].hasSubscribers;
  }

  tell<N extends NoticeName>(name: N, notice: Notice[N]): void {
    if (!this.heard(name)) return;
    const message = { environment: this.#environment, ...notice };
    channels[name].publish(message);
    const time = new Date(this.#clock.now() * 1000).toISOString();
    this.#write(`${time} session ${name} ${JSON.stringify(message)}\n`);
  }

  #write(line: string): void {
    try {
      const written = this.#log?.write(line);
      if (isPromise(written)) written.catch(() => undefined);
    } catch {
      // what is told of has happened: failing now would have it done again
    }
  }
}

const channels: Readonly<Record<NoticeName, Channel>> = {
  load: channel('tsgi:session:load'),
  commit: channel('tsgi:session:commit'),
  merge: channel('tsgi:session:merge'),
  drop: channel('tsgi:session:drop'),
  'touch-saved': channel('tsgi:session:touch-saved'),
  end: channel('tsgi:session:end'),
  sweep: channel('tsgi:session:sweep'),
  event: channel('tsgi:session:event'),
  quarantine: channel('tsgi:session:quarantine'),
  reuse: channel('tsgi:session:reuse'),
};
