// @ts-check
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import { ready } from './ready.js';
import { COOKIE, keyOf, LIFETIME, openTable } from './table.js';

// The yardstick: what a careful programmer writes for this one job, with nothing between node:http and better-sqlite3.
// One commit for each request that changes something, its ids hashed and its replies the same as those of `tsgi.js`.

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {{ name?: string, count?: number }} Values */

const database = openTable(process.argv[2] ?? 'bench.db');
const select = database.prepare('SELECT data FROM sessions WHERE key = ? AND expires > ?').pluck();
const update = database.prepare('UPDATE sessions SET data = ? WHERE key = ?');
const insert = database.prepare('INSERT INTO sessions (key, expires, data) VALUES (?, ?, ?)');
let visitors = 0;

const server = createServer((request, response) => {
  switch (request.url) {
    case '/hello':
      response.writeHead(200, HELLO_HEAD).end(HELLO);
      return;
    case '/read':
      read(request, response);
      return;
    case '/write':
      write(request, response);
      return;
    case '/new':
      create(response);
      return;
    default:
      response.writeHead(404).end();
  }
});

server.listen(0, '127.0.0.1', () => {
  ready(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
});

const TYPE = 'text/plain; charset=utf-8';
const HELLO = 'Hello World';
const HELLO_HEAD = ['Content-Type', TYPE, 'Content-Length', String(HELLO.length)];

/**
 * @param {Request} request
 * @param {Response} response
 */
function read(request, response) {
  const values = load(keyOf(idIn(request.headers.cookie)));
  answer(response, values?.name ?? 'nobody');
}

/**
 * @param {Request} request
 * @param {Response} response
 */
function write(request, response) {
  const key = keyOf(idIn(request.headers.cookie));
  const values = load(key);
  if (values === undefined) {
    answer(response, 'nobody');
    return;
  }
  values.count = (values.count ?? 0) + 1;
  update.run(JSON.stringify(values), key);
  answer(response, String(values.count));
}

/** @param {Response} response */
function create(response) {
  const name = `visitor ${++visitors}`;
  const id = newId();
  const now = Date.now();
  insert.run(keyOf(id), now / 1000 + LIFETIME, JSON.stringify({ name }));
  response
    .writeHead(200, [
      'Content-Type',
      TYPE,
      'Set-Cookie',
      `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${LIFETIME}; Expires=${endOfLife(now)}`,
      'Cache-Control',
      'private',
      'Vary',
      'Cookie',
      'Content-Length',
      String(Buffer.byteLength(name)),
    ])
    .end(name);
}

/**
 * @param {Response} response
 * @param {string} body
 */
function answer(response, body) {
  const length = String(Buffer.byteLength(body));
  response.writeHead(200, ['Content-Type', TYPE, 'Vary', 'Cookie', 'Content-Length', length]).end(body);
}

/** @param {string} key */
function load(key) {
  const data = /** @type {string | undefined} */ (select.get(key, Date.now() / 1000));
  return data === undefined ? undefined : /** @type {Values} */ (JSON.parse(data));
}

/**
 * The id in a Cookie header, '' when there is none.
 * @param {string | undefined} header
 */
function idIn(header) {
  if (header === undefined) return '';
  let at = header.indexOf(PREFIX);
  while (at > 0 && header.charCodeAt(at - 1) !== SPACE) at = header.indexOf(PREFIX, at + 1);
  if (at === -1) return '';
  const end = header.indexOf(';', at);
  return header.slice(at + PREFIX.length, end === -1 ? undefined : end);
}

const PREFIX = `${COOKIE}=`;
const SPACE = 32;

function newId() {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += ID_BYTES;
  return POOL.toString('base64url', used - ID_BYTES, used);
}

const ID_BYTES = 32;
const POOL = Buffer.alloc(ID_BYTES * 128);
let used = POOL.length;

/**
 * The date on which a session made now ends, formatted once a second.
 * @param {number} now
 */
function endOfLife(now) {
  const second = Math.ceil(now / 1000) + LIFETIME;
  if (second !== formatted.second) formatted = { second, text: new Date(second * 1000).toUTCString() };
  return formatted.text;
}

let formatted = { second: 0, text: '' };
