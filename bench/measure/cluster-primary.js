// @ts-check
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { options as given } from '../servers/options.js';
import { ready } from '../servers/ready.js';

// Runs one of the servers in several workers on one port and one file: `node cluster-primary.js '<json>'`, with what the
// server gets, and besides `program`, its file: URL, and `workers`.

/** @typedef {import('../servers/options.js').Options & { program: string, workers: number }} ClusterOptions */

const { program, workers, ...options } = /** @type {ClusterOptions} */ (given);
cluster.setupPrimary({ exec: fileURLToPath(program), args: [JSON.stringify(options)] });
cluster.on('exit', (worker, code, signal) => {
  throw new Error(`Worker ${worker.id} ended: ${signal || code}.`);
});

let port = 0;
for (let started = 0; started < workers; started += 1) port = await portOf(cluster.fork());
ready(port);

/**
 * Where it listens: all of them at the same.
 * @param {import('node:cluster').Worker} worker
 */
async function portOf(worker) {
  const message = /** @type {unknown[]} */ (await once(worker, 'message'));
  return Number(message[0]);
}
