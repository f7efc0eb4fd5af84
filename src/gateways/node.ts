import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { Application } from '../app/application.js';
import { TsgiError } from '../app/errors.js';
import { Connections } from './node/connections.js';
import { Door } from './node/door.js';
import { Gateway, type GatewayOptions } from './node/gateway.js';
import { listen, Listening } from './node/listening.js';
import { answerUnreadable, noteResponse } from './node/unreadable.js';

export type { GatewayOptions };

export interface ServeOptions extends GatewayOptions {
  /** Default 8000; 0 takes any that is free. */
  port?: number;
  /** The address to listen on. Default `127.0.0.1`: nobody beyond this machine. `::` is every address it has. */
  host?: string;
  /** Seconds that requests in flight are given when the server closes. Default 10. */
  grace?: number;
  /** Whether SIGINT and SIGTERM close the server. Default true. */
  signals?: boolean;
  timeouts?: Timeouts;
}

/** How long a client may take, in seconds. One that takes longer gets a 408 if it began a request, and is cut off. */
export interface Timeouts {
  /** From the connection to its first byte, and from there to the end of the headers. Default 60. */
  headers?: number;
  /** From the first byte of a request to the end of its body. Default 300. */
  request?: number;
  /** From a reply to the next request on the same connection. Default 5. */
  keepAlive?: number;
}

/** A server that listens. */
export interface Server {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  readonly port: number;
  /**
   * Takes no new connections, lets the requests in flight finish, cuts off those that take longer than `grace`, gives
   * their `tsgi.finished` callbacks one second more, then closes the application. Later calls answer the promise of the
   * first. Rejects with what a layer throws when it closes.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** A listener for a server of node:http or node:https. */
export interface Listener {
  (request: IncomingMessage, response: ServerResponse): void;
  /** Lets the requests in flight finish, then closes the application; later requests get a 503. Close the server first. */
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /** Seconds that requests in flight are given. Default: that of `serve`, 10. */
  grace?: number;
}

/**
 * Serves an application over HTTP/1.1 until it is closed. When the promise resolves, the application is open and the
 * port is too; when one of them fails, neither stays open.
 *
 * The first SIGINT or SIGTERM closes the server, after which the process ends by itself with code 0; a second one ends
 * the process at once. Requests are held to RFC 9112 where node:http is not: 400, 431 for more than 200 header lines or
 * 16 KiB of them, 505. A request body that the application leaves is read after the reply, up to 256 KiB; past that the
 * connection ends.
 * @throws TsgiError `BAD_OPTION`; or with the code of the system, such as `EADDRINUSE` and `EACCES`, when it cannot
 * listen; or what a layer throws when it opens.
 */
export async function serve(application: Application, options: ServeOptions = {}): Promise<Server> {
  const { port = 8000, host = '127.0.0.1', grace = DEFAULT_GRACE, signals = true } = options;
  checkPort(port);
  checkSeconds('grace', grace, 0);
  const limits = limitsOf(options.timeouts);
  const gateway = new Gateway(application, options);
  const server = makeServer(limits);
  const connections = new Connections(server, limits.headers);
  answerUnreadable(server);
  server.on('request', (request, response) => {
    noteResponse(request.socket, response);
    gateway.handle(request, response);
  });
  await gateway.open();
  try {
    await listen(server, port, host);
  } catch (error) {
    await gateway.close().catch(() => undefined); // what failed first is what the caller must see
    throw error;
  }
  const listening = new Listening(server, connections, gateway);
  if (signals) listening.closeOnSignals(grace);
  return {
    url: listening.url,
    port: listening.port,
    close: (closing = {}) => listening.close(graceOf(closing, grace)),
  };
}

/**
 * The application as a listener: `createServer(toListener(application))`, also over https and under Express. The first
 * request opens the application; when that fails it gets a 500, and the next request tries again.
 */
export function toListener(application: Application, options: GatewayOptions = {}): Listener {
  const door = new Door(new Gateway(application, options));
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    door.handle(request, response);
  };
  return Object.assign(listener, { close: (closing = {}) => door.close(graceOf(closing, DEFAULT_GRACE)) });
}

const DEFAULT_GRACE = 10;

function makeServer({ headers, request, keepAlive }: Required<Timeouts>): HttpServer {
  return createServer({
    headersTimeout: Math.ceil(headers * 1000),
    requestTimeout: Math.ceil(request * 1000),
    keepAliveTimeout: Math.ceil(keepAlive * 1000),
    connectionsCheckingInterval: 1000,
    requireHostHeader: false, // the gateway asks for it, and answers in words
  });
}

function limitsOf({ headers = 60, request = 300, keepAlive = 5 }: Timeouts = {}): Required<Timeouts> {
  const limits = { headers, request, keepAlive };
  for (const [name, seconds] of Object.entries(limits)) checkSeconds(`timeouts.${name}`, seconds, 0.001);
  if (headers > request) throw badOption('timeouts.headers', headers, 'no more than timeouts.request');
  return limits;
}

function graceOf({ grace }: CloseOptions, otherwise: number): number {
  if (grace !== undefined) checkSeconds('grace', grace, 0);
  return grace ?? otherwise;
}

function checkPort(port: unknown): void {
  if (Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535) return;
  throw badOption('port', port, 'a whole number from 0 to 65535');
}

function checkSeconds(name: string, seconds: unknown, least: number): void {
  if (typeof seconds === 'number' && seconds >= least && seconds <= MOST_SECONDS) return;
  throw badOption(name, seconds, `a number of seconds from ${least} to ${MOST_SECONDS}`);
}

/** What fits into a timer of Node: 24 days. */
const MOST_SECONDS = 2_147_483;

function badOption(name: string, found: unknown, expected: string): TsgiError {
  return new TsgiError('BAD_OPTION', `The option ${name} is ${String(found)}. Give ${expected}.`);
}
