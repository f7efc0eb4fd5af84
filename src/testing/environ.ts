import type { Environ, ErrorStream } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import type { Header } from '../app/headers.js';
import type { Place } from './cookie-jar.js';

/** Header lines of a request, by name, or in a list when a name repeats. */
export type RequestHeaders = Readonly<Record<string, string>> | readonly Header[];

/** A request's address, taken apart. */
export interface Target extends Place {
  /** As in the Host header: `localhost`, `localhost:8080`. */
  readonly host: string;
  readonly port: string;
  /** As sent, without the `?`. */
  readonly query: string;
}

/**
 * Takes an address apart: a path with a query, or a whole `http:` or `https:` address. Spaces and characters outside
 * ASCII are percent-encoded; nothing else is changed, `..` and `%2e` included. A fragment is dropped.
 * @throws TsgiError `BAD_ADDRESS` when it is neither.
 */
export function targetOf(address: string, home: Pick<Target, 'scheme' | 'host'>): Target {
  const parts = /^(?:(https?):\/\/([^/?#]+))?(\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/is.exec(address);
  const [, scheme = home.scheme, host = home.host, path = '/', query = ''] = parts ?? [];
  const [, hostname, port = scheme === 'https' ? '443' : '80'] =
    /^(\[.*\]|[^:]+)(?::(\d+))?$/.exec(host) ?? [];
  if (address === '' || parts === null || hostname === undefined) throw badAddress(address);
  return {
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    host,
    hostname: hostname.toLowerCase(),
    port,
    path: encoded(path),
    query: encoded(query),
  };
}

/** The address in one piece. */
export function addressOf({ scheme, host, path, query }: Target): string {
  return `${scheme}://${host}${path}${query === '' ? '' : `?${query}`}`;
}

export interface RequestParts {
  readonly method: string;
  readonly target: Target;
  readonly headers: RequestHeaders;
  /** Sent where `headers` has none of the name. */
  readonly defaults: Readonly<Record<string, string | undefined>>;
  readonly input: AsyncIterable<Uint8Array>;
  readonly errors: ErrorStream;
}

/**
 * The environ that a gateway would make of a request.
 * @throws TsgiError `BAD_ADDRESS` for a path that is no percent-encoded UTF-8; `BAD_HEADER` for a header that gateways
 * refuse or drop.
 */
export function environOf({ method, target, headers, defaults, input, errors }: RequestParts): Environ {
  const environ: Environ = {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: decoded(target.path),
    QUERY_STRING: target.query,
    REQUEST_URI: target.path + (target.query === '' ? '' : `?${target.query}`),
    SERVER_NAME: target.hostname,
    SERVER_PORT: target.port,
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    'tsgi.version': [1, 0],
    'tsgi.url_scheme': target.scheme,
    'tsgi.input': input,
    'tsgi.input_terminated': true,
    'tsgi.errors': errors,
    'tsgi.multiprocess': false,
    'tsgi.run_once': false,
    'tsgi.finished': [],
  };
  for (const [name, value] of linesOf(headers)) addHeader(environ, name, value);
  for (const [name, value] of Object.entries(defaults)) {
    if (value !== undefined) environ[keyOf(name)] ??= value;
  }
  return environ;
}

function linesOf(headers: RequestHeaders): readonly Header[] {
  return Symbol.iterator in headers ? headers : Object.entries(headers);
}

/** Lines of one name are joined as gateways join them. */
function addHeader(environ: Environ, name: string, value: string): void {
  checkHeader(name, value);
  const key = keyOf(name);
  const before = environ[key];
  const separator = key === 'HTTP_COOKIE' ? '; ' : ', ';
  environ[key] = before === undefined ? value : before + separator + value;
}

function keyOf(name: string): `HTTP_${string}` | 'CONTENT_TYPE' | 'CONTENT_LENGTH' {
  const key = name.toUpperCase().replaceAll('-', '_');
  return key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH' ? key : `HTTP_${key}`;
}

/** Names with `_` could pose as others (`X_Real-Ip`), and Proxy as a setting of the server (httpoxy): neither gets through a gateway. */
function checkHeader(name: string, value: string): void {
  if (/^(?!proxy$)[a-z\d-]+$/i.test(name) && !/[\0\r\n]/.test(value)) return;
  throw new TsgiError(
    'BAD_HEADER',
    `The header ${JSON.stringify(name)} would not reach an application. Names are letters, digits and "-", not "Proxy"; values have no line breaks and no NUL.`,
  );
}

function encoded(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, (part) => encodeURIComponent(Buffer.from(part).toString()));
}

function decoded(path: string): string {
  try {
    const text = decodeURIComponent(path);
    if (!/[\0\r\n]/.test(text)) return text;
  } catch {
    // a % that no two hex digits follow, or bytes that are not UTF-8
  }
  throw badAddress(path);
}

function badAddress(address: string): TsgiError {
  return new TsgiError(
    'BAD_ADDRESS',
    `A request cannot go to ${JSON.stringify(address)}. Give a path that starts with "/", percent-encoded as UTF-8 and without line breaks and NUL, or a whole http: or https: address.`,
  );
}
