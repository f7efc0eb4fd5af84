// @ts-check
import process from 'node:process';
import autocannon from 'autocannon';
import { HEADERS } from './browser.js';

// The same as wrk.lua: url, connections, seconds, then cookies that are sent in turn. Ends with a line of JSON.

const [url = '', connections, seconds, ...cookies] = process.argv.slice(2);
const each = cookies.length === 0 ? [{}] : cookies.map((Cookie) => ({ headers: { ...HEADERS, Cookie } }));
let clients = 0;

const { requests, duration, errors, non2xx } = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  headers: HEADERS,
  setupClient(client) {
    const first = Math.floor((each.length * clients++) / Number(connections)); // else all would send the same one at once
    client.setRequests([...each.slice(first), ...each.slice(0, first)]);
  },
});

const done = { requests: requests.total, seconds: duration, errors: errors + non2xx };
process.stdout.write(`${JSON.stringify(done)}\n`);
