import { serve, type ServeOptions, type Server } from '../../src/gateways/node.js';
import type { Application, Environ } from '../../src/index.js';
import { Log } from './http.js';

/** The servers of one test, on ports of their own, with one log: `afterEach(() => servers.close())`. */
export class Servers {
  log = new Log();
  readonly #started: Server[] = [];

  async start(application: Application, options: ServeOptions = {}): Promise<Server> {
    const server = await serve(application, { port: 0, signals: false, errors: this.log, ...options });
    this.#started.push(server);
    return server;
  }

  /** Closes them once all requests under way, and what they left to do, are done. */
  async finish(): Promise<void> {
    await Promise.all(this.#started.map((server) => server.close()));
  }

  /** Closes them and starts a new log. What a test leaves unanswered is cut off. */
  async close(): Promise<void> {
    const closing = this.#started.splice(0).map((server) => server.close({ grace: 0 }));
    await Promise.allSettled(closing);
    this.log = new Log();
  }
}

/** The request body, read to its end. */
export async function readInput(environ: Environ): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of environ['tsgi.input']) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A number once it has stayed the same over many turns of the event loop, and is not 0. */
export async function settled(read: () => number): Promise<number> {
  let before = 0;
  while (read() === 0 || read() !== before) {
    before = read();
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return before;
}
