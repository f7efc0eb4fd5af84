import { readFileSync } from 'node:fs';
import type { Server } from '../../src/gateways/node.js';
import {
  type Application,
  cgi,
  database,
  environment,
  type Environ,
  error,
  type ErrorOptions,
  json,
  session,
  type SessionOptions,
  text,
} from 'tsgi';
import { exchange } from './http.js';

/** Full counts with TSGI_FAULTS=full; else what a slow machine does in seconds. */
export function count(full: number, usual: number): number {
  return process.env['TSGI_FAULTS'] === 'full' ? full : usual;
}

export const SECRET = 'the secret of the shop, of 32 bytes or more';

/** Finds an id in the query, for applications whose URLs carry it. */
export function inQuery(environ: Environ): string | undefined {
  return new URLSearchParams(environ.QUERY_STRING).get('sid') ?? undefined;
}

/** What the lists are tried on: sessions in a file, and one path for each thing to do. */
export function shop(
  file: string,
  options: Partial<SessionOptions> = {},
  errors: ErrorOptions = {},
): Application {
  return error(
    database(
      environment(
        session(
          cgi(async (environ) => {
            const manager = environ['web.session.manager'];
            const store = environ['web.session.store'];
            const who = () => (store.get('who') ?? 'nobody') as string;
            switch (environ.PATH_INFO) {
              case '/sign-in':
                store.set('who', 'anna');
                return text('signed in');
              case '/count':
                return text(String(store.increment('n')));
              case '/link':
                return text(manager.signedID);
              case '/cookie':
                manager.setCookie();
                manager.setExpire(manager.expireTime + 60);
                manager.setCookie();
                return text('set twice');
              case '/load':
                return text(String(await manager.load()));
              case '/quiet':
                return text('quiet');
              case '/all':
                return json(Object.fromEntries(store));
              case '/fail':
                throw new Error(`failed for ${who()}`);
              case '/misuse':
                store.get('who');
                manager.setExpire(1);
                return text('not reached');
              default:
                return text(who());
            }
          }),
          { app: 'shop', setupEnvironment: true, sweep: false, ...options },
        ),
        { name: 'shop' },
      ),
      { database: file, autoCreate: true },
    ),
    errors,
  );
}

/** A response as it came. */
export interface Answer {
  readonly code: number;
  readonly body: string;
  /** All values of that header, in order. */
  values(name: string): string[];
  /** `name=value` of the Set-Cookie line; '' without one. */
  readonly cookie: string;
  readonly raw: string;
}

/** A request with these header lines, byte for byte (Latin-1), on a connection of its own. */
export async function ask(server: Server, path: string, ...lines: readonly string[]): Promise<Answer> {
  return send(server, 'GET', path, lines, '');
}

/** The same with a form. */
export async function post(server: Server, path: string, form: string, ...lines: string[]): Promise<Answer> {
  const described = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${form.length}`];
  return send(server, 'POST', path, [...described, ...lines], form);
}

async function send(
  { port }: Server,
  method: string,
  path: string,
  lines: readonly string[],
  body: string,
): Promise<Answer> {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...lines];
  return answerOf(await exchange(port, `${head.join('\r\n')}\r\n\r\n${body}`));
}

function answerOf(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n');
  const [status = '', ...lines] = raw.slice(0, end).split('\r\n');
  const values = (name: string) =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map((line) => line.slice(name.length + 1).trim());
  const body = raw.slice(end + 4);
  return {
    code: Number(status.split(' ')[1]),
    body: values('Transfer-Encoding').length > 0 ? unchunked(body) : body,
    values,
    cookie: values('Set-Cookie')[0]?.split(';')[0] ?? '',
    raw,
  };
}

function unchunked(body: string): string {
  const size = Number.parseInt(body, 16);
  const start = body.indexOf('\r\n') + 2;
  return size > 0 ? body.slice(start, start + size) + unchunked(body.slice(start + size + 2)) : '';
}

/** The numbers that tests of a file begin with: `it('36: …')`. */
export function numbersTestedIn(url: string): number[] {
  const names = readFileSync(new URL(url), 'utf8').matchAll(/['`](\d{1,2}): [a-z]/g);
  return [...new Set(Array.from(names, ([, number]) => Number(number)))].toSorted((a, b) => a - b);
}
