import type { IncomingMessage, ServerResponse } from 'node:http';
import { TsgiError } from '../../app/errors.js';
import { logFailure } from '../../app/log.js';
import { inTime } from './in-time.js';
import { refuse } from './exchange.js';
import type { Gateway } from './gateway.js';

/** Opens a gateway with its first request, and closes it once. */
export class Door {
  readonly #gateway: Gateway;
  #open = false;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#open) this.#gateway.handle(request, response);
    else void this.#enter(request, response);
  }

  close(grace: number): Promise<void> {
    this.#open = false;
    return (this.#closing ??= this.#close(grace));
  }

  async #enter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.#closing !== undefined) throw closed();
      await (this.#opening ??= this.#start());
    } catch (error) {
      refuse(response, error);
      return;
    }
    this.#gateway.handle(request, response);
  }

  async #start(): Promise<void> {
    try {
      await this.#gateway.open();
      this.#open = this.#closing === undefined;
    } catch (error) {
      this.#opening = undefined; // the next request tries again
      logFailure(this.#gateway.errors, 'the application could not be opened', error);
      throw error;
    }
  }

  async #close(grace: number): Promise<void> {
    const opened = await this.#opening?.then(
      () => true,
      () => false,
    );
    if (opened !== true) return;
    this.#gateway.closing = true;
    await inTime(this.#gateway.rest(), grace);
    await this.#gateway.close();
  }
}

function closed(): TsgiError {
  return new TsgiError('CLOSED', 'The application was closed.', { status: 503 });
}
