import { TsgiError } from './errors.js';
import { findHeader, type Header, replaceHeader } from './headers.js';
import type { Html } from './html.js';

/** A piece of a body; a string leaves as UTF-8. */
export type Chunk = string | Uint8Array;

/** What follows the headers. A body that is a generator gets `return()` when it is not read to its end. */
export type Body = Chunk | Iterable<Chunk> | AsyncIterable<Chunk>;

/**
 * An application's answer: a value, and read-only. A layer that changes something answers a new reply and never touches
 * the one it got, so a constant reply may be shared by all visitors.
 */
export interface Reply {
  /** Code and reason: `200 OK`. */
  readonly status: string;
  readonly headers: readonly Header[];
  readonly body: Body;
}

export interface ReplyOptions {
  /** Default `200 OK`. */
  status?: string;
  /** Headers besides Content-Type. A Content-Type here, in any case, replaces the default. */
  headers?: readonly Header[];
}

/** A plain text reply in UTF-8. */
export function text(body: string, options?: ReplyOptions): Reply {
  return reply(TEXT, body, options);
}

/** An HTML reply in UTF-8: ``page(html`<h1>${title}</h1>`)``. */
export function page(content: Html, options?: ReplyOptions): Reply {
  return reply(HTML, content.toString(), options);
}

/**
 * A JSON reply.
 * @throws TsgiError `NOT_JSON` when the value has no JSON form (undefined, a function).
 */
export function json(value: unknown, options?: ReplyOptions): Reply {
  const body = JSON.stringify(value) as string | undefined;
  if (body === undefined) {
    throw new TsgiError(
      'NOT_JSON',
      `json() got ${typeof value}, which has no JSON form. Give it null or an object.`,
    );
  }
  return reply(JSON_TYPE, body, options);
}

/**
 * Sends the browser elsewhere. `303 See Other` makes it follow with GET, whatever the method was (RFC 9110 15.4.4).
 * Characters outside ASCII are percent-encoded; the rest of the location is left alone.
 * @throws TsgiError `BAD_LOCATION` for an empty location, a space or a control character.
 */
export function redirect(location: string, status = '303 See Other'): Reply {
  if (location === '' || /[\p{Cc} ]/u.test(location)) {
    throw new TsgiError(
      'BAD_LOCATION',
      `redirect() got ${JSON.stringify(location)}. A location is not empty and has no spaces or control characters.`,
    );
  }
  return { status, headers: [['Location', location.replace(/\P{ASCII}/gu, percentEncode)], TEXT], body: '' };
}

/** The value of the first header of that name, in any case. */
export function headerOf(reply: Reply, name: string): string | undefined {
  return findHeader(reply.headers, name);
}

/** The reply with that one header; earlier ones of the name, in any case, are replaced. */
export function withHeader(reply: Reply, name: string, value: string): Reply {
  return { status: reply.status, headers: replaceHeader(reply.headers, name, value), body: reply.body };
}

/** The reply with one more header: what `Set-Cookie` needs, which may stand several times. */
export function withAddedHeader(reply: Reply, name: string, value: string): Reply {
  return { status: reply.status, headers: [...reply.headers, [name, value]], body: reply.body };
}

/** The number in a status: 404 of `404 Not Found`. */
export function statusCode(reply: Reply): number {
  return Number(reply.status.slice(0, 3));
}

const TEXT: Header = ['Content-Type', 'text/plain; charset=utf-8'];
const HTML: Header = ['Content-Type', 'text/html; charset=utf-8'];
const JSON_TYPE: Header = ['Content-Type', 'application/json'];

function reply(type: Header, body: string, { status = '200 OK', headers }: ReplyOptions = {}): Reply {
  if (headers === undefined) return { status, headers: [type], body };
  const typed = findHeader(headers, 'Content-Type') !== undefined;
  return { status, headers: typed ? headers : [type, ...headers], body };
}

function percentEncode(char: string): string {
  const wellFormed = /\p{Cs}/u.test(char) ? '\ufffd' : char;
  return encodeURIComponent(wellFormed);
}
