import type { Environ } from '../../app/environ.js';

/** The part of a `node:http` request that is used: Express, Connect and HTTP/2 requests have it too. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean | undefined };
}

/** The part of a fetch `Request` that is used. */
export interface FetchRequest {
  readonly method: string;
  /** Its scheme decides whether the session is one of https. */
  readonly url: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

/** The environ of a request as far as sessions need it: without the body, which stays the host's to read. */
export function environOf(request: NodeRequest | FetchRequest): Environ {
  return isFetch(request) ? ofFetch(request) : ofNode(request);
}

function isFetch(request: NodeRequest | FetchRequest): request is FetchRequest {
  return Symbol.iterator in request.headers;
}

function ofNode({ method = 'GET', url = '/', httpVersion, headers, socket }: NodeRequest): Environ {
  const [path, query] = splitTarget(url);
  return {
    ...COMMON,
    ...headerKeys(Object.entries(headers)),
    REQUEST_METHOD: method,
    PATH_INFO: decoded(path),
    QUERY_STRING: query,
    SERVER_PROTOCOL: `HTTP/${httpVersion}`,
    REMOTE_ADDR: socket.remoteAddress,
    REQUEST_URI: url,
    'tsgi.url_scheme': socket.encrypted === true ? 'https' : 'http',
    'tsgi.finished': [],
  };
}

function ofFetch({ method, url, headers }: FetchRequest): Environ {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const https = protocol === 'https:';
  return {
    ...COMMON,
    ...headerKeys(headers),
    REQUEST_METHOD: method,
    PATH_INFO: decoded(pathname),
    QUERY_STRING: search.slice(1),
    SERVER_NAME: hostname,
    SERVER_PORT: port || (https ? '443' : '80'),
    REQUEST_URI: `${pathname}${search}`,
    'tsgi.url_scheme': https ? 'https' : 'http',
    'tsgi.finished': [],
  };
}

const COMMON = {
  SCRIPT_NAME: '',
  SERVER_NAME: '',
  SERVER_PORT: '',
  SERVER_PROTOCOL: 'HTTP/1.1',
  'tsgi.version': [1, 0],
  'tsgi.input': { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(END) }) },
  'tsgi.input_terminated': true,
  'tsgi.errors': process.stderr,
  'tsgi.multiprocess': true,
  'tsgi.run_once': false,
} as const;

const END = { done: true, value: undefined } as const;

/** Header names that could mean two things as a key are left out, as gateways do (CVE-2016-5385 for `Proxy`). */
function headerKeys(
  headers: Iterable<readonly [name: string, value: string | string[] | undefined]>,
): Record<`HTTP_${string}`, string> {
  const keys: Record<`HTTP_${string}`, string> = {};
  for (const [name, value] of headers) {
    if (value === undefined || !/^(?!proxy$)[a-z0-9-]+$/i.test(name)) continue;
    keys[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = Array.isArray(value) ? value.join(', ') : value;
  }
  return keys;
}

function splitTarget(url: string): [path: string, query: string] {
  const mark = url.indexOf('?');
  return mark === -1 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** As sent where it cannot be decoded: refusing a request is the host's business. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
