import cluster from 'node:cluster';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Application } from '../../app/application.js';
import type { ErrorStream } from '../../app/environ.js';
import { closeApplication, openApplication } from '../../app/life.js';
import { runTurn } from '../../app/turn.js';
import { environOf, type Host } from './environ.js';
import { Arrivals } from './arrivals.js';
import { Exchange, type Exchanges, refuse } from './exchange.js';

export interface GatewayOptions {
  /** Where log lines go: `tsgi.errors`. Default `process.stderr`. */
  errors?: ErrorStream;
  /** Whether other processes serve the same application: `tsgi.multiprocess`. Default: true in a worker of node:cluster. */
  multiprocess?: boolean;
}

/** An application behind node:http: its life, and its exchanges that are under way. */
export class Gateway implements Host, Exchanges {
  readonly errors: ErrorStream;
  readonly multiprocess: boolean;
  /** Set when connections are to end with their next reply. */
  closing = false;
  readonly #application: Application;
  readonly #arrivals: Arrivals<Exchange>;
  #running = 0;
  #rested: (() => void) | undefined;

  constructor(
    application: Application,
    { errors = process.stderr, multiprocess = cluster.isWorker }: GatewayOptions,
  ) {
    this.errors = errors;
    this.multiprocess = multiprocess;
    this.#application = application;
    this.#arrivals = new Arrivals(this.#answer);
  }

  open(): Promise<void> {
    return openApplication(this.#application, {
      'tsgi.errors': this.errors,
      'tsgi.multiprocess': this.multiprocess,
      'tsgi.run_once': false,
    });
  }

  close(): Promise<void> {
    return closeApplication(this.#application);
  }

  /** Answers a request, together with others that arrive in the same turn of the event loop. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    let environ;
    try {
      environ = environOf(request, this);
    } catch (error) {
      refuse(response, error);
      return;
    }
    this.#running += 1;
    this.#arrivals.add(new Exchange(environ, response, this));
  }

  /** Resolves when no exchange is under way. */
  async rest(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#rested = resolve));
  }

  /**
   * The application is called for all of them before the first reply is sent: what serves one call is at hand for the next,
   * and a client that waits for many replies is woken once.
   */
  readonly #answer = (exchanges: readonly Exchange[]): void => {
    runTurn(exchanges.length, () => {
      for (const exchange of exchanges) exchange.call(this.#application);
      for (const exchange of exchanges) {
        const rest = exchange.send();
        if (rest === undefined) this.#leave();
        else void rest.then(this.#leave);
      }
    });
  };

  readonly #leave = () => {
    this.#running -= 1;
    if (this.#running === 0) this.#rested?.();
  };
}
