// @ts-check
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers';
import { begin, commit } from './database.js';
import { listen } from '../servers/ready.js';
import { routeOf, send } from './routes.js';

// The same work, but the requests of one turn of the event loop share a transaction, and are answered after its COMMIT.

/**
 * @typedef {object} Waiting
 * @property {import('node:http').IncomingMessage} request
 * @property {import('node:http').ServerResponse} response
 * @property {import('./routes.js').Route} route
 */

/** @type {Waiting[]} */
let waiting = [];

listen(
  createServer((request, response) => {
    waiting.push({ request, response, route: routeOf(request) });
    if (waiting.length === 1) setImmediate(answerAll);
  }),
);

function answerAll() {
  const group = waiting;
  waiting = [];
  const use = useOf(group);
  const together = use === 'writes' || (use === 'reads' && group.length > 1);
  if (together) begin(use);
  const answers = group.map(({ route, request, response }) => ({ response, reply: route.run(request) }));
  if (together) commit();
  for (const { response, reply } of answers) send(response, reply);
}

/**
 * What the most demanding of them does.
 * @param {readonly Waiting[]} group
 */
function useOf(group) {
  if (group.some(({ route }) => route.use === 'writes')) return 'writes';
  return group.some(({ route }) => route.use === 'reads') ? 'reads' : 'nothing';
}
