import type { Codec } from './codec.js';
import type { CorruptValue, Encoded, StoredSession } from './driver.js';

/** The values of a session that cannot be decoded. All are tried, so that a request never goes on with half a session. */
export function corruptValuesOf({ values }: StoredSession, codec: Codec): CorruptValue[] {
  const all = [...values].flatMap(([app, keys]) => [...keys].map(([key, value]) => ({ app, key, value })));
  return all.filter(({ value }) => !isDecodable(codec, value));
}

function isDecodable(codec: Codec, value: Encoded): boolean {
  try {
    codec.decode(value);
    return true;
  } catch {
    return false;
  }
}
