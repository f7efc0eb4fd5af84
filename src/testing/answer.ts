import { types } from 'node:util';
import { findHeader, type Header, sameName } from '../app/headers.js';
import { type Body, type Chunk, type Reply, statusCode } from '../app/reply.js';
import type { RequestOptions } from './request.js';

/** The request that an answer answers. */
export interface AnsweredRequest {
  readonly method: string;
  /** The whole address: `http://localhost/path?x=1`. */
  readonly address: string;
  readonly options: RequestOptions;
}

/** What an application answered to one request, read to its end. */
export class Answer {
  readonly request: AnsweredRequest;
  /** Code and reason: `200 OK`. */
  readonly status: string;
  /** The number in the status. */
  readonly code: number;
  readonly headers: readonly Header[];
  readonly #content: Buffer;

  constructor(request: AnsweredRequest, reply: Reply, content: Buffer) {
    this.request = request;
    this.status = reply.status;
    this.code = statusCode(reply);
    this.headers = reply.headers;
    this.#content = content;
  }

  /** The value of the first header of that name, in any case. */
  header(name: string): string | undefined {
    return findHeader(this.headers, name);
  }

  /** The values of all headers of that name: Set-Cookie may stand several times. */
  headerAll(name: string): string[] {
    return headersNamed(this.headers, name);
  }

  /** The body as UTF-8 text; a byte order mark stays. */
  text(): string {
    return this.#content.toString();
  }

  /** The body as JSON. Throws a SyntaxError when it is not. */
  json(): unknown {
    return JSON.parse(this.text());
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#content);
  }
}

/** The values of all headers of that name, in any case. */
export function headersNamed(headers: readonly Header[], name: string): string[] {
  return headers.filter((header) => sameName(header[0], name)).map((header) => header[1]);
}

/** Reads a reply's body to its end, or ends it unread when that method and status have none (RFC 9110 section 6.4.1). */
export async function readBody(method: string, reply: Reply): Promise<Buffer> {
  const code = statusCode(reply);
  if (method !== 'HEAD' && code !== 204 && code !== 304) return Buffer.concat(await chunksOf(reply.body));
  await endUnread(reply.body);
  return Buffer.alloc(0);
}

async function chunksOf(body: Body): Promise<Uint8Array[]> {
  if (isChunk(body)) return [bytesOf(body)];
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(bytesOf(chunk));
  return chunks;
}

async function endUnread(body: Body): Promise<void> {
  if (isChunk(body)) return;
  const chunks = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  await chunks.return?.();
}

function isChunk(body: Body): body is Chunk {
  return typeof body === 'string' || types.isUint8Array(body);
}

function bytesOf(chunk: Chunk): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
