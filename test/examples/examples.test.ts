import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Application, SessionEnd } from 'tsgi';
import { client, type Client, TestClock } from 'tsgi/testing';
import { application as simple } from '../../examples/01-simple.js';
import { makeApplication as makeSession } from '../../examples/02-session.js';
import { makeApplication as makeTwisted } from '../../examples/03-twisted.js';
import { makeApplication as makeCounter } from '../../examples/04-counter.js';
import { application as form } from '../../examples/05-form.js';
import { application as failing } from '../../examples/06-error.js';
import { makeApplication as makeEndings } from '../../examples/07-endings.js';
import { makeApplication as makeSignIn } from '../../examples/08-sign-in.js';
import { makeApplication as makeMyghty } from '../../examples/09-myghty.js';
import { makeApplication as makeUrlIds } from '../../examples/10-url-ids.js';
import { makeHandlers } from '../../examples/11-standalone.js';
import { makeSite } from '../../examples/site.js';
import { runExample, serveExample } from '../support/examples.js';
import { temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder();
const file = folder.file('sessions.db');
const directory = folder.file('sessions');
const secret = randomBytes(32).toString('base64url');
const quiet = { write: () => true };
const visitors: Client[] = [];

afterAll(async () => {
  for (const one of visitors) await one.close();
  folder.remove();
});

describe('the examples', () => {
  it.each<[name: string, application: Application, addresses: Record<string, number>]>([
    ['01-simple', simple, { '/': 200 }],
    ['02-session', makeSession(file), { '/': 200, '/?destroy=True': 200 }],
    ['03-twisted', makeTwisted(file), { '/': 200, '/expire': 200 }],
    ['04-counter', makeCounter(file), { '/': 200, '/apples': 303, '/pears': 303 }],
    ['05-form', form, { '/': 200 }],
    ['06-error', failing, { '/': 500 }],
    ['07-endings', makeEndings(() => undefined), { '/': 303 }],
    ['08-sign-in', makeSignIn(file), { '/': 200, '/in': 303 }],
    ['09-myghty', makeMyghty(directory, secret, quiet), { '/': 200 }],
    ['10-url-ids', makeUrlIds(), { '/': 200, '/begin': 303 }],
    [
      'site',
      makeSite(file, secret, quiet),
      {
        '/': 200,
        '/simple': 200,
        '/session': 200,
        '/session?destroy=True': 200,
        '/twisted': 200,
        '/twisted/': 200,
        '/twisted/expire': 200,
        '/counter': 200,
        '/counter/apples': 303,
        '/counter/pears': 303,
        '/form': 200,
        '/error': 500,
        '/endings': 303,
        '/sign-in': 200,
        '/sign-in/in': 303,
        '/myghty': 200,
        '/url-ids': 200,
        '/url-ids/begin': 303,
      },
    ],
  ])('%s answers, and every link on its pages leads to one', async (_, application, addresses) => {
    const found = await crawl(visitor(application));

    expect(found).toEqual(addresses);
  });

  it('have pages with one heading, which is in the title, and no script', async () => {
    const ada = visitor(makeSite(file, secret, quiet));

    for (const path of [
      '/',
      '/simple',
      '/session',
      '/twisted',
      '/twisted/expire',
      '/counter',
      '/form',
      '/endings/logme',
      '/sign-in',
      '/myghty',
      '/url-ids',
    ]) {
      const page = (await ada.get(path)).text();
      expect(page).toMatch(/^<!doctype html>\s*<html lang="en">/);
      const headings = Array.from(page.matchAll(/<h1>(.*?)<\/h1>/g), ([, heading = '']) => heading);
      expect(headings).toHaveLength(1);
      expect(page).toContain(`<title>${headings.join()} · TSGI</title>`);
      expect(page).not.toContain('<script');
    }
  });

  it('answer 404 where there is none', async () => {
    const answer = await visitor(makeSite(file, secret, quiet)).get('/nothing');

    expect(answer.status).toBe('404 Not Found');
    expect(answer.text()).toContain('<a href="/">');
  });

  it('keep their sessions apart, each in an environment with a cookie of its own', async () => {
    const ada = visitor(makeSite(file, secret, quiet));

    for (const path of ['/session', '/twisted']) await ada.get(path);
    await ada.post('/counter/apples');

    expect(Array.from(ada.cookies, ({ name }) => name).sort()).toEqual([
      'counterEnv',
      'testEnv',
      'twistedEnv',
    ]);
  });

  it.each([
    '01-simple',
    '02-session',
    '03-twisted',
    '04-counter',
    '05-form',
    '06-error',
    '07-endings',
    '08-sign-in',
    '09-myghty',
    '10-url-ids',
    '11-standalone',
  ])(
    '%s runs by itself',
    async (name) => {
      const example = await serveExample(`${name}.ts`, { cwd: folder.path });

      const { status } = await fetch(example.url);

      expect(status).toBe(name === '06-error' ? 500 : 200);
      expect(await example.stop()).toBe(0);
    },
    30_000,
  );
});

describe('the twisted example', () => {
  it('shows the same session id until the session is expired', async () => {
    const ada = visitor(makeTwisted(file));
    const idOnPage = async () => idIn((await ada.get('/')).text());

    const ids = [await idOnPage(), await idOnPage()];
    const expired = await ada.get('/expire');
    ids.push(await idOnPage());

    expect(expired.text()).toContain('Your session has been expired.');
    expect(ids[0]).toBeDefined();
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).toMatch(/.{43}/);
    expect(ids[2]).not.toBe(ids[0]);
  });
});

describe('the twisted example, in a browser whose cookies were flushed', () => {
  it('shows another session id', async () => {
    const ada = visitor(makeTwisted(file));
    const before = (await ada.get('/')).text();

    ada.cookies.clear();

    expect(idIn((await ada.get('/')).text())).not.toBe(idIn(before));
  });
});

describe('the endings example', () => {
  it('prints a line when a session of 5 seconds ends, which visits keep alive', async () => {
    const clock = new TestClock();
    const printed: string[] = [];
    const ada = client(
      makeEndings((line) => printed.push(line), clock),
      { clock },
    );
    visitors.push(ada);

    for (let visit = 0; visit < 5; visit += 1) {
      expect((await ada.get('/logme')).text()).toContain('You are visitor 1.');
      clock.advance(4.9);
    }
    expect(printed).toEqual([]);
    clock.advance(0.6);
    await nextTurn();

    expect(printed).toEqual(['The session of visitor 1 has expired.']);
    expect((await ada.get('/logme')).text()).toContain('You are visitor 2.');
  });
});

describe('the sign-in example', () => {
  const cookie = (one: Client) => [...one.cookies][0]?.value;

  it('gives a new id at the sign-in, and the older one leads nowhere', async () => {
    const ada = visitor(makeSignIn(file));
    await ada.post('/in', { form: { user: 'guest' } });
    const before = cookie(ada);

    await ada.post('/in', { form: { user: 'Ada' } });

    expect(cookie(ada)).not.toBe(before);
    expect((await ada.get('/')).text()).toContain('<p class="card data">Ada</p>');
    const thief = visitor(makeSignIn(file));
    const answer = await thief.get('/', { headers: [['Cookie', `signInEnv=${String(before)}`]] });
    expect(answer.text()).toContain('Your name');
  });

  it('signs out, and says goodbye to who did', async () => {
    const clock = new TestClock();
    const ends: SessionEnd[] = [];
    const ada = visitor(makeSignIn(folder.file('sign-in.db'), (end) => ends.push(end), clock));
    await ada.post('/in', { form: { user: 'Ada' } });

    await ada.post('/out');

    expect((await ada.get('/')).text()).toContain('Your name');
    for (let second = 0; ends.length === 0 && second < 100; second += 1) {
      clock.advance(1);
      await nextTurn();
    }
    expect(ends.map(({ reason, values }) => [reason, values.get('user')])).toEqual([['invalidated', 'Ada']]);
  });
});

describe('the myghty example', () => {
  const shown = async (one: Client) => Object.fromEntries(rowsOf((await one.get('/')).text())) as Members;
  type Members = Readonly<Record<string, string>>;

  it('shows every member, and makes no session by that', async () => {
    const clock = new TestClock();
    const ada = visitor(makeMyghty(directory, secret, quiet, clock));

    const members = await shown(ada);

    const now = new Date(clock.now() * 1000).toISOString();
    expect(members).toEqual({
      created: 'true',
      wasInvalidated: 'false',
      createdAt: now,
      accessed: now,
      idle: '60 s',
      key: 'myghty_session_id',
      secret: 'true',
      sessionID: 'none yet',
      file: 'none yet',
    });
    expect([...ada.cookies]).toEqual([]);
  });

  it('keeps a value by save() until the browser is closed, and shows the beginning of the id only', async () => {
    const ada = visitor(makeMyghty(directory, secret, quiet));

    const answer = await ada.post('/', { form: { method: 'save', key1: '<foo>' } });

    const page = (await ada.get('/')).text();
    const id = ada.cookies.get('myghty_session_id') ?? '';
    expect(answer.headerAll('Set-Cookie')).toEqual([
      expect.stringMatching(/^myghty_session_id=[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect(page).toContain('<p class="card data">&lt;foo&gt;</p>');
    expect(await shown(ada)).toMatchObject({ created: 'false', sessionID: `${id.slice(0, 6)}…` });
    expect((await shown(ada))['file']).toMatch(/^[0-9a-f]{6}…json$/);
    for (const part of [id.slice(0, 7), id.slice(44), secret]) expect(page).not.toContain(part);
  });

  it('takes a value and leaves the session by delete(), and ends it by invalidate()', async () => {
    const ada = visitor(makeMyghty(directory, secret, quiet));
    await ada.post('/', { form: { method: 'save', key1: 'foo' } });
    const first = await shown(ada);

    await ada.post('/', { form: { method: 'delete' } });
    const emptied = (await ada.get('/')).text();
    const deleted = await shown(ada);
    await ada.post('/', { form: { method: 'invalidate' } });

    expect(emptied).toContain('<p class="card data"></p>');
    expect(deleted['sessionID']).toBe(first['sessionID']);
    expect(await shown(ada)).toMatchObject({ created: 'true', sessionID: 'none yet' });
    expect([...ada.cookies]).toEqual([]);
  });

  it('gives each of several clicks at once a ticket of its own under the lock', async () => {
    const ada = visitor(makeMyghty(directory, secret, quiet));
    await ada.post('/', { form: { method: 'save', key1: 'foo' } });

    await Promise.all(Array.from({ length: 5 }, () => ada.post('/', { form: { method: 'withLock' } })));

    expect((await ada.get('/')).text()).toContain('taken under the lock: 5<');
  });

  it('is over a minute and an interval after the last look, and says that it was invalidated', async () => {
    const clock = new TestClock();
    const ada = client(makeMyghty(directory, secret, quiet, clock), { clock });
    visitors.push(ada);
    await ada.post('/', { form: { method: 'save', key1: 'foo' } });

    clock.advance(59);
    const before = await shown(ada);
    clock.advance(66);

    expect(before).toMatchObject({ created: 'false', wasInvalidated: 'false' });
    expect(await shown(ada)).toMatchObject({ created: 'true', wasInvalidated: 'true' });
  });

  it('writes a line for what happens to a session, without ids and values', async () => {
    const lines: string[] = [];
    const ada = visitor(makeMyghty(directory, secret, { write: (line) => lines.push(line) }));

    await ada.post('/', { form: { method: 'save', key1: 'foo' } });

    const log = lines.join('');
    expect(log).toContain('session commit');
    for (const hidden of ['foo', ada.cookies.get('myghty_session_id')?.slice(0, 6) ?? 'foo', secret])
      expect(log).not.toContain(hidden);
  });
});

describe('the url-ids example', () => {
  const linkIn = (page: string) => /href="(\/\?sid=[^"]*)"/.exec(page)?.[1] ?? '';

  it('finds the session by its link alone, and sends no cookie', async () => {
    const application = makeUrlIds();
    const ada = visitor(application);

    const begun = await ada.follow(await ada.post('/begin'));
    const again = await visitor(application).get(linkIn(begun.text()));

    expect(begun.text()).toContain('<p class="card number">1</p>');
    expect(again.text()).toContain('<p class="card number">2</p>');
    expect([...ada.cookies]).toEqual([]);
    expect([again.header('Referrer-Policy'), again.header('Cache-Control')]).toEqual([
      'no-referrer',
      'no-store',
    ]);
  });

  it('keeps two sessions of one browser apart', async () => {
    const ada = visitor(makeUrlIds());

    const first = await ada.follow(await ada.post('/begin'));
    const second = await ada.follow(await ada.post('/begin'));

    expect(linkIn(second.text())).not.toBe(linkIn(first.text()));
    expect(second.text()).toContain('<p class="card number">1</p>');
  });

  it('makes none for who only looks, nor for an id that is not signed here', async () => {
    const ada = visitor(makeUrlIds());
    const link = linkIn((await ada.follow(await ada.post('/begin'))).text());

    const looked = await ada.get('/begin');
    const unsigned = await ada.get(link.slice(0, '/?sid='.length + 43));

    expect(looked.header('Location')).toBe('./');
    expect(unsigned.text()).toContain('is over, or was never made here');
  });

  it('ends by its button, and then for all who have the link', async () => {
    const ada = visitor(makeUrlIds());
    const link = linkIn((await ada.follow(await ada.post('/begin'))).text());

    await ada.get(link.replace('/?', '/end?'));
    const stays = await ada.get(link);
    await ada.post(link.replace('/?', '/end?'));

    expect(stays.text()).toContain('<p class="card number">2</p>');
    expect((await ada.get(link)).text()).toContain('is over, or was never made here');
  });
});

describe('the standalone example', () => {
  const countIn = (page: string) => Number(/class="card number">(\d+)/.exec(page)?.[1]);
  const cookieOf = ({ headers }: Response) => headers.getSetCookie().join().split(';')[0] ?? '';
  const request = (cookie = '', method = 'GET') =>
    new Request('http://localhost/', { method, headers: { cookie } });

  it('counts the visits of a visitor over HTTP, and forgets who asks for it', async () => {
    const server = await serveExample('11-standalone.ts', { cwd: folder.path });

    const first = await fetch(server.url);
    const headers = { cookie: cookieOf(first) };
    const second = await fetch(server.url, { headers });
    const stranger = await fetch(server.url);
    const left = await fetch(server.url, { method: 'POST', headers });
    const after = await fetch(server.url, { headers });

    const pages = await Promise.all([first, second, stranger, after].map((answer) => answer.text()));
    expect(pages.map(countIn)).toEqual([1, 2, 1, 1]);
    expect(first.headers.getSetCookie()).toEqual([expect.stringMatching(/^standaloneEnv=[\w-]{43}; /)]);
    expect(second.headers.getSetCookie()).toEqual([]);
    expect(await left.text()).toContain('Your session is over.');
    expect(left.headers.getSetCookie()).toEqual([expect.stringMatching(/^standaloneEnv=;.* Max-Age=0;/)]);
    expect(cookieOf(after)).not.toBe(headers.cookie);
    expect(await server.stop()).toBe(0);
  }, 30_000);

  it('does the same with requests of fetch', async () => {
    const { fetchHandler } = makeHandlers(directory);

    const first = await fetchHandler(request());
    const second = await fetchHandler(request(cookieOf(first)));
    const left = await fetchHandler(request(cookieOf(first), 'POST'));
    const after = await fetchHandler(request(cookieOf(first)));

    const pages = await Promise.all([first, second, after].map((answer) => answer.text()));
    expect(pages.map(countIn)).toEqual([1, 2, 1]);
    expect(first.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(first.headers.get('Vary')).toBe('Cookie');
    expect(left.headers.getSetCookie()).toEqual([expect.stringMatching(/^standaloneEnv=;.* Max-Age=0;/)]);
  });

  it('has one session for both kinds of requests', async () => {
    const server = await serveExample('11-standalone.ts', { cwd: folder.path });
    const { fetchHandler } = makeHandlers(folder.file('sessions'));

    const first = await fetch(server.url);
    const second = await fetchHandler(request(cookieOf(first)));

    expect(countIn(await second.text())).toBe(2);
    await first.text();
    await server.stop();
  }, 30_000);
});

describe('the secret of the examples', () => {
  it('is that of SESSION_SECRET, so that sessions outlive the process', async () => {
    const env = { SESSION_SECRET: secret };
    const form = { method: 'POST', body: new URLSearchParams({ method: 'save', key1: 'foo' }) };
    const before = await serveExample('09-myghty.ts', { cwd: folder.path, env });
    const saved = await fetch(before.url, { ...form, redirect: 'manual' });
    await before.stop();

    const after = await serveExample('09-myghty.ts', { cwd: folder.path, env });
    const [cookie = ''] = saved.headers.getSetCookie();
    const answer = await fetch(after.url, { headers: { cookie: cookie.split(';')[0] ?? '' } });

    expect(await answer.text()).toContain('<p class="card data">foo</p>');
    await after.stop();
  }, 30_000);

  it('may not be short, which ends the example with a sentence', async () => {
    const short = await runExample('09-myghty.ts', { cwd: folder.path, env: { SESSION_SECRET: 'short' } });

    expect(short.code).toBe(1);
    expect(short.errors).toContain('has fewer than 32 bytes');
  }, 30_000);
});

describe('the counter example', () => {
  it('counts in two applications of one session', async () => {
    const ada = visitor(makeCounter(file));

    for (const app of ['apples', 'pears', 'apples']) await ada.follow(await ada.post(`/${app}`));

    expect(await countsSeenBy(ada)).toEqual(['apples 2', 'pears 1']);
    expect([...ada.cookies]).toHaveLength(1);
  });

  it('empties one and leaves the other', async () => {
    const ada = visitor(makeCounter(file));
    for (const app of ['apples', 'pears']) await ada.post(`/${app}`);

    await ada.post('/apples', { form: { empty: 'True' } });

    expect(await countsSeenBy(ada)).toEqual(['apples 0', 'pears 1']);
  });

  it('changes nothing for who only looks', async () => {
    const ada = visitor(makeCounter(file));

    await ada.get('/apples');
    await ada.get('/apples?empty=True');

    expect([...ada.cookies]).toEqual([]);
    expect(await countsSeenBy(ada)).toEqual(['apples 0', 'pears 0']);
  });
});

describe('the form example', () => {
  it('shows the fields and the file that arrived', async () => {
    const upload = { filename: 'notes.txt', type: 'text/plain', content: 'First line' };

    const answer = await visitor(form).post('/?from=link', {
      multipart: { name: 'Ada', message: ['one', 'two'], file: upload },
    });

    expect(rowsOf(answer.text())).toEqual([
      ['from', 'link'],
      ['name', 'Ada'],
      ['message', 'one'],
      ['message', 'two'],
      ['file', 'notes.txt, text/plain, 10 bytes\nFirst line'],
    ]);
  });

  it('shows the size of what is no text, and that no file was chosen', async () => {
    const file = [
      { filename: 'x.png', type: 'image/png', content: new Uint8Array(2048) },
      { filename: '', content: '' },
    ];

    const answer = await visitor(form).post('/', { multipart: { file } });

    expect(rowsOf(answer.text())).toEqual([
      ['file', 'x.png, image/png, 2048 bytes\n'],
      ['file', 'no file'],
    ]);
  });

  it('shows markup as text', async () => {
    const answer = await visitor(form).post('/', { form: { '<b>': '"<script>' } });

    expect(rowsOf(answer.text())).toEqual([['&lt;b&gt;', '&quot;&lt;script&gt;']]);
  });

  it('refuses a file over 1 MiB', async () => {
    const upload = { filename: 'big', content: new Uint8Array(1024 * 1024 + 1) };

    const answer = await visitor(form).post('/', { multipart: { file: upload } });

    expect(answer.code).toBe(413);
  });
});

describe('the error example', () => {
  it('shows the error, its cause and the line of source that threw it', async () => {
    const answer = await visitor(failing).get('/', { headers: { Accept: 'text/html' } });

    expect(answer.code).toBe(500);
    expect(answer.text()).toContain('The recipe cannot be read');
    expect(answer.text()).toContain('SyntaxError');
    expect(answer.text()).toContain('return JSON.parse(source);');
  });
});

function visitor(application: Application): Client {
  const made = client(application);
  visitors.push(made);
  return made;
}

/** Goes wherever a page links to. More than once, since a page may have other links the next time. */
async function crawl(ada: Client): Promise<Record<string, number>> {
  const found = new Map([['/', 0]]);
  for (let round = 1; round <= 3; round += 1) {
    for (const address of found.keys()) {
      const answer = await ada.get(address, { headers: { Accept: 'text/html' } });
      found.set(address, answer.code);
      for (const link of linksIn(answer.text(), address)) if (!found.has(link)) found.set(link, 0);
    }
  }
  return Object.fromEntries(found);
}

function linksIn(page: string, address: string): string[] {
  const links = Array.from(
    page.matchAll(/<(?:a|form)\b[^>]*? (?:href|action)="([^"]*)"/g),
    ([, url = '']) => url,
  );
  return links.map((link) => {
    const { pathname, search } = new URL(link, `http://localhost${address}`);
    return pathname + search;
  });
}

function idIn(page: string): string | undefined {
  return /class="card data">(.{43})</.exec(page)?.[1];
}

async function countsSeenBy(ada: Client): Promise<string[]> {
  const page = (await ada.get('/')).text();
  return Array.from(page.matchAll(/<h2>(\w+)<\/h2>\s*<p class="number">(\d+)/g), (found) =>
    found.slice(1).join(' '),
  );
}

function rowsOf(page: string): string[][] {
  return Array.from(page.matchAll(/<th>(.*?)<\/th>\s*<td>([^]*?)<\/td>/g), (found) => found.slice(1));
}
