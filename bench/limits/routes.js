// @ts-check
import { Buffer } from 'node:buffer';
import { keyOf, LIFETIME } from '../servers/table.js';
import { cookieOf, idIn, newId } from './cookie.js';
import { insert, select, selectWithEnd, setAccessed, setData, setExpires } from './database.js';

// The work of both limits, with nothing between node:http and better-sqlite3. Replies have the headers of `tsgi.js`.

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {{ name?: string, count?: number }} Values */
/** @typedef {{ status: number, head: string[], body: string }} Reply The head has names and values in turn. */

/**
 * @typedef {object} Route
 * @property {'nothing' | 'reads' | 'writes'} use What it does in the database.
 * @property {(request: Request) => Reply} run
 */

/** @param {Request} request */
export function routeOf({ url = '' }) {
  return ROUTES.get(url) ?? NOT_FOUND;
}

/**
 * @param {Response} response
 * @param {Reply} reply
 */
export function send(response, { status, head, body }) {
  response.writeHead(status, head).end(body);
}

/** @type {ReadonlyMap<string, Route>} */
const ROUTES = new Map([
  ['/hello', { use: 'nothing', run: () => HELLO }],
  ['/read', { use: 'reads', run: read }],
  ['/touch', { use: 'writes', run: touch }],
  ['/write', { use: 'writes', run: write }],
  ['/new', { use: 'writes', run: create }],
  ['/seed', { use: 'writes', run: prolong }],
]);

const TYPE = 'text/plain; charset=utf-8';

/** @type {Reply} */
const HELLO = { status: 200, head: ['Content-Type', TYPE, 'Content-Length', '11'], body: 'Hello World' };

/** @type {Route} */
const NOT_FOUND = { use: 'nothing', run: () => ({ status: 404, head: ['Content-Length', '0'], body: '' }) };

let visitors = 0;

/** @param {Request} request */
function read(request) {
  return answer(load(keyOf(idOf(request)), moment())?.name ?? 'nobody');
}

/** @param {Request} request */
function touch(request) {
  const key = keyOf(idOf(request));
  const now = moment();
  const values = load(key, now);
  if (values !== undefined) setAccessed.run(now, key);
  return answer(values?.name ?? 'nobody');
}

/** @param {Request} request */
function write(request) {
  const key = keyOf(idOf(request));
  const values = load(key, moment());
  if (values === undefined) return answer('nobody');
  values.count = (values.count ?? 0) + 1;
  setData.run(JSON.stringify(values), key);
  return answer(String(values.count));
}

function create() {
  const name = `visitor ${++visitors}`;
  const id = newId();
  const now = moment();
  insert.run(keyOf(id), now + LIFETIME, now, JSON.stringify({ name }));
  return answerWithCookie(name, cookieOf(id, now, now + LIFETIME));
}

/** @param {Request} request */
function prolong(request) {
  const id = idOf(request);
  const key = keyOf(id);
  const now = moment();
  const row = /** @type {[string, number] | undefined} */ (selectWithEnd.get(key, now));
  if (row === undefined) return answer('nobody: ');
  const values = parsed(row[0]);
  const expires = row[1] + 5;
  setExpires.run(expires, key);
  const body = `${values.name ?? 'nobody'}: ${Object.keys(values).join(', ')}`;
  return answerWithCookie(body, cookieOf(id, now, expires));
}

/** @param {Request} request */
function idOf({ headers }) {
  return idIn(headers.cookie);
}

function moment() {
  return Date.now() / 1000;
}

/**
 * @param {string} key
 * @param {number} now
 */
function load(key, now) {
  const data = /** @type {string | undefined} */ (select.get(key, now));
  return data === undefined ? undefined : parsed(data);
}

/** @param {string} data */
function parsed(data) {
  /** @type {unknown} */
  const values = JSON.parse(data);
  return /** @type {Values} */ (values);
}

/**
 * @param {string} body
 * @returns {Reply}
 */
function answer(body) {
  const length = String(Buffer.byteLength(body));
  return { status: 200, head: ['Content-Type', TYPE, 'Vary', 'Cookie', 'Content-Length', length], body };
}

/**
 * @param {string} body
 * @param {string} cookie
 * @returns {Reply}
 */
function answerWithCookie(body, cookie) {
  const length = String(Buffer.byteLength(body));
  const head = [
    'Content-Type',
    TYPE,
    'Set-Cookie',
    cookie,
    'Cache-Control',
    'private',
    'Vary',
    'Cookie',
    'Content-Length',
    length,
  ];
  return { status: 200, head, body };
}
