import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { serveExample, type Serving } from '../support/examples.js';
import { temporaryFolder } from '../support/processes.js';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const missing = !existsSync(executablePath) && process.env['CI'] !== 'true';
if (missing) {
  console.warn(`SKIPPED: there is no browser at ${executablePath}. CHROMIUM names one that is elsewhere.`);
}

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

(missing ? describe.skip : describe)('the examples in a browser', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let server: Serving;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ARGUMENTS });
    folder = temporaryFolder();
    const args = ['--database', folder.file('sessions.db')];
    server = await serveExample('server.ts', { args, cwd: folder.path });
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    await server.stop();
    folder.remove();
  });

  beforeEach(async () => {
    const context = await browser.newContext({ baseURL: server.url, viewport: { width: 390, height: 780 } });
    page = await context.newPage();
    complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });

  afterEach(async () => {
    await page.context().close();
    expect(complaints).toEqual([]);
  });

  it('visits, visits again, destroys and starts again by clicking the links', async () => {
    await page.goto('/');
    await follow(page.locator('text="/session"'));
    const titles = [await heading()];
    const first = await cookie('testEnv');

    await follow(page.locator('text="Visit Again"'));
    titles.push(await heading());
    const before = await expireTime();
    await follow(page.locator('text="Visit Again"'));
    titles.push(await heading());
    const after = await expireTime();
    const kept = await cookie('testEnv');
    await follow(page.locator('text="Destroy Session"'));
    titles.push(await heading());
    const cleared = await cookie('testEnv');
    await follow(page.locator('text="Start Again"'));
    titles.push(await heading());
    const second = await cookie('testEnv');

    expect(titles).toEqual([
      'New Session Started',
      'Welcome back',
      'Welcome back',
      'Session Destroyed',
      'New Session Started',
    ]);
    expect(after - before).toBe(5);
    expect(kept).toBe(first);
    expect(cleared).toBeUndefined();
    expect(second).toMatch(/^.{43}$/);
    expect(second).not.toBe(first);
  });

  it('keeps the same session in a tab that was opened later, and none in another browser', async () => {
    await page.goto('/session');

    const tab = await page.context().newPage();
    await tab.goto('/session');
    const elsewhere = await browser.newPage({ baseURL: server.url });
    await elsewhere.goto('/session');

    expect(await tab.textContent('h1')).toBe('Welcome back');
    expect(await elsewhere.textContent('h1')).toBe('New Session Started');
    await elsewhere.context().close();
  });

  it('ends a session on its own page and gets a new one, after the Twisted example', async () => {
    await page.goto('/twisted');
    const first = await page.textContent('.data');

    await follow(page.locator('text="Reload"'));
    const reloaded = await page.textContent('.data');
    await follow(page.locator('text="Expire it"'));
    const expired = await heading();
    await follow(page.locator('text="Get a new one"'));
    const second = await page.textContent('.data');

    expect(reloaded).toBe(first);
    expect(expired).toBe('Expired');
    expect(second).not.toBe(first);
  });

  it('counts apples and pears by their buttons, and empties the apples alone', async () => {
    const apples = page.locator('form', { hasText: 'apples' });
    const pears = page.locator('form', { hasText: 'pears' });
    await page.goto('/counter');

    for (const basket of [apples, apples, pears]) await follow(basket.getByText('Add one'));
    const counted = await page.locator('.number').allTextContents();
    await follow(apples.getByText('Empty'));

    expect(counted).toEqual(['2', '1']);
    expect(await page.locator('.number').allTextContents()).toEqual(['0', '1']);
  });

  it('sends a form with a file, and shows what arrived', async () => {
    await page.goto('/form');

    await page.getByLabel('Your name').fill('Ada <Lovelace>');
    await page.getByLabel('A message').fill('Two\nlines');
    const buffer = Buffer.from('Grüße aus dem Browser');
    await page.getByLabel('A file').setInputFiles({ name: 'grüße.txt', mimeType: 'text/plain', buffer });
    await follow(page.locator('text="Send"'));

    expect(await heading()).toBe('This arrived');
    expect(await page.locator('td').allTextContents()).toEqual([
      'Ada <Lovelace>',
      'Two\nlines',
      'grüße.txt, text/plain, 23 bytes\nGrüße aus dem Browser',
    ]);
  });

  it('fits the width of a phone on every page, also with a long word', async () => {
    const word = 'x'.repeat(200);

    for (const path of [
      '/',
      '/simple',
      '/session',
      '/session',
      '/twisted',
      '/counter',
      '/endings/logme',
      '/sign-in',
      '/myghty',
      '/url-ids',
      `/form?${word}=${word}`,
    ]) {
      await page.goto(path);
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 390]);
    }
  });

  const heading = () => page.textContent('h1');

  /** Clicks what leads to another page, and is there when that one is. */
  async function follow(link: Locator): Promise<void> {
    const loaded = page.waitForEvent('load');
    await link.click();
    await loaded;
  }

  async function expireTime(): Promise<number> {
    return Number((await page.textContent('text=ExpireTime:'))?.split(': ')[1]);
  }

  async function cookie(name: string): Promise<string | undefined> {
    return (await page.context().cookies()).find((one) => one.name === name)?.value;
  }
});
