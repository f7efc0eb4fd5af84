import { attempt } from './attempt.js';
import { clip } from '../../app/visible.js';

/** Stands where a secret stood. */
const MASK = '[masked]';

/** Whether a header, parameter or variable of that name holds a secret. Rather one too many than one too few. */
export function isSecret(name: string): boolean {
  return SECRET.test(name);
}

/**
 * A text without the secrets that can be told by their names: `token=…` as in queries, `"password": "…"` as in JSON,
 * what stands before the `@` of `scheme://user:password@host`, and, by its form, the id of a session.
 */
export function maskText(text: string): string {
  return maskPairs(maskLiterals(text), 3).replace(SESSION_ID, MASK);
}

/** The same for a line of source code, where `token=next()` is no secret but `token = 'abc'` is. */
export function maskLiterals(text: string): string {
  return text
    .replace(CREDENTIALS, `://${MASK}@`)
    .replace(LITERAL, (all, name: string, between: string, quote: string) =>
      isSecret(name) ? name + between + quote + MASK + quote : all,
    );
}

/** What an environ holds, in its order: secrets masked, what is no string shown by the name of its type only. */
export function shownEnviron(environ: object): [name: string, value: string][] {
  return Object.keys(environ).flatMap((name): [string, string][] => {
    const value = attempt(() => (environ as Record<string, unknown>)[name], undefined);
    return value === undefined ? [] : [[clip(name, 200), shownValue(name, value)]]; // undefined is what did not come
  });
}

/** `IncomingMessage` for an object of that class, `string` for a string. */
export function typeName(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  const name = attempt(() => (Object.getPrototypeOf(value) as object).constructor.name as unknown, undefined);
  return typeof name === 'string' && name !== '' ? clip(name, 100) : 'object';
}

const SECRET =
  /pass|pwd|secret|token|key|cookie|auth(?!ors?$)|signature|dsn|credential|sess|csrf|xsrf|jwt|(?:^|[._-])(?:sid|sig|otp|pin)$|^code$/i;

/** As it stands in a URL or a cookie: 43 characters, and as many of a signature. A longer name is not cut. */
const SESSION_ID = /(?<![\w-])[\w-]{43}(?:\.[\w-]{43})?(?![\w-])/g;

/** Up to the last `@`, since passwords are often not encoded. */
const CREDENTIALS = /:\/\/[^\s/?#]{1,700}@/g;

const LITERAL = /([\w$-]{1,100})(["']?\]?\s{0,9}[:=]\s{0,9})(["'`])(?:(?!\3)[^\\\n]|\\.){1,9999}\3/g;

function shownValue(name: string, value: unknown): string {
  if (typeof value !== 'string') return `(${typeName(value)})`;
  return isSecret(name) ? MASK : clip(maskText(value), 2000);
}

/** Splits before it looks, so that the time grows with the length alone. `depth`: how often it may look inside. */
function maskPairs(text: string, depth: number): string {
  return text
    .split(/([?&#\s]+)/)
    .map((part) => maskPair(part, depth))
    .join('');
}

/** `a=1;token=2` is one part: some servers split it, others do not, so all after a secret name goes. */
function maskPair(part: string, depth: number): string {
  const pieces = part.split('=');
  const at = pieces.findIndex((piece, i) => i + 1 < pieces.length && isSecret(lastName(piece)));
  if (at >= 0) return `${pieces.slice(0, at + 1).join('=')}=${MASK}`;
  return pieces.length > 1 && hidesSecret(part, depth) ? `${pieces[0] ?? ''}=${MASK}` : part;
}

function lastName(piece: string): string {
  return piece.slice(Math.max(piece.lastIndexOf(';'), piece.lastIndexOf(',')) + 1);
}

/** The name may be encoded, and a value may be an address with secrets of its own: `next=%2Freset%3Ftoken%3D…`. */
function hidesSecret(part: string, depth: number): boolean {
  const plain = decoded(part);
  return plain !== part && (depth === 0 || maskPairs(plain, depth - 1) !== plain);
}

function decoded(text: string): string {
  return attempt(() => decodeURIComponent(text), text);
}
