import { describe, expect, it } from '@jest/globals';
import type { Header } from '../../src/app/headers.js';
import { text } from '../../src/app/reply.js';
import { keyOf } from '../../src/stores/session-id.js';
import { SetCookies, varyByCookie } from '../../src/stores/set-cookies.js';

const REPLY = text('hello');
const SESSION = keyOf('a session');

/** The headers of one name that leave with a reply that had these. */
function leaving(name: string, cookies: SetCookies, headers: readonly Header[] = []): string[] {
  const reply = cookies.applyTo(text('hello', { headers }));
  return valuesOf(name, reply.headers);
}

function valuesOf(name: string, headers: readonly Header[]): string[] {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

function withLine(value = 'shop=1'): SetCookies {
  const cookies = new SetCookies();
  cookies.add(value, true, SESSION);
  return cookies;
}

describe('SetCookies', () => {
  it('leaves a reply alone when there is no line', () => {
    const cookies = new SetCookies();

    expect(cookies.waiting).toEqual([]);
    expect(cookies.applyTo(REPLY)).toBe(REPLY);
    expect(cookies.sent).toEqual([]);
  });

  it('adds its line to a reply of its own and leaves the one it got', () => {
    const cookies = withLine();

    const reply = cookies.applyTo(REPLY);

    expect(valuesOf('set-cookie', reply.headers)).toEqual(['shop=1']);
    expect(REPLY.headers).toEqual([['Content-Type', 'text/plain; charset=utf-8']]);
    expect(cookies.sent).toEqual([['Set-Cookie', 'shop=1']]);
    expect(cookies.waiting).toEqual([]);
  });

  it('knows the line that left last, until its session turns out to be gone', () => {
    const cookies = withLine('shop=1');
    expect(cookies.standing).toBeUndefined();
    cookies.applyTo(REPLY);
    cookies.add('shop=2', true, keyOf('another'));
    expect(cookies.standing).toEqual(['Set-Cookie', 'shop=1']);

    cookies.refuse(SESSION);

    expect(cookies.standing).toBeUndefined();
    cookies.applyTo(REPLY);
    expect(cookies.standing).toEqual(['Set-Cookie', 'shop=2']);
  });

  it('sends the last line alone', () => {
    const cookies = withLine('shop=1');
    cookies.add('shop=2', true, SESSION);

    expect(cookies.waiting).toEqual([['Set-Cookie', 'shop=2']]);
    expect(leaving('set-cookie', cookies)).toEqual(['shop=2']);
  });

  it('keeps the application’s other cookies', () => {
    const others: Header[] = [
      ['set-cookie', 'theme=dark'],
      ['Set-Cookie', 'lang=de'],
    ];

    expect(leaving('set-cookie', withLine(), others)).toEqual(['theme=dark', 'lang=de', 'shop=1']);
  });

  it('does not send a line that the application is to send, unless it does', () => {
    const [sent, unsent] = [new SetCookies(), new SetCookies()];
    const [, value] = sent.add('shop=1', false, SESSION);
    unsent.add('shop=1', false, SESSION);

    expect(leaving('set-cookie', sent, [['set-cookie', value]])).toEqual(['shop=1']);
    expect(leaving('set-cookie', unsent)).toEqual([]);
    expect([sent.sent, unsent.sent]).toEqual([[['Set-Cookie', 'shop=1']], []]);
  });

  it('sends a line once that the application sends as well, and no earlier one that it sends', () => {
    const twice = withLine('shop=1');
    const outdated = withLine('shop=1');
    outdated.add('shop=2', true, SESSION);

    expect(
      leaving('set-cookie', twice, [
        ['Set-Cookie', 'shop=1'],
        ['SET-COOKIE', 'shop=1'],
      ]),
    ).toEqual(['shop=1']);
    expect(leaving('set-cookie', outdated, [['Set-Cookie', 'shop=1']])).toEqual(['shop=2']);
  });

  it.each<[string, (cookies: SetCookies) => void, string[]]>([
    [
      'drops a line with its change',
      (cookies) => {
        cookies.rollback();
      },
      [],
    ],
    [
      'keeps a line whose change was sealed',
      (cookies) => {
        cookies.seal();
        cookies.rollback();
      },
      ['shop=1'],
    ],
    [
      'goes back to the sealed line when a later change is dropped',
      (cookies) => {
        cookies.seal();
        cookies.add('shop=2', true, SESSION);
        cookies.rollback();
      },
      ['shop=1'],
    ],
    [
      'sends a later line instead of the sealed one',
      (cookies) => {
        cookies.seal();
        cookies.add('shop=2', true, SESSION);
      },
      ['shop=2'],
    ],
    [
      'sends nothing when the session was gone',
      (cookies) => {
        cookies.seal();
        cookies.refuse(SESSION);
      },
      [],
    ],
    [
      'sends the line of a new session when only the end of the old one came too late',
      (cookies) => {
        cookies.refuse('ending');
      },
      ['shop=1'],
    ],
    [
      'keeps a line whose commit failed for the next commit',
      (cookies) => {
        const unseal = cookies.seal();
        unseal();
      },
      ['shop=1'],
    ],
    [
      'drops a line whose commit failed with its change',
      (cookies) => {
        const unseal = cookies.seal();
        unseal();
        cookies.rollback();
      },
      [],
    ],
    [
      'keeps what one commit sealed when the next one fails',
      (cookies) => {
        cookies.seal();
        const unseal = cookies.seal();
        unseal();
        cookies.rollback();
      },
      ['shop=1'],
    ],
    [
      'keeps what one commit sealed when the next one, with a line, fails',
      (cookies) => {
        cookies.seal();
        cookies.add('shop=2', true, SESSION);
        const unseal = cookies.seal();
        unseal();
        cookies.rollback();
      },
      ['shop=1'],
    ],
    [
      'sends a line that was added while a commit failed',
      (cookies) => {
        const unseal = cookies.seal();
        cookies.add('shop=2', true, SESSION);
        unseal();
      },
      ['shop=2'],
    ],
  ])('%s', (_, happens, expected) => {
    const cookies = withLine();

    happens(cookies);

    expect(leaving('set-cookie', cookies)).toEqual(expected);
  });

  it('takes out lines that the application sent by hand and whose change was dropped', () => {
    const cookies = withLine();
    cookies.rollback();

    expect(
      leaving('set-cookie', cookies, [
        ['Set-Cookie', 'shop=1'],
        ['Set-Cookie', 'theme=dark'],
      ]),
    ).toEqual(['theme=dark']);
    expect(leaving('cache-control', cookies, [['Set-Cookie', 'shop=1']])).toEqual([]);
  });
});

describe('Cache-Control of a reply that carries the cookie', () => {
  it.each<[string[], string[]]>([
    [[], ['private']],
    [['no-cache'], ['no-cache, private']],
    [['max-age=60'], ['max-age=60, private']],
    [['public, max-age=60'], ['max-age=60, private']],
    [['PUBLIC,Max-Age=60'], ['Max-Age=60, private']],
    [['public'], ['private']],
    [['s-maxage=60, max-age=60'], ['max-age=60, private']],
    [['private'], ['private']],
    [['Private, max-age=60'], ['Private, max-age=60']],
    [['no-store'], ['no-store']],
    [['max-age=0, No-Store'], ['max-age=0, No-Store']],
    [['private="x-user"'], ['private="x-user", private']],
    [['no-cache="a, public", max-age=60'], ['no-cache="a, public", max-age=60, private']],
    [[''], ['private']],
    [
      ['max-age=60', 'no-store'],
      ['max-age=60', 'no-store'],
    ],
    [['max-age=60', 'must-revalidate'], ['max-age=60, must-revalidate, private']],
    [['max-age=60', 'public'], ['max-age=60, private']],
  ])('%j becomes %j', (before, after) => {
    const headers = before.map((value): Header => ['cache-control', value]);

    expect(leaving('cache-control', withLine(), headers)).toEqual(after);
  });

  it('stays as it is when no cookie leaves', () => {
    expect(leaving('cache-control', new SetCookies(), [['Cache-Control', 'public']])).toEqual(['public']);
  });
});

describe('varyByCookie', () => {
  it.each<[string[], string[]]>([
    [[], ['Cookie']],
    [['Accept'], ['Accept, Cookie']],
    [['Accept,Accept-Language'], ['Accept, Accept-Language, Cookie']],
    [['Cookie'], ['Cookie']],
    [['Accept, cookie'], ['Accept, cookie']],
    [['COOKIE'], ['COOKIE']],
    [['*'], ['*']],
    [['X-Cookie'], ['X-Cookie, Cookie']],
    [[''], ['Cookie']],
    [['Accept', 'Accept-Encoding'], ['Accept, Accept-Encoding, Cookie']],
    [
      ['Accept', 'Cookie'],
      ['Accept', 'Cookie'],
    ],
    [
      ['Accept', '*'],
      ['Accept', '*'],
    ],
  ])('%j becomes %j', (before, after) => {
    const reply = text('', { headers: before.map((value): Header => ['vary', value]) });

    expect(valuesOf('vary', varyByCookie(reply).headers)).toEqual(after);
  });

  it('answers the reply itself when it says so already', () => {
    const reply = text('', { headers: [['Vary', 'cookie']] });

    expect(varyByCookie(reply)).toBe(reply);
  });
});
