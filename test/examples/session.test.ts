import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, TestClock } from 'tsgi/testing';
import { makeApplication } from '../../examples/02-session.js';
import { serveExample, type Serving } from '../support/examples.js';
import { temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder();
let server: Serving;

beforeAll(async () => {
  server = await startServer();
}, 60_000);

afterAll(async () => {
  await server.stop();
  folder.remove();
});

describe('the session example, over HTTP', () => {
  it('starts a session for a visitor without a cookie, with exactly one Set-Cookie', async () => {
    const first = await visit();

    expect(first.status).toBe(200);
    expect(first.title).toBe('New Session Started');
    expect(first.page).toContain('TypeScript Rules!');
    expect(first.setCookies).toHaveLength(1);
    expect(first.setCookie).toMatchObject({ 'Max-Age': '10', Path: '/', HttpOnly: '', SameSite: 'Lax' });
  });

  it('welcomes the visitor back with the five lines of data', async () => {
    const { cookie } = await visit();

    const second = await visit(cookie);

    expect(second.title).toBe('Welcome back');
    expect(second.data).toEqual({
      SessionID: cookie.split('=')[1],
      'Store Keys': 'Variable1',
      'Store App': 'testApp',
      Variable1: 'TypeScript Rules!',
      ExpireTime: expect.stringMatching(/^\d{10}(\.\d+)?$/),
    });
  });

  it('ends exactly 5 s later with every visit, and so does the cookie', async () => {
    const { cookie } = await visit();
    const before = await visit(cookie);
    const from = Date.now() / 1000;

    const after = await visit(cookie);

    const to = Date.now() / 1000;
    expect(expireTimeOf(after) - expireTimeOf(before)).toBe(5);
    expect(after.setCookies).toHaveLength(1);
    expect(after.cookie).toBe(cookie);
    expect(Number(after.setCookie['Max-Age'])).toBeGreaterThanOrEqual(Math.ceil(expireTimeOf(after) - to));
    expect(Number(after.setCookie['Max-Age'])).toBeLessThanOrEqual(Math.ceil(expireTimeOf(after) - from));
  });

  it('offers to visit again and to destroy, and to start again afterwards', async () => {
    const first = await visit();
    const second = await visit(first.cookie);
    const third = await visit(first.cookie, '?destroy=True');

    expect(first.links).toEqual(['/', '/session']);
    expect(second.links).toEqual(['/', '/session', '/session?destroy=True']);
    expect(third.links).toEqual(['/', '/session']);
  });

  it('destroys the session, and clears the cookie with the attributes it was set with', async () => {
    const first = await visit();

    const destroyed = await visit(first.cookie, '?destroy=True');

    expect(destroyed.title).toBe('Session Destroyed');
    expect(destroyed.setCookies).toHaveLength(1);
    expect(destroyed.cookie).toBe('testEnv=');
    expect(destroyed.setCookie).toEqual({
      ...first.setCookie,
      testEnv: '',
      'Max-Age': '0',
      Expires: new Date(0).toUTCString(),
    });
  });

  it('gives whoever comes with the cookie of a destroyed session a new one with another id', async () => {
    const { cookie } = await visit();
    await visit(cookie, '?destroy=True');

    const again = await visit(cookie);

    expect(again.title).toBe('New Session Started');
    expect(again.setCookies).toHaveLength(1);
    expect(again.cookie).toMatch(/^testEnv=.{43}$/);
    expect(again.cookie).not.toBe(cookie);
  });

  it('still has the session after kill -9 and a new start', async () => {
    const { cookie } = await visit();
    for (let visits = 0; visits < 10; visits += 1) await visit(cookie); // it lives for a minute then
    const before = await visit(cookie);

    await server.stop('SIGKILL');
    server = await startServer();
    const after = await visit(cookie);

    expect(after.title).toBe('Welcome back');
    expect(after.data['SessionID']).toBe(before.data['SessionID']);
    expect(expireTimeOf(after) - expireTimeOf(before)).toBe(5);
  }, 60_000);
});

describe('the session example, by itself', () => {
  it('leads to a page without ?destroy=True after it was destroyed', async () => {
    const visitor = client(makeApplication(folder.file('alone.db')));
    await visitor.get('/');

    const destroyed = await visitor.get('/?destroy=True');

    await visitor.close();
    expect(destroyed.text()).toContain('<a href="/">Start Again</a>');
  });
});

describe('the session example, as time passes', () => {
  it('is over 10 s after the first visit, and 5 s later for each visit since', async () => {
    const clock = new TestClock();
    const visitor = client(makeApplication(folder.file('clock.db'), clock), { clock });
    const titles = [];

    for (const seconds of [0, 9.9, 5, 5, 5.1]) {
      clock.advance(seconds);
      titles.push(titleOf((await visitor.get('/')).text()));
    }

    await visitor.close();
    const back = Array<string>(3).fill('Welcome back');
    expect(titles).toEqual(['New Session Started', ...back, 'New Session Started']);
  });

  it('starts a new session, with another id, for a cookie that is past its time', async () => {
    const clock = new TestClock();
    const visitor = client(makeApplication(folder.file('clock.db'), clock), { clock });
    await visitor.get('/');
    const id = visitor.cookies.get('testEnv') ?? '';

    clock.advance(10);
    const late = await visitor.get('/', { headers: { Cookie: `testEnv=${id}` } });

    await visitor.close();
    expect(titleOf(late.text())).toBe('New Session Started');
    expect(late.headerAll('Set-Cookie')).toHaveLength(1);
    expect(visitor.cookies.get('testEnv')).toMatch(/^.{43}$/);
    expect(visitor.cookies.get('testEnv')).not.toBe(id);
  });
});

function startServer(): Promise<Serving> {
  const args = ['--port', '0', '--database', folder.file('sessions.db')];
  return serveExample('server.ts', { args, cwd: folder.path });
}

interface Visited {
  status: number;
  page: string;
  title: string;
  /** The addresses of the page's links, in order. */
  links: string[];
  /** The lines `name: value`. */
  data: Record<string, string>;
  setCookies: string[];
  /** Name and value of the first, to be sent back. */
  cookie: string;
  /** Its parts by name. */
  setCookie: Record<string, string>;
}

async function visit(cookie?: string, query = ''): Promise<Visited> {
  const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
  const response = await fetch(`${server.url}/session${query}`, { headers });
  const page = await response.text();
  const setCookies = response.headers.getSetCookie();
  return {
    status: response.status,
    page,
    title: titleOf(page),
    links: Array.from(page.matchAll(/<a href="([^"]*)"/g), ([, url = '']) => url),
    data: pairsIn(page, /<p>([\w ]+): (.*?)<\/p>/g),
    setCookies,
    cookie: setCookies[0]?.split(';')[0] ?? '',
    setCookie: pairsIn(setCookies[0] ?? '', /([\w-]+)=?([^;]*)(?:; |$)/g),
  };
}

function pairsIn(text: string, pair: RegExp): Record<string, string> {
  return Object.fromEntries(Array.from(text.matchAll(pair), ([, name = '', value = '']) => [name, value]));
}

function titleOf(page: string): string {
  return /<h1>(.*?)<\/h1>/.exec(page)?.[1] ?? '';
}

function expireTimeOf({ data }: Visited): number {
  return Number(data['ExpireTime']);
}
