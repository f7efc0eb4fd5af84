import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { html, type OpenedSession, openSession, type OpenSessionOptions } from 'tsgi';
import { layout } from './page.js';

/** The same page for a server of `node:http` and for whatever speaks fetch: one directory, one session. */
export interface Handlers {
  readonly nodeHandler: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly fetchHandler: (request: Request) => Promise<Response>;
}

/**
 * Sessions without layers, one file each: Myghty's `Session(req, data_dir='./sessions')`. Nothing runs in the background:
 * files of sessions that are over may be deleted by a job of the machine, or by `manager.cleanup()`.
 */
export function makeHandlers(directory = './sessions'): Handlers {
  // one object for all requests: what is opened for it stays open
  const options: OpenSessionOptions = {
    app: 'standalone',
    name: 'standaloneEnv',
    storage: 'file',
    directory,
    setupEnvironment: true,
    idle: 1800,
  };
  return {
    async nodeHandler(request, response) {
      const session = await openSession(request, options);
      const body = answer(session, request.method);
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      await session.save(response);
      response.end(body);
    },
    async fetchHandler(request) {
      const session = await openSession(request, options);
      const body = answer(session, request.method);
      return session.save(new Response(body, { headers: { 'Content-Type': 'text/html; charset=utf-8' } }));
    },
  };
}

/** Knows neither host. Nothing has left yet, so that it may still make a session or end it. */
function answer({ manager, store }: OpenedSession, method = 'GET'): string {
  if (method === 'POST') manager.invalidate();
  const content =
    method === 'POST'
      ? html`
          <p>Your session is over.</p>
          <nav><a href="/">Start again</a></nav>
        `
      : html`
          <p>Visits, without any layer:</p>
          <p class="card number">${store.increment('visits')}</p>
          <nav><a href="/">Visit again</a></nav>
          <form method="post" action="/"><p class="buttons"><button>Forget me</button></p></form>
        `;
  return layout('A session by itself', content).toString();
}

if (process.argv[1] === import.meta.filename) {
  const { nodeHandler } = makeHandlers();
  const server = createServer((request, response) => {
    nodeHandler(request, response).catch((error: unknown) => {
      console.error(error);
      response.writeHead(500).end('This did not work. Please try again later.');
    });
  });
  server.listen(Number(process.env['PORT'] ?? 8000), '127.0.0.1', () => {
    console.log(`Open http://127.0.0.1:${(server.address() as AddressInfo).port} in a browser.`);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close());
}
