import { hash, randomFillSync } from 'node:crypto';

declare const hashed: unique symbol;

/** What a session is stored under: the SHA-256 of its id, so that a stolen database opens no session. */
export type SessionKey = string & { readonly [hashed]: true };

/** 256 random bits as 43 characters of base64url: opaque, and nothing in a cookie needs escaping. */
export function newSessionId(): string {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += ID_BYTES;
  return POOL.toString('base64url', used - ID_BYTES, used);
}

/** Whether a text has the form of an id. One that has not is never looked up. */
export function isSessionId(text: string): boolean {
  return ID_FORM.test(text);
}

export function keyOf(sessionID: string): SessionKey {
  return hash('sha256', sessionID, 'base64url') as SessionKey;
}

const ID_BYTES = 32;
const ID_FORM = /^[A-Za-z0-9_-]{43}$/;

/** Random bytes are drawn in blocks: one system call for many ids. */
const POOL = Buffer.alloc(ID_BYTES * 128);
let used = POOL.length;
