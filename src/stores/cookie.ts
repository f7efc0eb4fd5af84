import { types } from 'node:util';
import { stringifySetCookie } from 'cookie';
import { SessionError } from './errors.js';
import type { Signer, Verified } from './signature.js';

export interface CookieOptions {
  /** Default: the environment's name. Over https it is sent as `__Host-<name>` where that holds. */
  name?: string;
  /** Default `/`. */
  path?: string;
  /** Default: none, so that only this host gets the cookie. */
  domain?: string;
  /** Default: true when the request is https. `true` for a server behind a proxy that ends https. */
  secure?: boolean;
  /** Default true: no script reads it. */
  httpOnly?: boolean;
  /** Default `lax`. `none` and `partitioned` need `secure: true`. */
  sameSite?: 'strict' | 'lax' | 'none';
  /** Keeps the cookie apart for each site that embeds this one (CHIPS). Default false. */
  partitioned?: boolean;
  /**
   * When the browser forgets the cookie. Default: with the session's `expireTime`, or when it is closed if there is none. `true`: when it is closed; `false`:
   * never, which browsers and this toolkit cap at 400 days; a Date; or seconds from each Set-Cookie on.
   */
  expires?: boolean | Date | number;
}

/**
 * The session's cookie, by RFC 6265 and its successor: what is read from a request and written into a reply. The prefixed
 * name over https and the plain one over http are two cookies, and neither is read in the other's place.
 */
export class SessionCookie {
  readonly #options: CookieOptions;
  readonly #signer: Signer | undefined;
  readonly #plain: Spelling;
  readonly #secure: Spelling;

  /**
   * @param signer signs the ids and checks them; without it they are sent as they are.
   * @throws SessionError `BAD_COOKIE` for what no browser would accept, or not as it looks.
   */
  constructor(environmentName: string, options: CookieOptions = {}, signer?: Signer) {
    checkOptions(options);
    const name = options.name ?? environmentName;
    const always = options.secure === true;
    const spelled = (key: string, secure: boolean) => spell(key, options, secure, signer !== undefined);
    this.#options = options;
    this.#signer = signer;
    this.#plain = spelled(always ? prefixed(name, options) : name, always);
    this.#secure = options.secure === false ? this.#plain : spelled(prefixed(name, options), true);
  }

  /** Whether the browser forgets the cookie with the session, so that a moved end needs a new Set-Cookie. */
  get followsSession(): boolean {
    return this.#options.expires === undefined;
  }

  /** The name used on this kind of request. */
  key(https: boolean): string {
    return this.#spelling(https).name;
  }

  /**
   * The id in a Cookie header, as it came; undefined when the cookie did not come. With a signer it is '', which is
   * nobody's id, unless its signature is valid. The first cookie of the name counts, whether it is valid or not; names are
   * compared as they are.
   */
  read(header: string | undefined, https: boolean): Verified | undefined {
    const { name } = this.#spelling(https);
    const value = header === undefined ? undefined : cookieValue(header, name);
    if (value === undefined) return undefined;
    return this.#signer === undefined ? { id: value, aged: false } : this.#signer.verify(name, value);
  }

  /** A Set-Cookie value for a session that ends at `expireTime`. */
  write(sessionID: string, https: boolean, expireTime: number, now: number): string {
    const { name, attributes } = this.#spelling(https);
    const value = this.#signer?.sign(name, sessionID) ?? sessionID;
    return `${name}=${value}${attributes}${this.#life(expireTime, now)}`;
  }

  /** A Set-Cookie value that makes the browser forget the cookie: the same name and attributes. */
  clear(https: boolean): string {
    const { name, attributes } = this.#spelling(https);
    return `${name}=${attributes}; Max-Age=0; Expires=${httpDate(0)}`;
  }

  /** Whether two layers mean the same cookie, signed alike. */
  equals(other: SessionCookie): boolean {
    if (![true, false].every((https) => this.#describe(https) === other.#describe(https))) return false;
    const [mine, theirs] = [this.#signer, other.#signer];
    return mine === undefined || theirs === undefined ? mine === theirs : mine.equals(theirs);
  }

  #describe(https: boolean): string {
    const { name, attributes } = this.#spelling(https);
    const { expires } = this.#options;
    return `${name}${attributes} ${isDate(expires) ? expires.getTime() : String(expires)}`;
  }

  #spelling(https: boolean): Spelling {
    return https ? this.#secure : this.#plain;
  }

  #life(expireTime: number, now: number): string {
    const end = this.#end(expireTime, now);
    if (end === Infinity) return '';
    const seconds = Math.max(0, Math.ceil(Math.min(end - now, LONGEST)));
    return `; Max-Age=${seconds}; Expires=${httpDate(Math.ceil(now + seconds))}`;
  }

  #end(expireTime: number, now: number): number {
    const { expires } = this.#options;
    if (expires === undefined) return expireTime;
    if (expires === true) return Infinity;
    if (expires === false) return now + LONGEST;
    return typeof expires === 'number' ? now + Math.min(expires, LONGEST) : expires.getTime() / 1000;
  }
}

/** A cookie's name and its attributes but for its life, which never change. */
interface Spelling {
  readonly name: string;
  readonly attributes: string;
}

/** 400 days in seconds: what browsers cap a cookie's life at. */
const LONGEST = 400 * 24 * 60 * 60;

/** Browsers ignore a cookie whose name and value are longer together, and an attribute that is longer, in bytes. */
const LONGEST_COOKIE = 4096;
const LONGEST_ATTRIBUTE = 1024;

const { isDate } = types;

const ID_LENGTH = 43;
const SIGNED_LENGTH = 87;

function spell(name: string, options: CookieOptions, secure: boolean, signed: boolean): Spelling {
  const { path = '/', domain, httpOnly = true, sameSite = 'lax', partitioned = false } = options;
  if (name.length + (signed ? SIGNED_LENGTH : ID_LENGTH) > LONGEST_COOKIE)
    throw badCookie('a name of over 4,000 characters', 'Shorten it');
  try {
    const attributes = {
      path,
      httpOnly,
      secure,
      sameSite,
      partitioned,
      ...(domain !== undefined && { domain }),
    };
    const empty = stringifySetCookie({ name, value: '', ...attributes });
    return { name, attributes: empty.slice(name.length + 1) };
  } catch (cause) {
    throw badCookie(
      'a name, path or domain with a character that a cookie cannot have',
      'Use plain letters',
      cause,
    );
  }
}

/** `__Host-` holds for a cookie of this host alone and all its paths. */
function prefixed(name: string, { path = '/', domain }: CookieOptions): string {
  return path === '/' && domain === undefined && !/^__/.test(name) ? `__Host-${name}` : name;
}

function checkOptions(options: CookieOptions): void {
  const { name = '', path = '/', domain, secure, sameSite, partitioned, expires } = options;
  const prefix = /^__(?:host-http|host|secure|http)-/i.exec(name)?.[0].toLowerCase();
  const hostOnly = prefix?.startsWith('__host') === true;
  if (prefix !== undefined && secure !== true)
    throw badCookie(`the name ${name}`, 'That prefix needs secure: true');
  if (hostOnly && path !== '/')
    throw badCookie(`the name ${name} and a path`, 'That prefix needs the path /');
  if (hostOnly && domain !== undefined)
    throw badCookie(`the name ${name} and a domain`, 'Leave the domain out');
  if (prefix?.includes('http-') === true && options.httpOnly === false) {
    throw badCookie(`the name ${name} and httpOnly: false`, 'That prefix needs httpOnly');
  }
  if (sameSite === 'none' && secure !== true) throw badCookie("sameSite: 'none'", 'It needs secure: true');
  if (partitioned === true && secure !== true) throw badCookie('partitioned: true', 'It needs secure: true');
  if (!path.startsWith('/') || path.endsWith(' '))
    throw badCookie(`the path ${JSON.stringify(path)}`, 'A path starts with / and does not end with a space');
  if (Math.max(path.length, domain?.length ?? 0) > LONGEST_ATTRIBUTE)
    throw badCookie('a path or domain of over 1,024 characters', 'Shorten it');
  if (typeof expires === 'number' && !(expires > 0))
    throw badCookie('expires: 0 or less', 'Give seconds, or true');
  if (isDate(expires) && Number.isNaN(expires.getTime()))
    throw badCookie('an invalid Date', 'Give a valid one');
  if (expires !== undefined && !isDate(expires) && !['boolean', 'number'].includes(typeof expires))
    throw badCookie(
      `expires of the type ${typeof expires}`,
      'Give true, false, a Date, or a number of seconds',
    );
}

function badCookie(found: string, todo: string, cause?: unknown): SessionError {
  return new SessionError('BAD_COOKIE', `The session cookie has ${found}. ${todo}.`, { cause });
}

/**
 * One cookie out of a Cookie header. Names and values are taken as sent, but for spaces and tabs around them: decoding or
 * trimming more lets a forged cookie pass for ours (CVE-2020-7070, CVE-2022-31629). Pairs without a name are skipped.
 */
function cookieValue(header: string, name: string): string | undefined {
  let equals = header.indexOf('=');
  for (let start = 0; equals !== -1;) {
    const semicolon = header.indexOf(';', start);
    const end = semicolon === -1 ? header.length : semicolon;
    if (equals < end) {
      if (trim(header, start, equals) === name) return trim(header, equals + 1, end);
      equals = header.indexOf('=', end);
    }
    start = end + 1;
  }
  return undefined;
}

function trim(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Formatted once for each second, since most replies of a moment share it. */
function httpDate(second: number): string {
  if (second !== formatted.second) formatted = { second, text: new Date(second * 1000).toUTCString() };
  return formatted.text;
}

let formatted = { second: 0, text: new Date(0).toUTCString() };
