import { parseSetCookie, type SetCookie } from 'cookie';
import type { Clock } from '../stores/clock.js';

/** Where a request goes: what decides which cookies it carries. */
export interface Place {
  readonly scheme: 'http' | 'https';
  /** In lower case, without port. */
  readonly hostname: string;
  /** As sent, without the query. */
  readonly path: string;
}

/** A cookie as a browser keeps it. */
export interface Cookie {
  /** '' for a cookie that came without a name. */
  readonly name: string;
  /** As sent: neither decoded nor unquoted. */
  readonly value: string;
  readonly domain: string;
  /** True when no Domain was given: subdomains do not get it. */
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: 'strict' | 'lax' | 'none' | undefined;
  /** Seconds since the epoch; Infinity: until the browser closes. */
  readonly expireTime: number;
}

const LONGEST_LIFE = 400 * 86400;
const LARGEST = 4096;

/**
 * The cookies of one visitor, kept by the rules of RFC 6265 and its revision (draft-ietf-httpbis-rfc6265bis, where the
 * prefixes, the 400 days and the limit of 4,096 bytes come from). A cookie that breaks a rule is ignored without a
 * word, as in a browser.
 *
 * SameSite and HttpOnly are recorded only: there is neither another site nor a script here. Of the public suffixes only
 * the top level domains are known.
 */
export class CookieJar {
  readonly #clock: Clock;
  readonly #home: Place;
  readonly #cookies = new Map<string, Cookie>();

  /** @param home where cookies come from that are set by hand. */
  constructor(clock: Clock, home: Place) {
    this.#clock = clock;
    this.#home = home;
  }

  /** The value of the cookie of that name, as sent; of several, that of the longest path. */
  get(name: string): string | undefined {
    return this.#live().find((cookie) => cookie.name === name)?.value;
  }

  /** Keeps a cookie as if the application had sent it with `Path=/`, and with Secure when its name promises it. */
  set(name: string, value: string): void {
    this.#keep({
      name,
      value,
      domain: this.#home.hostname,
      hostOnly: true,
      path: '/',
      secure: hasPrefix(name, '__secure-', '__host-'),
      httpOnly: false,
      sameSite: undefined,
      expireTime: Infinity,
    });
  }

  /** Forgets the cookies of that name. Whether there was one. */
  delete(name: string): boolean {
    const found = this.#live().filter((cookie) => cookie.name === name);
    for (const cookie of found) this.#cookies.delete(keyOf(cookie));
    return found.length > 0;
  }

  clear(): void {
    this.#cookies.clear();
  }

  /** All cookies that have not ended, those of longer paths first, then the older ones. */
  [Symbol.iterator](): IterableIterator<Cookie> {
    return this.#live().values();
  }

  /** Takes the value of one Set-Cookie header that came from there. */
  receive(setCookie: string, from: Place): void {
    const parsed = parseSetCookie(setCookie, { decode: asSent });
    const cookie = cookieOf(parsed, from, this.#clock.now());
    if (!isSound(setCookie, cookie)) return;
    if (!isAllowed(cookie, parsed, from) || this.#wouldHideSecure(cookie, from)) return;
    this.#keep(cookie);
  }

  /** The Cookie header of a request that goes there; undefined when no cookie does. */
  headerFor(to: Place): string | undefined {
    const sent = this.#live().filter((cookie) => goesTo(cookie, to));
    if (sent.length === 0) return undefined;
    return sent.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ');
  }

  /** One that is replaced keeps its age; one that has ended deletes the one it replaces. */
  #keep(cookie: Cookie): void {
    if (cookie.expireTime <= this.#clock.now()) this.#cookies.delete(keyOf(cookie));
    else this.#cookies.set(keyOf(cookie), cookie);
  }

  #live(): Cookie[] {
    const now = this.#clock.now();
    for (const [key, { expireTime }] of this.#cookies) if (expireTime <= now) this.#cookies.delete(key);
    return [...this.#cookies.values()].sort((a, b) => b.path.length - a.path.length);
  }

  /** What came in the clear must not stand in front of a secure cookie (6265bis, storage model, step 16). */
  #wouldHideSecure(cookie: Cookie, { scheme }: Place): boolean {
    if (scheme === 'https') return false;
    return this.#live().some(
      (other) =>
        other.secure &&
        other.name === cookie.name &&
        (domainMatches(cookie.domain, other.domain) || domainMatches(other.domain, cookie.domain)) &&
        pathMatches(cookie.path, other.path),
    );
  }
}

function asSent(value: string): string {
  return value;
}

/** Cookies are the same when name, domain and path are; none of them can hold a `;`. */
function keyOf({ name, domain, hostOnly, path }: Cookie): string {
  return [name, domain, hostOnly, path].join(';');
}

function cookieOf(parsed: SetCookie, from: Place, now: number): Cookie {
  const domain = domainOf(parsed);
  return {
    name: parsed.name,
    value: parsed.value ?? '',
    domain: domain === '' ? from.hostname : domain,
    hostOnly: domain === '' || (domain === from.hostname && isSuffix(domain)),
    path: parsed.path?.startsWith('/') === true ? parsed.path : defaultPath(from.path),
    secure: parsed.secure === true,
    httpOnly: parsed.httpOnly === true,
    sameSite: typeof parsed.sameSite === 'string' ? parsed.sameSite : undefined,
    expireTime: expireTimeOf(parsed, now),
  };
}

function domainOf({ domain = '' }: SetCookie): string {
  return domain.replace(/^\./, '').toLowerCase();
}

/** Max-Age goes before Expires; neither lasts longer than 400 days. */
function expireTimeOf({ maxAge, expires }: SetCookie, now: number): number {
  if (maxAge !== undefined) return now + Math.min(maxAge, LONGEST_LIFE);
  if (expires !== undefined) return Math.min(expires.getTime() / 1000, now + LONGEST_LIFE);
  return Infinity;
}

/** RFC 6265 section 5.1.4: the folder of the page that set the cookie. */
function defaultPath(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

/** Neither empty, nor too large, nor with a control character. */
function isSound(setCookie: string, { name, value }: Cookie): boolean {
  const size = Buffer.byteLength(name) + Buffer.byteLength(value);
  return size > 0 && size <= LARGEST && !/[^\P{Cc}\t\x80-\x9f]/u.test(setCookie);
}

function isAllowed(cookie: Cookie, parsed: SetCookie, from: Place): boolean {
  if (!domainMatches(from.hostname, cookie.domain)) return false;
  if (!cookie.hostOnly && isSuffix(cookie.domain)) return false;
  if (cookie.secure && from.scheme !== 'https') return false;
  if (cookie.sameSite === 'none' && !cookie.secure) return false;
  return keepsPrefixPromise(cookie, parsed);
}

/** The prefixes count in any case, and a cookie without a name must not pretend to have one. */
function keepsPrefixPromise({ name, value, secure }: Cookie, parsed: SetCookie): boolean {
  if (name === '') return !hasPrefix(value, '__secure-', '__host-');
  if (hasPrefix(name, '__secure-')) return secure;
  if (hasPrefix(name, '__host-')) return secure && domainOf(parsed) === '' && parsed.path === '/';
  return true;
}

function hasPrefix(text: string, ...prefixes: string[]): boolean {
  return prefixes.some((prefix) => text.toLowerCase().startsWith(prefix));
}

/** A top level domain: nobody's own. */
function isSuffix(domain: string): boolean {
  return !domain.includes('.');
}

function goesTo(cookie: Cookie, to: Place): boolean {
  if (cookie.secure && to.scheme !== 'https') return false;
  if (cookie.hostOnly ? to.hostname !== cookie.domain : !domainMatches(to.hostname, cookie.domain))
    return false;
  return pathMatches(to.path, cookie.path);
}

/** RFC 6265 section 5.1.3: the same, or a subdomain. An address has no subdomains. */
function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !/^[\d.]+$|^\[/.test(host));
}

/** RFC 6265 section 5.1.4. */
function pathMatches(path: string, prefix: string): boolean {
  return (
    path === prefix || (path.startsWith(prefix) && (prefix.endsWith('/') || path[prefix.length] === '/'))
  );
}
