import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Environ, ErrorStream } from '../../app/environ.js';
import { TsgiError } from '../../app/errors.js';
import { NO_INPUT, RequestInput } from './input.js';
import { remember } from '../common/remember.js';

/** What every environ of one gateway holds. */
export interface Host {
  readonly errors: ErrorStream;
  readonly multiprocess: boolean;
}

/** A request with more header lines is refused: fewer than Node reads, which cuts off the rest in silence. */
const HEADER_LINES = 200;

/**
 * Makes the environ of a request, and refuses what HTTP/1.1 or CGI forbids but Node lets through.
 *
 * Header names with `_`, or with anything but letters, digits and `-`, are left out, because two of them could mean one
 * key; so is `Proxy`, which as HTTP_PROXY would mean something else (CVE-2016-5385).
 * @throws TsgiError `BAD_REQUEST` (400; RFC 9112 sections 3.2 and 6.1), `TOO_MANY_HEADERS` (431: more than 200 lines),
 * `HTTP_VERSION` (505: neither 1.0 nor 1.1).
 */
export function environOf(request: IncomingMessage, host: Host): Environ {
  const { url = '', socket, headers } = request;
  const target = targetOf(request, url);
  const query = target.indexOf('?');
  const environ: Environ = {
    REQUEST_METHOD: request.method ?? '',
    SCRIPT_NAME: '',
    PATH_INFO: decodePath(query === -1 ? target : target.slice(0, query)),
    QUERY_STRING: query === -1 ? '' : target.slice(query + 1),
    SERVER_NAME: '',
    SERVER_PORT: '',
    SERVER_PROTOCOL: protocolOf(request),
    REMOTE_ADDR: socket.remoteAddress,
    REQUEST_URI: url,
    CONTENT_TYPE: headers['content-type'],
    CONTENT_LENGTH: headers['content-length'],
    HTTP_HOST: headers.host,
    HTTP_CONNECTION: headers.connection,
    HTTP_USER_AGENT: headers['user-agent'],
    HTTP_ACCEPT: headers.accept,
    HTTP_ACCEPT_LANGUAGE: headers['accept-language'],
    HTTP_ACCEPT_ENCODING: headers['accept-encoding'],
    HTTP_COOKIE: headers.cookie,
    HTTP_REFERER: headers.referer,
    HTTP_UPGRADE_INSECURE_REQUESTS: headers['upgrade-insecure-requests'] as Text,
    HTTP_SEC_FETCH_SITE: headers['sec-fetch-site'],
    HTTP_SEC_FETCH_MODE: headers['sec-fetch-mode'],
    HTTP_SEC_FETCH_DEST: headers['sec-fetch-dest'],
    HTTP_SEC_FETCH_USER: headers['sec-fetch-user'],
    'tsgi.version': VERSION,
    'tsgi.url_scheme': (socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http',
    'tsgi.input': NO_INPUT,
    'tsgi.input_terminated': true,
    'tsgi.errors': host.errors,
    'tsgi.multiprocess': host.multiprocess,
    'tsgi.run_once': false,
    'tsgi.finished': [],
  };
  setHeaders(environ, request);
  setServer(environ, url, socket);
  if (hasBody(environ)) environ['tsgi.input'] = new RequestInput(request);
  return environ;
}

const VERSION = [1, 0] as const;

/** The path and query of a request target (RFC 9112 section 3.2), as sent. */
function targetOf(request: IncomingMessage, target: string): string {
  if (NOT_IN_TARGET.test(target)) {
    throw badRequest('The request target has a fragment, or characters that must be percent-encoded.');
  }
  if (target.startsWith('/') || (target === '*' && request.method === 'OPTIONS')) return target;
  const rest = ABSOLUTE.exec(target)?.[2];
  if (rest === undefined) throw badRequest('The request target is no path and no http or https address.');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

const NOT_IN_TARGET = /[^!"$-~]/;
const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/i;

/** Decodes once: a bad escape, an overlong one, NUL and line ends are refused. */
function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    const decoded = decodeURIComponent(path);
    if (!/[\0\r\n]/.test(decoded)) return decoded;
  } catch {
    // a % that no two hex digits follow, or bytes that are not UTF-8
  }
  throw badRequest('The path must be percent-encoded UTF-8 without NUL and line ends.');
}

function protocolOf({ httpVersionMajor, httpVersionMinor, httpVersion }: IncomingMessage): string {
  if (httpVersionMajor === 1 && httpVersionMinor === 1) return 'HTTP/1.1';
  if (httpVersionMajor === 1 && httpVersionMinor === 0) return 'HTTP/1.0';
  throw new TsgiError('HTTP_VERSION', `This server speaks HTTP/1.1, not HTTP/${httpVersion}.`, {
    status: 505,
  });
}

/** Node makes a list of Set-Cookie only, which no request has. */
type Text = string | undefined;

type HeaderKey = 'CONTENT_TYPE' | 'CONTENT_LENGTH' | `HTTP_${string}`;

/** The headers that an environ is made with, which are all that most requests of a browser have. */
function usualOf(environ: Environ): Text[] {
  return [
    environ.CONTENT_TYPE,
    environ.CONTENT_LENGTH,
    environ['HTTP_HOST'],
    environ['HTTP_CONNECTION'],
    environ['HTTP_USER_AGENT'],
    environ['HTTP_ACCEPT'],
    environ['HTTP_ACCEPT_LANGUAGE'],
    environ['HTTP_ACCEPT_ENCODING'],
    environ['HTTP_COOKIE'],
    environ['HTTP_REFERER'],
    environ['HTTP_UPGRADE_INSECURE_REQUESTS'],
    environ['HTTP_SEC_FETCH_SITE'],
    environ['HTTP_SEC_FETCH_MODE'],
    environ['HTTP_SEC_FETCH_DEST'],
    environ['HTTP_SEC_FETCH_USER'],
  ];
}

/** All that were sent, and what middleware in front of us has added to them. */
function setHeaders(environ: Environ, request: IncomingMessage): void {
  const { headers, rawHeaders } = request;
  if (rawHeaders.length > 2 * HEADER_LINES) {
    throw new TsgiError('TOO_MANY_HEADERS', `A request may have ${HEADER_LINES} header lines.`, {
      status: 431,
    });
  }
  let lines = 0;
  for (const header of usualOf(environ)) if (header !== undefined) lines += 2;
  if (lines !== rawHeaders.length || lines !== 2 * Object.keys(headers).length) setAll(environ, request);
}

/** Node joins or drops the later ones of repeated headers; where it did, there are fewer names than lines. */
function setAll(environ: Environ, { headers, rawHeaders }: IncomingMessage): void {
  let lines = 0;
  for (const name in headers) {
    lines += 2;
    const key = keyOf(name);
    if (key !== '') environ[key] = String(headers[name]);
  }
  if (lines !== rawHeaders.length) setRepeated(environ, rawHeaders);
}

const keyOf = remember((name): HeaderKey | '' => {
  const lower = name.toLowerCase();
  if (lower === 'content-type') return 'CONTENT_TYPE';
  if (lower === 'content-length') return 'CONTENT_LENGTH';
  if (lower === 'proxy' || !/^[a-z0-9-]+$/.test(lower)) return '';
  return `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
});

/** Every line counts: nothing is dropped because it came twice. */
function setRepeated(environ: Environ, lines: readonly string[]): void {
  const joined = new Map<HeaderKey, string>();
  for (let i = 0; i < lines.length; i += 2) {
    const [name, value] = lines.slice(i, i + 2) as [string, string];
    const key = keyOf(name);
    if (key !== '') joined.set(key, join(key, joined.get(key), value));
  }
  for (const [key, value] of joined) environ[key] = value;
}

function join(key: HeaderKey, before: string | undefined, value: string): string {
  if (before === undefined) return value;
  if (ONCE.has(key)) throw badRequest('A header that may stand once stands twice.');
  return before + (key === 'HTTP_COOKIE' ? '; ' : ', ') + value;
}

const ONCE: ReadonlySet<string> = new Set([
  'HTTP_HOST',
  'CONTENT_TYPE',
  'CONTENT_LENGTH',
  'HTTP_TRANSFER_ENCODING',
]);

/** SERVER_NAME and SERVER_PORT: of the target when it names a server, else of Host, else of the socket. */
function setServer(environ: Environ, url: string, socket: Socket): void {
  const host = environ['HTTP_HOST'];
  if (host === undefined && environ.SERVER_PROTOCOL === 'HTTP/1.1') throw badRequest('Host is missing.');
  const named = url.startsWith('/') ? undefined : ABSOLUTE.exec(url)?.[1];
  if (host !== undefined && named !== undefined && host.toLowerCase() !== named.toLowerCase()) {
    throw badRequest('Host and the request target name different servers.');
  }
  const { name, port } = serverOf(host ?? named, socket);
  environ.SERVER_NAME = name;
  environ.SERVER_PORT = port === '' ? DEFAULT_PORT[environ['tsgi.url_scheme']] : port;
}

interface Authority {
  readonly name: string;
  /** '' when it is the default. */
  readonly port: string;
}

const DEFAULT_PORT = { http: '80', https: '443' } as const;

function serverOf(authority: string | undefined, socket: Socket): Authority {
  if (authority === undefined) return localServer(socket);
  const parsed = parseAuthority(authority);
  if (parsed === 'bad') throw badRequest('Host is not a host name with an optional port.');
  return parsed;
}

function localServer({ localAddress = 'localhost', localPort }: Socket): Authority {
  return {
    name: localAddress.includes(':') ? `[${localAddress}]` : localAddress,
    port: localPort === undefined ? '' : String(localPort),
  };
}

/** `uri-host [ ":" port ]` (RFC 9110 section 7.2), of the characters that host names and addresses are made of. */
const parseAuthority = remember((authority): Authority | 'bad' => {
  const [, name, port = ''] = AUTHORITY.exec(authority) ?? [];
  const good = name !== undefined && authority.length <= LONGEST_HOST && Number(port) <= 65_535;
  return good ? { name, port } : 'bad';
});

const AUTHORITY = /^([\w.~-]+|\[[\da-f:.]+\])(?::(\d{0,5}))?$/i;
const LONGEST_HOST = 255;

function hasBody(environ: Environ): boolean {
  const encoding = environ['HTTP_TRANSFER_ENCODING'];
  if (encoding === undefined) return environ.CONTENT_LENGTH !== undefined && environ.CONTENT_LENGTH !== '0';
  if (encoding.toLowerCase() === 'chunked' && environ.SERVER_PROTOCOL === 'HTTP/1.1') return true;
  throw badRequest('Transfer-Encoding may only be chunked, and only on HTTP/1.1.');
}

function badRequest(message: string): TsgiError {
  return new TsgiError('BAD_REQUEST', message, { status: 400 });
}
