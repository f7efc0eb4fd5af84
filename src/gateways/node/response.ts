import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Outgoing } from '../common/outgoing.js';

/**
 * Writes status and headers. Headers that someone set before (Express sets X-Powered-By) stay, except where the reply
 * has the same; cookies stay beside those of the reply.
 */
export function writeHead(response: ServerResponse, { code, reason, fields }: Outgoing): void {
  if (response.getHeaderNames().length === 0) {
    response.writeHead(code, reason, fields);
  } else {
    appendHeaders(response, fields); // writeHead itself would keep only the last of two headers of one name
    response.writeHead(code, reason);
  }
}

/** Resolves when the response takes more. When the client has left it never does. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('drain', resolve));
}

/** Resolves when the response has ended, with whether the client was there until all of it had left. */
export function whenEnded(response: ServerResponse): Promise<boolean> {
  const { socket } = response.req;
  if (socket.destroyed || response.writableFinished) return Promise.resolve(response.writableFinished);
  socket.setMaxListeners(0); // as many as there are pipelined requests
  return new Promise((resolve) => {
    const end = () => {
      response.off('finish', end);
      socket.off('close', end);
      resolve(!socket.destroyed);
    };
    response.once('finish', end);
    socket.once('close', end);
  });
}

/**
 * Ends the connection so that nobody takes what was sent for the whole. Over HTTP/1.0 the end of the connection is the
 * end of the body, so it has to be reset.
 */
export function abort(response: ServerResponse): void {
  const { socket, httpVersion } = response.req;
  socket.uncork(); // what was sent in this turn of the event loop leaves first
  if (httpVersion === '1.0' && isPlainTcp(socket)) socket.resetAndDestroy();
  else socket.destroy();
}

function isPlainTcp(socket: Socket): boolean {
  return socket.remoteAddress !== undefined && !('encrypted' in socket);
}

function appendHeaders(response: ServerResponse, fields: readonly string[]): void {
  const pairs = Array.from(
    { length: fields.length / 2 },
    (_, i) => fields.slice(2 * i, 2 * i + 2) as [string, string],
  );
  for (const [name] of pairs) if (name.toLowerCase() !== 'set-cookie') response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}
