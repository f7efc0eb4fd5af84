import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { codeOfError, isError, TsgiError } from '../../app/errors.js';
import { logFailure } from '../../app/log.js';
import { inTime } from './in-time.js';
import type { Connections } from './connections.js';
import type { Gateway } from './gateway.js';

/** @throws TsgiError with the code that the system gave. */
export async function listen(server: HttpServer, port: number, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    throw cannotListen(cause, port, host);
  }
}

/** A server that listens, until it is closed or the process is asked to end. */
export class Listening {
  readonly url: string;
  readonly port: number;
  readonly #connections: Connections;
  readonly #gateway: Gateway;
  #forgetSignals: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(server: HttpServer, connections: Connections, gateway: Gateway) {
    const { address, port } = server.address() as AddressInfo;
    this.port = port;
    this.url = `http://${hostOf(address)}:${port}`;
    this.#connections = connections;
    this.#gateway = gateway;
    server.on('error', (error) => {
      logFailure(gateway.errors, 'a connection could not be accepted', error);
    });
  }

  /** The first SIGINT or SIGTERM closes. Node's own way with them is back at once, so that a second ends the process. */
  closeOnSignals(grace: number): void {
    const close = () => {
      this.close(grace).catch((error: unknown) => {
        process.exitCode = 1;
        logFailure(this.#gateway.errors, 'closing failed', error);
      });
    };
    for (const signal of SIGNALS) process.on(signal, close);
    this.#forgetSignals = () => {
      for (const signal of SIGNALS) process.off(signal, close);
    };
  }

  close(grace: number): Promise<void> {
    return (this.#closing ??= this.#close(grace));
  }

  async #close(grace: number): Promise<void> {
    this.#forgetSignals?.();
    this.#gateway.closing = true;
    const closed = this.#connections.close();
    await inTime(
      closed.then(() => this.#gateway.rest()),
      grace,
    );
    this.#connections.destroy();
    await closed;
    await inTime(this.#gateway.rest(), LAST_WORDS);
    await this.#gateway.close();
  }
}

/** Seconds for the bodies and callbacks of requests that were cut off. */
const LAST_WORDS = 1;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Every address is one that nobody can be sent to: the machine itself stands for it. */
function hostOf(address: string): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}

function cannotListen(cause: unknown, port: number, host: string): TsgiError {
  const code = codeOfError(cause) ?? 'LISTEN';
  const advice = ADVICE[code] ?? (isError(cause) ? `${cause.message}.` : '');
  return new TsgiError(code, `serve() cannot listen on port ${port} of ${host}: ${advice}`, { cause });
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already. End it, or give another port (0: any that is free).',
  EACCES: 'this user may not. Give a port from 1024 on, or start with more rights.',
  EADDRNOTAVAIL: "this machine has no such address. Give host: '127.0.0.1', or '::' for all it has.",
  ENOTFOUND: "this name is no address of this machine. Give host: '127.0.0.1', or '::' for all it has.",
};
