// @ts-check
import { readFileSync } from 'node:fs';
import process from 'node:process';
import autocannon from 'autocannon';
import { HEADERS } from './browser.js';

// The same as wrk.lua, after url, connections and seconds.

const [url = '', connections, seconds, file, order] = process.argv.slice(2);
const cookies = file === undefined ? undefined : readFileSync(file, 'utf8').trimEnd().split('\n');
let at = 0;

const { requests, latency, duration, errors, non2xx } = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  headers: HEADERS,
  ...(cookies !== undefined && { requests: [{ setupRequest: withNext(cookies) }] }),
});

const failed = errors + non2xx;
const done = {
  requests: requests.total,
  seconds: duration,
  errors: failed,
  p50: latency.p50,
  p99: latency.p99,
};
process.stdout.write(`${JSON.stringify(done)}\n`);

/**
 * @param {readonly string[]} list
 * @returns {(request: object) => object}
 */
function withNext(list) {
  return (request) => {
    at = order === 'random' ? Math.floor(Math.random() * list.length) : (at + 1) % list.length;
    return { ...request, headers: { ...HEADERS, Cookie: list[at] } };
  };
}
