import type { Application } from '../../src/app/application.js';
import type { Environ } from '../../src/app/environ.js';
import type { Reply } from '../../src/app/reply.js';

/** A request for `GET /shop/cart?item=3` from this machine, and what was logged during it. */
export function request(over: Readonly<Record<string, unknown>> = {}): {
  environ: Environ;
  log: () => string;
} {
  let written = '';
  const environ: Environ = {
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '/shop',
    PATH_INFO: '/cart',
    QUERY_STRING: 'item=3',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '8000',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: 'localhost:8000',
    'tsgi.version': [1, 0],
    'tsgi.url_scheme': 'http',
    'tsgi.input': noInput(),
    'tsgi.input_terminated': true,
    'tsgi.errors': { write: (text) => (written += text) },
    'tsgi.multiprocess': false,
    'tsgi.run_once': false,
    'tsgi.finished': [],
  };
  return { environ: Object.assign(environ, over), log: () => written };
}

/** An application that throws what it is given. */
export function throwing(thrown: unknown): Application {
  return () => {
    throw thrown;
  };
}

/** The body of a reply that has it as a string; '' otherwise. */
export function pageOf({ body }: Reply): string {
  return typeof body === 'string' ? body : '';
}

/** The opening and closing tags of a page with their attributes, in order. */
export function tagsOf(page: string): string[] {
  return page.match(/<[a-z/!][^>]*>/gi) ?? [];
}

async function* noInput(): AsyncGenerator<Uint8Array> {
  // A request without a body.
}
