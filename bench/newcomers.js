// @ts-check
import { connect } from 'node:net';
import { URL } from 'node:url';
import { HEADERS } from './browser.js';

/**
 * Makes sessions by `/new` over many connections, and answers their cookies in no particular order. It reads no more of
 * a reply than that, so that a million take a minute.
 * @param {string} origin
 * @param {number} count
 * @returns {Promise<string[]>}
 */
export async function newcomers(origin, count) {
  const each = Array.from({ length: CONNECTIONS }, (_, i) => Math.ceil((count - i) / CONNECTIONS));
  const cookies = await Promise.all(each.filter((some) => some > 0).map((some) => visit(origin, some)));
  return cookies.flat();
}

const CONNECTIONS = 64;

/**
 * @param {string} origin
 * @param {number} count
 * @returns {Promise<string[]>}
 */
function visit(origin, count) {
  const { hostname, port, host } = new URL(origin);
  const request = requestTo(host);
  /** @type {string[]} */
  const cookies = [];
  let reply = '';
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.setEncoding('latin1');
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('/new closed the connection.')));
    socket.once('connect', () => socket.write(request));
    socket.on('data', (/** @type {string} */ chunk) => {
      reply += chunk;
      if (!isWhole(reply)) return;
      cookies.push(cookieIn(reply));
      reply = '';
      if (cookies.length < count) socket.write(request);
      else {
        resolve(cookies);
        socket.destroy();
      }
    });
  });
}

/**
 * What a browser sends next: a signature may have a cookie of its own.
 * @param {string} reply
 */
function cookieIn(reply) {
  const pairs = Array.from(reply.matchAll(COOKIE), ([, pair]) => pair);
  if (pairs.length === 0) throw new Error(`/new set no cookie: ${reply}`);
  return pairs.join('; ');
}

const COOKIE = /^set-cookie: ([^;\r]+)/gim;
const LENGTH = /^content-length: (\d+)/im;

/** @param {string} host */
function requestTo(host) {
  const lines = Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /new HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`;
}

/** @param {string} reply */
function isWhole(reply) {
  const head = reply.indexOf('\r\n\r\n');
  return head !== -1 && reply.length >= head + 4 + Number(LENGTH.exec(reply)?.[1] ?? NaN);
}
