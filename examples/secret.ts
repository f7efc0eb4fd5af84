import { randomBytes } from 'node:crypto';

/** The secret of the environment variable SESSION_SECRET. Without it one that lasts as long as the process, which is said. */
export function sessionSecret(): string {
  const given = process.env['SESSION_SECRET'];
  if (given !== undefined) return given;
  console.warn('Without SESSION_SECRET, signed sessions end with this process.');
  return randomSecret();
}

export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}
