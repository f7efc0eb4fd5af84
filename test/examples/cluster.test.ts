import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { runExample, serveExample, type Serving } from '../support/examples.js';
import { type HttpResponse, request } from '../support/http.js';
import { temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder();
let server: Serving;

beforeAll(async () => {
  server = await serveExample('12-cluster.ts', { cwd: folder.path, env: { WORKERS: '2' } });
}, 60_000);

afterAll(async () => {
  await server.stop();
  folder.remove();
});

describe('the cluster example', () => {
  it('counts exactly in one session, whichever of its two processes answers', async () => {
    const cookie = await newVisitor();
    await pidsThatAnswer(2);

    const answers = await Promise.all(Array.from({ length: 200 }, () => click(cookie)));

    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill('303 See Other'));
    const { sum, counts } = countsOn(await visit(cookie));
    expect(sum).toBe(201);
    expect(counts.size).toBe(2);
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(201);
  }, 30_000);

  it('goes on when one is killed, with another in its place, and has every click that was answered', async () => {
    const cookie = await newVisitor();
    const [victim = 0, other = 0] = await pidsThatAnswer(2);

    const clicks = Array.from({ length: 200 }, () => click(cookie).catch(() => undefined));
    await clicks[50];
    process.kill(victim, 'SIGKILL');
    const answered = (await Promise.all(clicks)).filter((answer) => answer?.status === '303 See Other');

    const { sum } = countsOn(await visit(cookie));
    expect(sum).toBeGreaterThanOrEqual(1 + answered.length);
    expect(sum).toBeLessThanOrEqual(201);
    const now = await pidsThatAnswer(2);
    expect(now).toContain(other);
    expect(now).not.toContain(victim);
  }, 30_000);

  it('ends with code 0 when it is told to, its processes before it and the database closed', async () => {
    const pids = await pidsThatAnswer(2);

    const code = await server.stop();

    expect(code).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(takeAlone(folder.file('wsgi-session.db'))).toBe('delete');
  }, 30_000);

  it('ends with code 1 when its processes cannot serve', async () => {
    const { code, output, errors } = await runExample('12-cluster.ts', {
      cwd: folder.path,
      env: { WORKERS: '2', PORT: 'none' },
    });

    expect(code).toBe(1);
    expect(output).toMatch(/^Process \d+ ended: code 1\.$/m);
    expect(errors).toContain('BAD_OPTION');
  }, 30_000);
});

/**
 * Throws while somebody has the database open. Its log may still be there: two that close it at once both leave that to the
 * other.
 */
function takeAlone(file: string): unknown {
  const database = new BetterSqlite3(file, { fileMustExist: true });
  try {
    return database.pragma('journal_mode = DELETE', { simple: true });
  } finally {
    database.close();
  }
}

/** The cookie of a session with one click. */
async function newVisitor(): Promise<string> {
  return (await click('')).header('Set-Cookie')?.split(';')[0] ?? '';
}

function click(cookie: string): Promise<HttpResponse> {
  return request(server.url, { method: 'POST', headers: { cookie } });
}

/** On a connection of its own, as all here: which process gets it is the system's choice. */
function visit(cookie = ''): Promise<HttpResponse> {
  return request(server.url, { headers: { cookie } });
}

/** Visits, several at a time so that no single one takes them all, until so many of those that are running have answered. */
async function pidsThatAnswer(many: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < many) {
    const pages = await Promise.all(Array.from({ length: 8 }, () => visit()));
    for (const { body } of pages) {
      const pid = Number(/from process <code>(\d+)/.exec(body)?.[1]);
      if (isRunning(pid)) found.add(pid);
    }
  }
  return [...found];
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function countsOn({ body }: HttpResponse): { sum: number; counts: Map<string, number> } {
  const rows = Array.from(
    body.matchAll(/<th>process (\d+)<\/th>\s*<td>(\d+)/g),
    ([, pid = '', count]) => [pid, Number(count)] as const,
  );
  return { sum: Number(/class="card number">(\d+)/.exec(body)?.[1]), counts: new Map(rows) };
}
