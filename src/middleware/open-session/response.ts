import { type Header, sameName } from '../../app/headers.js';
import { SessionError } from '../../stores/errors.js';

/** The part of a `node:http` response that is used: Express, Connect and HTTP/2 responses have it too. */
export interface NodeResponse {
  readonly headersSent: boolean;
  getHeaders(): Readonly<Record<string, number | string | readonly string[] | undefined>>;
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
}

/** @throws SessionError `HEADERS_SENT` when headers can no longer be set on a response. */
export function checkUnsent(response: NodeResponse | Response): void {
  if (!isNode(response) || !response.headersSent) return;
  throw new SessionError(
    'HEADERS_SENT',
    'save() got a response whose headers were sent, so no cookie can be set. Save before the first byte is written.',
  );
}

export function headersIn(response: NodeResponse | Response): Header[] {
  if (!isNode(response)) return [...response.headers];
  return Object.entries(response.getHeaders()).flatMap(([name, value = []]) =>
    [value].flat().map((line): Header => [name, String(line)]),
  );
}

/** Gives a response these headers instead of those it has: undefined for one of Node, a new one of fetch. */
export function withHeaders(
  response: NodeResponse | Response,
  headers: readonly Header[],
): Response | undefined {
  if (!isNode(response)) {
    const { status, statusText, body } = response;
    return new Response(body, { status, statusText, headers: headers.map(([name, value]) => [name, value]) });
  }
  setAll(response, headers);
  return undefined;
}

function isNode(response: NodeResponse | Response): response is NodeResponse {
  return 'setHeader' in response;
}

/** Touches those that differ only, so that the others stay as the host has set them. */
function setAll(response: NodeResponse, headers: readonly Header[]): void {
  const before = headersIn(response);
  const names = [...before, ...headers].map(([name]) => name);
  for (const name of names) {
    const now = linesOf(headers, name);
    if (now.join('\n') === linesOf(before, name).join('\n')) continue;
    if (now.length === 0) response.removeHeader(name);
    else response.setHeader(name, now.length === 1 ? String(now[0]) : now);
  }
}

function linesOf(headers: readonly Header[], name: string): string[] {
  return headers.filter(([other]) => sameName(other, name)).map(([, value]) => value);
}
