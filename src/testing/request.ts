import type { Environ } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import type { RequestHeaders } from './environ.js';

export interface RequestOptions extends RequestBody {
  /** A Cookie header here is sent instead of the kept cookies. */
  headers?: RequestHeaders;
  /** What the environ of this request holds besides, or instead. */
  environ?: Partial<Environ>;
}

/** Form fields by name; a name with several values has a list. */
export type FieldsToSend<V> = Readonly<Record<string, V | readonly V[]>>;

/** A file in a form. */
export interface FileToSend {
  filename: string;
  /** Default `application/octet-stream`. */
  type?: string;
  content: string | Uint8Array;
}

/** What a request carries: nothing, or one of these. */
export interface RequestBody {
  /** FieldsToSend, as a form sends them: `application/x-www-form-urlencoded`. */
  form?: FieldsToSend<string>;
  /** FieldsToSend and files, as a form with uploads sends them: `multipart/form-data`. */
  multipart?: FieldsToSend<string | FileToSend>;
  /** Any JSON value: `application/json`. */
  json?: unknown;
  /** Bytes as they are, without a Content-Type. Pieces are sent one by one, without a Content-Length. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** A body ready to be sent, with the headers that describe it. */
export interface EncodedBody {
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Encodes a body as a browser does: line breaks in the text fields of a multipart form become CRLF.
 * @throws TsgiError `TWO_BODIES` when there is more than one of them.
 */
export async function encodeBody({ form, multipart, json, body }: RequestBody): Promise<EncodedBody> {
  const given = Object.entries({ form, multipart, json, body }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(' and ');
    throw new TsgiError('TWO_BODIES', `A request got ${names}. It has one body: give one of them.`);
  }
  if (form !== undefined) return encodeForm(form);
  if (multipart !== undefined) return encodeMultipart(multipart);
  if (json !== undefined) return sized(Buffer.from(JSON.stringify(json)), 'application/json');
  if (body === undefined) return { content: new Uint8Array(), headers: {} };
  if (typeof body === 'string') return sized(Buffer.from(body));
  return Symbol.asyncIterator in body
    ? { content: body, headers: { 'Transfer-Encoding': 'chunked' } }
    : sized(body);
}

function encodeForm(form: FieldsToSend<string>): EncodedBody {
  const encoded = new URLSearchParams(valuesOf(form));
  return sized(Buffer.from(encoded.toString()), 'application/x-www-form-urlencoded');
}

async function encodeMultipart(multipart: FieldsToSend<string | FileToSend>): Promise<EncodedBody> {
  const data = new FormData();
  for (const [name, value] of valuesOf(multipart)) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, new Blob([value.content], { type: value.type ?? '' }), value.filename);
  }
  const encoded = new Response(data);
  return sized(new Uint8Array(await encoded.arrayBuffer()), encoded.headers.get('Content-Type') ?? '');
}

function valuesOf<V>(fields: FieldsToSend<V>): [name: string, value: V][] {
  return Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((one): [string, V] => [name, one as V]),
  );
}

function sized(content: Uint8Array, type?: string): EncodedBody {
  const length = { 'Content-Length': String(content.length) };
  return { content, headers: type === undefined ? length : { ...length, 'Content-Type': type } };
}
