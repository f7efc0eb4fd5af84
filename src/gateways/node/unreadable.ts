import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { codeOfError } from '../../app/errors.js';

/**
 * Answers what node:http cannot read, as it does by itself. But a browser that sends too many cookies would go on doing so:
 * it gets a page that says what to do. The page does not clear them, as any site can link to an address that is too long.
 */
export function answerUnreadable(server: Server): void {
  server.on('clientError', (error, socket: Connected) => {
    const isUnderWay = socket[RESPONSES]?.some(hasBegun) === true;
    if (socket.writable && !isUnderWay) answer(socket, answerTo(codeOfError(error)));
    else socket.destroy();
  });
}

/** Before a response is given: what comes behind its request and cannot be read is not to be answered within it. */
export function noteResponse(socket: Connected, response: ServerResponse): void {
  const known = socket[RESPONSES];
  if (known === undefined) socket[RESPONSES] = [response];
  else replaceFinished(known, response);
}

/** A connection, and what it was given lately: kept with it, since every request asks. */
interface Connected extends Duplex {
  [RESPONSES]?: ServerResponse[];
}

const RESPONSES: unique symbol = Symbol('tsgi.responses');

/** The responses of a connection leave in the order of their requests, so those that are finished come first. */
function replaceFinished(responses: ServerResponse[], next: ServerResponse): void {
  while (responses[0]?.writableFinished === true) responses.shift();
  responses.push(next);
}

function hasBegun({ headersSent, writableFinished }: ServerResponse): boolean {
  return headersSent && !writableFinished;
}

/** Reads on for a moment: a connection that is ended with bytes unread is reset, and the answer with it. */
function answer(socket: Duplex, text: string): void {
  const late = setTimeout(() => socket.destroy(), READ_ON);
  socket.once('close', () => {
    clearTimeout(late);
  });
  socket.resume();
  socket.end(text);
}

/** Milliseconds. */
const READ_ON = 1000;

function answerTo(code: string | undefined): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return TOO_MANY_HEADERS;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';
    default:
      return 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
  }
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Too many headers</title>
<h1>Too many headers</h1>
<p>Your browser sent more than 16 KiB of headers, most of it probably cookies. Delete the cookies of this site and try again.</p>
`;

const TOO_MANY_HEADERS = [
  'HTTP/1.1 431 Request Header Fields Too Large',
  'Content-Type: text/html; charset=utf-8',
  `Content-Length: ${Buffer.byteLength(PAGE)}`,
  'Cache-Control: no-store',
  "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options: nosniff',
  'Connection: close',
  '',
  PAGE,
].join('\r\n');
