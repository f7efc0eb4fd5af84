// What the benchmark uses of packages that bring no types.

declare module 'express' {
  import type { IncomingMessage } from 'node:http';
  import type { Session } from 'express-session';

  interface Response {
    type(name: string): Response;
    send(body: string): void;
  }

  type Handler = (request: IncomingMessage & { session: Session }, response: Response) => void;

  interface Application {
    disable(setting: string): void;
    get(path: string, ...handlers: (Handler | object)[]): void;
    listen(port: number, host: string, listening: () => void): { address(): { port: number } };
  }

  export default function express(): Application;
}

declare module 'express-session' {
  export interface Session {
    cookie: { expires: Date; maxAge: number };
    name?: string;
    count?: number;
  }

  interface Options {
    name: string;
    secret: string;
    resave: boolean;
    saveUninitialized: boolean;
    rolling?: boolean;
    cookie: { maxAge: number; sameSite: 'lax' };
    store: object;
  }

  function session(options: Options): object;
  namespace session {
    const Store: new () => object;
  }
  export default session;
}

declare module 'better-sqlite3-session-store' {
  import type { Database } from 'better-sqlite3';

  interface Options {
    client: Database;
    expired: { clear: boolean; intervalMs: number };
  }

  export default function sqliteStore(session: object): new (options: Options) => object;
}

declare module 'fastify-session-better-sqlite3-store' {
  import type { SessionStore } from '@fastify/session';
  import type { Database } from 'better-sqlite3';

  const SqliteStore: new (database: Database) => SessionStore;
  export default SqliteStore;
}

declare module 'koa' {
  import type { RequestListener } from 'node:http';

  export interface Session {
    name?: string;
    count?: number;
    maxAge: number;
    _expire: number;
    toJSON(): object;
  }

  export interface Context {
    path: string;
    body: string;
    session: Session;
  }

  export default class Koa {
    use(middleware: (context: Context, next: () => Promise<void>) => void | Promise<void>): void;
    callback(): RequestListener;
  }
}

declare module 'autocannon' {
  interface Options {
    url: string;
    connections: number;
    duration: number;
    headers: Record<string, string>;
    requests?: readonly { setupRequest: (request: object) => object }[];
  }

  interface Result {
    errors: number;
    non2xx: number;
    duration: number;
    requests: { total: number };
    latency: { p50: number; p99: number };
  }

  export default function autocannon(options: Options): Promise<Result>;
}
