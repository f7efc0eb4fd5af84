import { type Header, listOf, sameName } from '../app/headers.js';
import { headerOf, type Reply, withAddedHeader, withHeader } from '../app/reply.js';
import type { SessionKey } from './session-id.js';

/** A Set-Cookie line that waits for the reply. */
interface Waiting {
  readonly header: Header;
  /** False: the application adds it to the reply by hand, or nobody does. */
  readonly send: boolean;
  /** What it belongs to: a session, or the end of one. */
  readonly of: Owner;
}

type Owner = SessionKey | 'ending';

/**
 * The Set-Cookie lines of one request. There is one session cookie, so at most one line leaves: the last. A line belongs
 * to a change and shares its fate: dropped with it, sealed with it.
 */
export class SetCookies {
  readonly sent: Header[] = [];
  /** Made when needed: most requests set no cookie. */
  #made: string[] | undefined;
  #refused: Set<Owner> | undefined;
  #sealed: Waiting | undefined;
  #fresh: Waiting | undefined;
  #left: Waiting | undefined;

  /** The line that waits, as PythonWeb's `response_headers`: `.at(-1)` is what to send by hand. */
  get waiting(): Header[] {
    const last = this.#last;
    return last === undefined ? [] : [last.header];
  }

  /** The line that left last. Undefined when the session that it belongs to turned out to be gone since. */
  get standing(): Header | undefined {
    return this.#unlessRefused(this.#left)?.header;
  }

  add(value: string, send: boolean, of: Owner): Header {
    const header: Header = ['Set-Cookie', value];
    (this.#made ??= []).push(value);
    this.#fresh = { header, send, of };
    return header;
  }

  /** The change that the line belongs to was taken for a commit. Answers what to call when that fails. */
  seal(): () => void {
    const before = { sealed: this.#sealed, fresh: this.#fresh };
    this.#sealed = this.#last;
    this.#fresh = undefined;
    return () => {
      this.#sealed = before.sealed;
      this.#fresh ??= before.fresh;
    };
  }

  /** The change that the line belongs to was dropped. */
  rollback(): void {
    this.#fresh = undefined;
  }

  /** The session turned out to be gone: its line does not leave, since the browser may hold a newer cookie by now. */
  refuse(of: Owner): void {
    (this.#refused ??= new Set()).add(of);
  }

  /** Whether the line that is to leave belongs to that session, and to no change of it that was committed. */
  waitsUnsealed(key: SessionKey): boolean {
    return this.#fresh?.of === key;
  }

  /** The reply with the line that is to leave, and without lines put there by hand that are not. */
  applyTo(reply: Reply): Reply {
    const made = this.#made;
    if (made === undefined) return reply;
    const byHand = reply.headers.filter(
      ([name, value]) => sameName(name, 'Set-Cookie') && made.includes(value),
    );
    const last = this.#unlessRefused(this.#last);
    const leaving = last !== undefined && (last.send || byHand.some(([, value]) => value === last.header[1]));
    if (!leaving && byHand.length === 0) return reply;
    const others =
      byHand.length === 0 ? reply.headers : reply.headers.filter((header) => !byHand.includes(header));
    if (!leaving) return { ...reply, headers: others };
    this.sent.push(last.header);
    this.#left = last;
    this.#sealed = this.#fresh = undefined;
    return keptPrivate({ status: reply.status, headers: [...others, last.header], body: reply.body });
  }

  get #last(): Waiting | undefined {
    return this.#fresh ?? this.#sealed;
  }

  #unlessRefused(line: Waiting | undefined): Waiting | undefined {
    return line !== undefined && this.#refused?.has(line.of) === true ? undefined : line;
  }
}

/** The reply depends on the cookie: caches keep it apart for each value (RFC 9110 12.5.5). */
export function varyByCookie(reply: Reply): Reply {
  if (headerOf(reply, 'Vary') === undefined) return withAddedHeader(reply, 'Vary', 'Cookie');
  const names = wordsOf(reply, 'Vary');
  if (names.some((name) => name === '*' || sameName(name, 'Cookie'))) return reply;
  return withHeader(reply, 'Vary', [...names, 'Cookie'].join(', '));
}

/** A reply with a visitor's cookie is for no shared cache (RFC 9111 5.2.2.7). What is stricter already stays. */
export function keptPrivate(reply: Reply): Reply {
  const directives = wordsOf(reply, 'Cache-Control');
  if (directives.some((directive) => /^(?:private|no-store)$/i.test(directive))) return reply;
  const kept = directives.filter((directive) => !/^(?:public$|s-maxage=)/i.test(directive));
  return withHeader(reply, 'Cache-Control', [...kept, 'private'].join(', '));
}

/** The words of a header; several lines of one name are one list (RFC 9110 5.3). */
function wordsOf({ headers }: Reply, name: string): string[] {
  const words: string[] = [];
  for (const [other, value] of headers) if (sameName(other, name)) words.push(...listOf(value));
  return words;
}
