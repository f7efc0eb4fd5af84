import { createHmac } from 'node:crypto';

/**
 * Seals the id that follows another, so that only who knows the older one can read it: a stolen database opens no session.
 * The pad is used once, since an id is followed by one other only.
 */
export function sealNext(id: string, next: string): string {
  return xor(Buffer.from(next, 'base64url'), padOf(id)).toString('base64url');
}

/** The id that follows. */
export function openNext(id: string, sealed: string): string {
  return sealNext(id, sealed);
}

function padOf(id: string): Buffer {
  return createHmac('sha256', id).update('tsgi: the next session id').digest();
}

function xor(bytes: Buffer, pad: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ (pad[i] ?? 0)));
}
