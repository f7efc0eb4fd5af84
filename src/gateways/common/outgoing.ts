import { types } from 'node:util';
import { TsgiError } from '../../app/errors.js';
import type { Header } from '../../app/headers.js';
import type { Body, Chunk, Reply } from '../../app/reply.js';
import { remember } from './remember.js';

/** A reply that was checked, in the form in which it can be sent. */
export interface Outgoing {
  readonly reply: Reply;
  readonly code: number;
  readonly reason: string;
  /** Names and values in turn, without what the gateway sets itself. */
  readonly fields: string[];
  /** Whether the head has a character beyond ASCII. */
  readonly latin1: boolean;
  /** The Content-Length that the application gave. */
  readonly length: number | undefined;
  /** False when the status has no body (RFC 9110 section 6.4.1). */
  readonly hasBody: boolean;
  readonly body: Body;
}

/**
 * Checks what an application answered.
 * @throws TsgiError `NOT_A_REPLY` when it is no status, headers and body; `BAD_REPLY` when they cannot be sent: a status
 * that is no final code and reason, a header that is no token and Latin-1 text without line ends, one that belongs to
 * the connection and so to the gateway (RFC 9110 section 7.6.1), a Content-Length that is no number.
 */
export function outgoingOf(answer: unknown): Outgoing {
  if (typeof answer !== 'object' || answer === null) throw notAReply(answer);
  const { status, headers, body } = answer as Partial<Record<keyof Reply, unknown>>;
  const { code, reason } = statusLineOf(status);
  const { fields, latin1, length } = fieldsOf(headers, code);
  if (!isChunk(body) && !isPieced(body)) throw badReply(`its body is ${kindOf(body)}. ${BODIES}`);
  return {
    reply: answer as Reply,
    code,
    reason,
    fields,
    latin1: latin1 || NOT_ASCII.test(reason),
    length,
    hasBody: code !== 204 && code !== 304,
    body,
  };
}

/** A body that is read piece by piece. */
export type PiecedBody = Exclude<Body, Chunk>;

/** Whether a body, or a piece of one, can be sent as it is. */
export function isChunk(body: unknown): body is Chunk {
  return typeof body === 'string' || types.isUint8Array(body);
}

/** Whether a body comes in pieces. */
export function isPieced(body: unknown): body is PiecedBody {
  return (
    typeof body === 'object' && body !== null && (Symbol.asyncIterator in body || Symbol.iterator in body)
  );
}

export function badReply(what: string): TsgiError {
  return new TsgiError('BAD_REPLY', `The reply cannot be sent: ${what}`);
}

/** What a value is, for a message that does not tell the value. */
export function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

const BODIES = 'A body is text, bytes, or an iterable of them; json() makes text of anything else.';

function notAReply(answer: unknown): TsgiError {
  return new TsgiError(
    'NOT_A_REPLY',
    `The application answered ${kindOf(answer)} where { status, headers, body } belongs. Is a return missing? text(), page() and json() make replies.`,
  );
}

interface StatusLine {
  readonly code: number;
  readonly reason: string;
}

function statusLineOf(status: unknown): StatusLine {
  const line = typeof status === 'string' ? parseStatus(status) : 'bad';
  if (line !== 'bad') return line;
  const found = typeof status === 'string' ? JSON.stringify(status) : kindOf(status);
  throw badReply(`its status is ${found}. A status is a final code and a reason: '200 OK'.`);
}

const parseStatus = remember((status): StatusLine | 'bad' => {
  const [, code, reason] = STATUS.exec(status) ?? [];
  return reason === undefined ? 'bad' : { code: Number(code), reason };
});

const STATUS = /^([2-5]\d\d) ([!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?)$/;

const HEADERS = "Headers are a list of pairs: [['Content-Type', 'text/plain']].";

type Fields = Pick<Outgoing, 'fields' | 'latin1' | 'length'>;

function fieldsOf(headers: unknown, code: number): Fields {
  if (!Array.isArray(headers)) throw badReply(`its headers are ${kindOf(headers)}. ${HEADERS}`);
  const fields: string[] = [];
  let latin1 = false;
  let length: number | undefined;
  for (const header of headers as unknown[]) {
    if (!isPair(header)) throw badReply(`one of its headers is something else. ${HEADERS}`);
    const kind = fieldKind(header[0]);
    if (kind !== 'plain') length = lengthOf(header, kind, length);
    if (kind !== 'plain' && code === 204) continue;
    if (NOT_ASCII.test(header[1])) {
      checkLatin1(header);
      latin1 = true;
    }
    fields.push(header[0], header[1]);
  }
  return { fields, latin1, length };
}

function isPair(header: unknown): header is Header {
  return (
    Array.isArray(header) &&
    header.length === 2 &&
    typeof header[0] === 'string' &&
    typeof header[1] === 'string'
  );
}

/** What a header name is to a gateway. */
type Kind = 'plain' | 'length' | 'connection' | 'malformed';

const fieldKind = remember((name): Kind => {
  const lower = name.toLowerCase();
  if (lower === 'content-length') return 'length';
  if (CONNECTION.has(lower)) return 'connection';
  return TOKEN.test(name) ? 'plain' : 'malformed';
});

/** What belongs to the connection: PEP 3333 calls them hop-by-hop. */
const CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const NOT_ASCII = /[^\t -~]/;
const NOT_LATIN1 = /[^\t -~\x80-\xff]/;

/** The length that a header announces, when it is that header, and the first. */
function lengthOf([name, value]: Header, kind: Kind, before: number | undefined): number {
  if (kind === 'malformed') throw badReply(`${JSON.stringify(name)} is no header name.`);
  if (kind === 'connection')
    throw badReply(`its header ${name} belongs to the connection, which the gateway keeps. Leave it out.`);
  if (before !== undefined) throw badReply('it has more than one Content-Length.');
  if (!/^\d{1,15}$/.test(value)) throw badReply('its Content-Length is no number of bytes.');
  return Number(value);
}

/** The value, which may be a secret, is not told. */
function checkLatin1([name, value]: Header): void {
  if (!NOT_LATIN1.test(value)) return;
  throw badReply(`its header ${name} holds a control character or one outside Latin-1. Encode it first.`);
}
