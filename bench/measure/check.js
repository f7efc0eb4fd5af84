// @ts-check
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Browser } from '../load/browser.js';
import { withServer } from './process.js';
import { OURS_AND_LIMITS, PROGRAMS } from '../plan/programs.js';

/** @typedef {import('../load/browser.js').Answer} Answer */
/** @typedef {import('./process.js').ServerProcess} ServerProcess */
/** @typedef {import('../plan/programs.js').Name} Name */
/** @typedef {import('../load/browser.js').Visitor} Visitor */

/**
 * Finds out through HTTP whether every server does the work that is measured, and whether ours and the limits send the
 * same headers and keep no id.
 * @param {Iterable<Name>} names
 */
export async function check(names) {
  const heads = [];
  for (const name of names) {
    if (name === 'bare') continue;
    const head = await withServer(PROGRAMS[name], (server) => checkServer(name, server)).catch(failed(name));
    if (OURS_AND_LIMITS.includes(name)) heads.push(head);
  }
  for (const head of heads) assert.deepEqual(head, heads[0], 'ours and the limits send different headers');
}

/**
 * @param {Name} name
 * @returns {(cause: unknown) => never}
 */
function failed(name) {
  return (cause) => {
    throw new Error(`${name} does not do its work: ${String(cause)}`, { cause });
  };
}

/**
 * @param {Name} name
 * @param {ServerProcess} server
 * @returns {Promise<string[][]>} The head of one reply to each kind of request.
 */
async function checkServer(name, server) {
  const browser = new Browser(server.url);
  const visitors = await browser.visitors(VISITORS);
  const [first, second] = /** @type {[Visitor, Visitor]} */ (visitors);

  await checkHello(browser);
  await checkReads(server, browser, visitors, name === 'hono');
  await checkTouch(server, browser, second);
  await checkSeed(server, browser, second);
  await checkWrites(browser, first);
  const heads = await headsOf(browser, first);
  browser.close();

  await checkKept(server, first);
  checkStored(server, visitors);
  if (OURS_AND_LIMITS.includes(name)) await checkHidden(server, visitors);
  return heads;
}

const VISITORS = 200;
const WRITES = 400;

/** @param {Browser} browser */
async function checkHello(browser) {
  const hello = await browser.get('/hello');
  assert.equal(hello.body, 'Hello World');
  assert.deepEqual(hello.setCookie, [], 'it sets a cookie without a session');
}

/**
 * @param {ServerProcess} server
 * @param {Browser} browser
 * @param {readonly Visitor[]} visitors
 * @param {boolean} insists Its library sends the cookie with every reply, whatever its options.
 */
async function checkReads(server, browser, visitors, insists) {
  const different = new Set(visitors.map(({ cookie }) => cookie)).size;
  assert.equal(different, visitors.length, 'ids are not unique');
  const before = rowsOf(server);
  const answers = await Promise.all(visitors.map(({ cookie }) => browser.get('/read', cookie)));
  for (const [i, { body, setCookie }] of answers.entries()) {
    assert.equal(body, visitors[i]?.name, "a read answers another session's value");
    if (!insists) assert.deepEqual(setCookie, [], 'it sets a cookie on a read');
  }
  assert.equal(rowsOf(server), before, 'a read writes');
}

/**
 * Moments may be kept in whole seconds, so that not every touch moves one.
 * @param {ServerProcess} server
 * @param {Browser} browser
 * @param {Visitor} visitor
 */
async function checkTouch(server, browser, { name, cookie }) {
  const before = rowsOf(server);
  for (let tries = 0; rowsOf(server) === before; tries += 1) {
    assert.ok(tries < 25, 'a touch moves nothing in the database');
    const { body } = await browser.get('/touch', cookie);
    assert.equal(body, name, "a touch answers another session's value");
    await setTimeout(100);
  }
}

/**
 * @param {ServerProcess} server
 * @param {Browser} browser
 * @param {Visitor} visitor
 */
async function checkSeed(server, browser, { name, cookie }) {
  const made = endOf(await browser.get('/new'));
  const before = rowsOf(server);
  const answer = await browser.get('/seed', cookie);
  const moved = endOf(answer) - made;
  assert.equal(answer.body, `${name}: name`, 'the application of the seeds answers something else');
  assert.ok(
    moved > 2 && moved < 10,
    `the application of the seeds moves the end of the cookie by ${moved} s`,
  );
  assert.notEqual(rowsOf(server), before, 'the application of the seeds moves nothing in the database');
}

/**
 * When a new cookie ends, in seconds.
 * @param {Answer} answer
 */
function endOf({ setCookie }) {
  const expires = /expires=([^;]+)/i.exec(setCookie[0] ?? '')?.[1];
  const seconds = /max-age=(\d+)/i.exec(setCookie[0] ?? '')?.[1];
  return expires === undefined ? Date.now() / 1000 + Number(seconds) : Date.parse(expires) / 1000;
}

/**
 * @param {Browser} browser
 * @param {Visitor} visitor
 */
async function checkWrites(browser, { cookie }) {
  await Promise.all(Array.from({ length: WRITES }, () => browser.get('/write', cookie)));
  const { body } = await browser.get('/write', cookie);
  assert.equal(body, String(WRITES + 1), 'of many writes at once not every one counted');
}

/**
 * @param {Browser} browser
 * @param {Visitor} visitor
 */
async function headsOf(browser, { cookie }) {
  const answers = [await browser.get('/hello'), await browser.get('/new')];
  for (const path of ['/read', '/touch', '/seed', '/write']) answers.push(await browser.get(path, cookie));
  return answers.map(maskedHead);
}

/**
 * What is different in every reply is masked: ids, dates, and lengths.
 * @param {Answer} answer
 */
function maskedHead({ head }) {
  return head.map((text) =>
    text
      .replace(/[\w-]{43}/, 'id')
      .replace(/\w{3}, \d\d .*? GMT/, 'date')
      .replace(/Max-Age=\d+/, 'Max-Age=n')
      .replace(/^\d+$/, 'n'),
  );
}

/**
 * @param {ServerProcess} server
 * @param {Visitor} visitor
 */
async function checkKept(server, { name, cookie }) {
  await server.kill();
  await server.start();
  const browser = new Browser(server.url);
  const count = await browser.get('/write', cookie);
  const read = await browser.get('/read', cookie);
  browser.close();
  assert.equal(count.body, String(WRITES + 3), 'what was written is gone after a crash');
  assert.equal(read.body, name, 'a session is gone after a crash');
}

/**
 * @param {ServerProcess} server
 * @param {readonly Visitor[]} visitors
 */
function checkStored(server, visitors) {
  const rows = rowsOf(server);
  for (const { name } of visitors) assert.ok(rows.includes(name), 'a value is not in the database');
}

/**
 * @param {ServerProcess} server
 * @param {readonly Visitor[]} visitors
 */
async function checkHidden({ database }, visitors) {
  const bytes = (await Promise.all([readFile(database), readFile(`${database}-wal`)])).join('\n');
  for (const { cookie } of visitors) {
    const [id] = cookie.match(/[\w-]{43}/) ?? [];
    assert.ok(id !== undefined, 'there is no id in its cookie');
    assert.ok(!bytes.includes(id), 'an id is in the database file');
  }
}

/**
 * All that the database holds, as text.
 * @param {ServerProcess} server
 */
function rowsOf({ database: file }) {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
    return JSON.stringify(tables.map((name) => database.prepare(`SELECT * FROM "${String(name)}"`).all()));
  } finally {
    database.close();
  }
}
