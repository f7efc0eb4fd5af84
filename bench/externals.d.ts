// What the benchmark uses of packages that bring no types.

declare module 'express' {
  import type { IncomingMessage } from 'node:http';
  import type { Session } from 'express-session';

  interface Response {
    type(name: string): Response;
    send(body: string): void;
  }

  interface Application {
    disable(setting: string): void;
    use(middleware: object): void;
    get(
      path: string,
      handler: (request: IncomingMessage & { session: Session }, response: Response) => void,
    ): void;
    listen(port: number, host: string, listening: () => void): { address(): { port: number } };
  }

  export default function express(): Application;
}

declare module 'express-session' {
  export interface Stored {
    cookie: object;
    name?: string;
    count?: number;
  }

  export type Session = Stored;

  interface Options {
    name: string;
    secret: string;
    resave: boolean;
    saveUninitialized: boolean;
    cookie: { maxAge: number; sameSite: 'lax' };
    store: object;
  }

  function session(options: Options): object;
  namespace session {
    const Store: new () => object;
  }
  export default session;
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
