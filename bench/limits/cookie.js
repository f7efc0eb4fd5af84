// @ts-check
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { COOKIE } from '../servers/table.js';

/**
 * The id in a Cookie header, '' when there is none.
 * @param {string | undefined} header
 */
export function idIn(header) {
  if (header === undefined) return '';
  let at = header.indexOf(PREFIX);
  while (at > 0 && header.charCodeAt(at - 1) !== SPACE) at = header.indexOf(PREFIX, at + 1);
  if (at === -1) return '';
  const end = header.indexOf(';', at);
  return header.slice(at + PREFIX.length, end === -1 ? undefined : end);
}

const PREFIX = `${COOKIE}=`;
const SPACE = 32;

/** 256 random bits, drawn in blocks. */
export function newId() {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += ID_BYTES;
  return POOL.toString('base64url', used - ID_BYTES, used);
}

const ID_BYTES = 32;
const POOL = Buffer.alloc(ID_BYTES * 128);
let used = POOL.length;

/**
 * A Set-Cookie value.
 * @param {string} id
 * @param {number} now
 * @param {number} expires Both in seconds since the epoch.
 */
export function cookieOf(id, now, expires) {
  const seconds = Math.ceil(expires - now);
  return `${PREFIX}${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}; Expires=${httpDate(Math.ceil(now + seconds))}`;
}

/**
 * Formatted once for each second.
 * @param {number} second
 */
function httpDate(second) {
  if (second !== formatted.second) formatted = { second, text: new Date(second * 1000).toUTCString() };
  return formatted.text;
}

let formatted = { second: 0, text: '' };
