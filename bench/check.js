// @ts-check
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Browser } from './browser.js';
import { withServer } from './process.js';

/**
 * Finds out through HTTP whether every server does the work that is measured, and whether the first two, ours and the
 * hand-written one, send the same headers.
 * @param {readonly import('./process.js').Server[]} programs
 */
export async function check(programs) {
  const heads = [];
  for (const program of programs) {
    heads.push(await withServer(program, (server) => checkServer(program.name, server)));
  }
  assert.deepEqual(heads[0], heads[1], 'ours and the hand-written server send different headers');
}

/** @typedef {import('./browser.js').Answer} Answer */
/** @typedef {{ name: string, cookie: string }} Visitor */

/**
 * @param {string} name
 * @param {import('./process.js').ServerProcess} server
 * @returns {Promise<string[][]>} The head of one reply to each kind of request.
 */
async function checkServer(name, server) {
  const browser = new Browser(server.url);
  const visitors = await browser.visitors(VISITORS);
  const [first] = /** @type {[Visitor]} */ (visitors);

  const hello = await checkHello(browser, name);
  await checkReads(browser, name, visitors);
  await checkWrites(browser, name, first);
  const heads = [hello, await browser.get('/new'), await browser.get('/read', first.cookie)].map(maskedHead);
  browser.close();

  await checkKept(name, server, first);
  await checkHidden(name, server, visitors);
  return heads;
}

const VISITORS = 200;
const WRITES = 400;

/**
 * @param {Browser} browser
 * @param {string} name
 */
async function checkHello(browser, name) {
  const hello = await browser.get('/hello');
  assert.equal(hello.body, 'Hello World', `${name}: hello`);
  assert.equal(hello.setCookie, undefined, `${name} sets a cookie without a session`);
  return hello;
}

/**
 * @param {Browser} browser
 * @param {string} name
 * @param {readonly Visitor[]} visitors
 */
async function checkReads(browser, name, visitors) {
  assert.equal(
    new Set(visitors.map(({ cookie }) => cookie)).size,
    visitors.length,
    `${name}: ids are not unique`,
  );
  for (const visitor of visitors) {
    const { body, setCookie } = await browser.get('/read', visitor.cookie);
    assert.equal(body, visitor.name, `${name}: a read answers another session's value`);
    assert.equal(setCookie, undefined, `${name} sets a cookie on a read`);
  }
}

/**
 * @param {Browser} browser
 * @param {string} name
 * @param {Visitor} visitor
 */
async function checkWrites(browser, name, { cookie }) {
  await Promise.all(Array.from({ length: WRITES }, () => browser.get('/write', cookie)));
  const { body } = await browser.get('/write', cookie);
  assert.equal(body, String(WRITES + 1), `${name}: of many writes at once not every one counted`);
}

/**
 * @param {string} name
 * @param {import('./process.js').ServerProcess} server
 * @param {Visitor} visitor
 */
async function checkKept(name, server, visitor) {
  await server.kill();
  await server.start();
  const browser = new Browser(server.url);
  const count = await browser.get('/write', visitor.cookie);
  const read = await browser.get('/read', visitor.cookie);
  browser.close();
  assert.equal(count.body, String(WRITES + 2), `${name}: what was written is gone after a crash`);
  assert.equal(read.body, visitor.name, `${name}: a session is gone after a crash`);
}

/**
 * @param {string} name
 * @param {import('./process.js').ServerProcess} server
 * @param {readonly Visitor[]} visitors
 */
async function checkHidden(name, { database }, visitors) {
  const stored = (await Promise.all([readFile(database), readFile(`${database}-wal`)])).join('\n');
  for (const visitor of visitors) {
    assert.ok(stored.includes(visitor.name), `${name}: a value is not in the database file`);
    const secrets = visitor.cookie.match(/[\w-]{24,}/g) ?? [];
    assert.ok(secrets.length > 0, `${name}: there is no id in its cookie`);
    assert.ok(!secrets.some((secret) => stored.includes(secret)), `${name}: an id is in the database file`);
  }
}

/**
 * What is different in every reply is masked: ids, dates, and lengths that follow the body.
 * @param {Answer} answer
 */
function maskedHead({ head }) {
  return head.map((text) =>
    text
      .replace(/[\w-]{43}/, 'id')
      .replace(/\w{3}, \d\d .*? GMT/, 'date')
      .replace(/^\d+$/, 'n'),
  );
}
