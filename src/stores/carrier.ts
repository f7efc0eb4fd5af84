import type { Environ } from '../app/environ.js';
import { listOf, sameName } from '../app/headers.js';
import { type Reply, withHeader } from '../app/reply.js';
import { type CookieOptions, SessionCookie } from './cookie.js';
import { SessionError } from './errors.js';
import { varyByCookie } from './set-cookies.js';
import { Signer, type Verified } from './signature.js';

/** How the id of a session travels. */
export interface CarrierOptions {
  cookie?: CookieOptions;
  /**
   * Signs the ids, with HMAC-SHA-256: then an id without a valid signature is an unknown session before anything is
   * looked up. At least 32 random bytes as a string, or a list, the newest first: the first signs, all verify, and a cookie
   * signed by a later one is signed again at the next look. Taking a secret out of the list ends all that it alone has
   * signed. Default: none.
   *
   * To change it where several processes serve, give every process the new one as the second first, then as the first, and
   * take the old one out when its cookies are over.
   */
  secret?: string | readonly string[];
  /**
   * Default true. False: no cookie is read or sent, and the id comes from `id` alone. The application puts it into its
   * URLs: `manager.signedID`. Replies then say `Referrer-Policy: no-referrer`, and `Cache-Control: no-store` when anybody
   * looked at the session, so that the URL does not get to others.
   */
  useCookies?: boolean;
  /**
   * Finds the id that a request carries outside the cookie, as `manager.signedID` gave it; it then counts instead of the
   * cookie's. Undefined or null: there is none. Who opens a URL that somebody else has sent shares that one's session, so a
   * session found by it never gets into the cookie by itself. Default: ids come in the cookie only.
   *
   * `(environ) => new URLSearchParams(environ.QUERY_STRING).get('sid') ?? undefined`: logs and error pages mask a parameter
   * of this name, but not a part of the path.
   */
  id?: (environ: Environ) => string | undefined;
}

/** The id that a request came with. */
export interface Carried extends Verified {
  readonly by: 'cookie' | 'id';
}

/** What carries the ids of one session layer: its cookie, what the option `id` answers, or both. */
export class Carrier {
  readonly usesCookies: boolean;
  readonly #name: string;
  readonly #cookie: SessionCookie;
  readonly #id: CarrierOptions['id'];
  /** For ids outside the cookie. One that was signed for the one place is not valid in the other. */
  readonly #signer: Signer | undefined;

  /** @throws SessionError `BAD_CARRIER`, `BAD_SECRET` or `BAD_COOKIE`. */
  constructor(environmentName: string, options: CarrierOptions = {}) {
    const { cookie = {}, secret, useCookies = true, id } = options;
    checkCarrier(useCookies, id);
    // `secret: undefined` is a secret that was to be there and is not, which must not mean unsigned ids
    const signer = (purpose: string) => ('secret' in options ? new Signer(purpose, secret) : undefined);
    this.usesCookies = useCookies;
    this.#name = cookie.name ?? environmentName;
    this.#cookie = new SessionCookie(environmentName, cookie, signer('session cookie'));
    this.#id = id;
    this.#signer = signer('session id');
  }

  /** @throws SessionError `NO_COOKIES` where none are used. */
  get cookie(): SessionCookie {
    if (this.usesCookies) return this.#cookie;
    throw new SessionError(
      'NO_COOKIES',
      'This session() has useCookies: false, so there is no cookie to set or clear. Put manager.signedID into the URLs.',
    );
  }

  /** Whether ids travel signed. */
  get signs(): boolean {
    return this.#signer !== undefined;
  }

  /** Whether a moved end needs a new Set-Cookie. */
  get followsSession(): boolean {
    return this.usesCookies && this.#cookie.followsSession;
  }

  /** The cookie's name on this kind of request; its plain name where no cookies are used. */
  key(https: boolean): string {
    return this.usesCookies ? this.#cookie.key(https) : this.#name;
  }

  /**
   * The id that a request carries; undefined when it carries none.
   * @throws SessionError `BAD_CARRIER` when the option `id` answers something else than a string, undefined or null.
   */
  read(environ: Environ): Carried | undefined {
    const given: unknown = this.#id?.(environ) ?? undefined;
    if (given !== undefined) return { ...this.#verified(given), by: 'id' };
    if (!this.usesCookies) return undefined;
    const read = this.#cookie.read(environ['HTTP_COOKIE'], environ['tsgi.url_scheme'] === 'https');
    return read && { id: read.id, aged: read.aged, by: 'cookie' };
  }

  /** The id as it is to be carried outside the cookie: signed where there is a secret. */
  sign(sessionID: string): string {
    return this.#signer?.sign(this.#name, sessionID) ?? sessionID;
  }

  /** What a reply has to say when its request `looked` at a session, and `foundByID` what the option `id` answered. */
  dress(reply: Reply, looked: boolean, foundByID: boolean): Reply {
    const varied = looked && this.usesCookies ? varyByCookie(reply) : reply;
    if (this.usesCookies && !foundByID) return varied;
    const unreferred = withHeader(varied, 'Referrer-Policy', 'no-referrer');
    return looked ? notStored(unreferred) : unreferred;
  }

  /** Whether two layers read and send the same ids. */
  equals(other: Carrier): boolean {
    const alike = this.usesCookies === other.usesCookies && this.#id === other.#id;
    return alike && this.#cookie.equals(other.#cookie);
  }

  #verified(given: unknown): Verified {
    if (typeof given !== 'string')
      throw badCarrier(`its option id answered a value of the type ${typeof given}`, ID_ANSWERS);
    return this.#signer === undefined ? { id: given, aged: false } : this.#signer.verify(this.#name, given);
  }
}

const ID_ANSWERS = 'It answers a string at once, or undefined';

function checkCarrier(useCookies: unknown, id: unknown): void {
  if (typeof useCookies !== 'boolean')
    throw badCarrier('useCookies is neither true nor false', 'Give one of them');
  if (id !== undefined && typeof id !== 'function') throw badCarrier('id is no function', ID_ANSWERS);
  if (!useCookies && id === undefined)
    throw badCarrier(
      'useCookies is false and there is no id',
      'Give id: a function that finds it in a request',
    );
}

function badCarrier(found: string, todo: string): SessionError {
  return new SessionError('BAD_CARRIER', `session() cannot tell where ids come from: ${found}. ${todo}.`);
}

/** Whatever else was said of storing it, nothing is stricter than `no-store` (RFC 9111 section 5.2.2.5). */
function notStored(reply: Reply): Reply {
  const said = reply.headers.filter(([name]) => sameName(name, 'Cache-Control'));
  const words = said.flatMap(([, value]) => listOf(value));
  return words.some((word) => sameName(word, 'no-store'))
    ? reply
    : withHeader(reply, 'Cache-Control', 'no-store');
}
