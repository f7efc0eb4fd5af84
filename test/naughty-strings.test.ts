import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Application, cgi, database, environment, error, html, json, page, session, text } from 'tsgi';
import { type Client, client } from 'tsgi/testing';
import { temporaryFolder } from './support/processes.js';

/** Strings that break programs, from a list of another project that lies beside this one where it is tested. */
const CORPUS = '../shared/corpora/naughty-strings.json';
const OWN = [
  '',
  '\0',
  "'; DROP TABLE testSessions; --",
  '<script>alert(1)</script>',
  '%E0%A4%A',
  '__proto__',
  '👩‍👩‍👧',
];

function strings(): string[] {
  if (existsSync(CORPUS)) return [...OWN, ...(JSON.parse(readFileSync(CORPUS, 'utf8')) as string[])];
  process.stdout.write(
    `Skipped: the strings of ${CORPUS}, which is not here. Our own ${OWN.length} are tested.\n`,
  );
  return OWN;
}

const folder = temporaryFolder();

/** All five layers; each path puts what came from outside somewhere else. */
const application: Application = error(
  database(
    environment(
      session(
        cgi((environ) => {
          const form = environ['web.cgi'];
          const field = (name: string) => form.get(name)?.value ?? '';
          const store = environ['web.session.store'];
          switch (environ.PATH_INFO) {
            case '/keep':
              store.set(field('key'), field('value'));
              return text('kept');
            case '/kept':
              return json(store.get(field('key')) ?? null);
            case '/keys':
              return json(store.keys());
            case '/name':
              return json(form.getAll(field('which')).map(({ value }) => value));
            case '/page':
              return page(html`<p title="${field('value')}">${field('value')}</p>`);
            case '/app':
              environ['web.session.manager'].store(field('name')).set('a', 1);
              return text('an application');
            case '/throw':
              throw new Error(field('value'));
            default:
              return text(String(environ['web.session.manager'].created));
          }
        }),
        { app: 'test', setupEnvironment: true, sweep: false },
      ),
      { name: 'test' },
    ),
    { database: folder.file('naughty.db'), autoCreate: true },
  ),
  { debug: true, format: 'html' },
);

describe('the strings that break programs', () => {
  const all = strings();
  let visitor: Client;

  beforeAll(() => {
    visitor = client(application);
  });

  afterAll(async () => {
    await visitor.close();
    folder.remove();
  });

  it('come back exactly as session values, under themselves as keys', async () => {
    for (const naughty of all) {
      const kept = await visitor.post('/keep', { form: { key: naughty, value: naughty } });
      const found = await visitor.post('/kept', { form: { key: naughty } });

      expect([kept.code, found.json()]).toEqual([200, naughty]);
    }
    expect(new Set((await visitor.get('/keys')).json() as string[])).toEqual(new Set(all));
  }, 60_000);

  it('come back exactly as field names', async () => {
    for (const naughty of all.filter((text) => Buffer.byteLength(text) <= 256)) {
      const answer = await visitor.post('/name', { form: { which: naughty, [naughty]: 'found' } });

      expect([naughty, (answer.json() as string[]).includes('found') || naughty === 'which']).toEqual([
        naughty,
        true,
      ]);
    }
  });

  it('are no session as a cookie, and break nothing', async () => {
    for (const naughty of all) {
      const stranger = client(application);
      const answer = await stranger.get('/', { environ: { HTTP_COOKIE: `test=${naughty}` } });
      await stranger.close();

      expect([answer.code, answer.text(), answer.header('Set-Cookie')]).toEqual([200, 'true', undefined]);
    }
  });

  it('name an application when they may, and are refused with a sentence when not', async () => {
    for (const naughty of all) {
      const answer = await visitor.post('/app', { form: { name: naughty } });

      if (/^[A-Za-z0-9._-]{1,255}$/.test(naughty)) expect(answer.text()).toBe('an application');
      else expect(answer.text()).toContain('cannot name an application. A name has 1 to 255');
    }
  });

  it('name an environment when they may, and are refused with a sentence when not', () => {
    for (const naughty of all) {
      const make = () => environment(() => text(''), { name: naughty, storage: 'memory' });

      if (/^[A-Za-z]\w{0,63}$/.test(naughty)) expect(make).not.toThrow();
      else expect(make).toThrow('cannot name an environment. A name has 1 to 64');
    }
  });

  it('add no element to a page, nor to the page of an error', async () => {
    const tags = (markup: string) => markup.match(/<\/?[a-z][^\s>]*/gi) ?? [];
    const harmless = tags((await visitor.post('/throw', { form: { value: 'harmless' } })).text());
    const longest = tags((await visitor.post('/throw', { form: { value: 'x\ny' } })).text());

    for (const naughty of all) {
      const shown = await visitor.post('/page', { form: { value: naughty } });
      const failed = await visitor.post('/throw', { form: { value: naughty } });

      expect(tags(shown.text())).toEqual(['<p', '</p']);
      expect(failed.code).toBe(500);
      expect([harmless, longest].map(String)).toContain(String(tags(failed.text())));
    }
  });
});
