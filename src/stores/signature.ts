import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { SessionError } from './errors.js';
import { isSessionId } from './session-id.js';

/** What the documentation shows where a secret stands. Everybody knows it, so it is refused. */
export const EXAMPLE_SECRET = 'put-your-own-32-random-bytes-here-instead';

/** An id that came with a request. */
export interface Verified {
  /** '', which is nobody's id, where there should be a valid signature and is none. */
  readonly id: string;
  /** Whether an older secret has signed it, so that it is to be signed again. */
  readonly aged: boolean;
}

/**
 * Signs session ids: `<id>.<signature>`, where the signature is the HMAC-SHA-256 of purpose, name and id in base64url.
 * Each secret gives a key of its own for each purpose (HKDF, RFC 5869), so that what was signed for one is worth nothing
 * for another.
 */
export class Signer {
  readonly #purpose: string;
  /** The first signs, all verify. */
  readonly #keys: readonly KeyObject[];

  /**
   * @param purpose what the ids are signed for, without line ends.
   * @param secret one, or a list with the newest first.
   * @throws SessionError `BAD_SECRET` for a list without a secret or with one twice, and for a secret that is no string,
   * has fewer than 32 bytes, or is the one of our documentation. The message never holds the secret.
   */
  constructor(purpose: string, secret: string | readonly string[] | undefined) {
    this.#purpose = purpose;
    this.#keys = checkedSecrets(secret).map((one) => derive(one, purpose));
  }

  /** The id with its signature by the newest secret. `name` is where it is used, such as the cookie's name. */
  sign(name: string, id: string): string {
    const [newest] = this.#keys as [KeyObject];
    return `${id}.${this.#signature(newest, name, id)}`;
  }

  /** The id of a signed value; '' when no secret gives exactly this signature. */
  verify(name: string, value: string): Verified {
    const id = value.slice(0, ID_LENGTH);
    const signature = value.slice(ID_LENGTH + 1);
    // a signature has the form of an id, which also says that its characters are bytes and its length is right
    if (value[ID_LENGTH] !== '.' || !isSessionId(id) || !isSessionId(signature)) return FORGED;
    const given = Buffer.from(signature, 'latin1');
    for (const key of this.#keys) {
      const expected = Buffer.from(this.#signature(key, name, id), 'latin1');
      if (timingSafeEqual(given, expected)) return { id, aged: key !== this.#keys[0] };
    }
    return FORGED;
  }

  /** Whether two sign and verify alike: the same secrets in the same order, for the same purpose. */
  equals(other: Signer): boolean {
    const mine = this.#keys;
    const theirs = other.#keys;
    return mine.length === theirs.length && mine.every((key, i) => key.equals(theirs[i] as KeyObject));
  }

  /** Compared as text, a signature has one form: no other spelling of the same bytes is accepted. */
  #signature(key: KeyObject, name: string, id: string): string {
    return createHmac('sha256', key).update(`${this.#purpose}\n${name}\n${id}`).digest('base64url');
  }
}

const FORGED: Verified = { id: '', aged: false };

const ID_LENGTH = 43;
const FEWEST_BYTES = 32;

function checkedSecrets(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (secrets.length === 0) throw badSecret('secret is a list without a secret');
  return secrets.map((one, i) => checked(one, i, secrets));
}

function checked(secret: unknown, at: number, all: readonly unknown[]): string {
  const which = all.length === 1 ? 'secret' : `secret ${at + 1} of ${all.length}`;
  if (typeof secret !== 'string') throw badSecret(`${which} is no string`);
  if (Buffer.byteLength(secret) < FEWEST_BYTES) throw badSecret(`${which} has fewer than 32 bytes`);
  if (secret.includes(EXAMPLE_SECRET)) throw badSecret(`${which} is the one of the documentation`);
  if (all.indexOf(secret) !== at) throw badSecret(`${which} stands in the list before`);
  return secret;
}

function badSecret(found: string): SessionError {
  return new SessionError(
    'BAD_SECRET',
    `${found}. Give 32 random bytes or more as a string that nobody else has, or a list of them, the newest first: ` +
      `node -p "crypto.randomBytes(32).toString('base64url')" prints one.`,
  );
}

function derive(secret: string, purpose: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', `tsgi ${purpose}`, 32)));
}
