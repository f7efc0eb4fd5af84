/** A server in a worker of node:cluster, asked once by the primary, which prints the answer. */
import cluster, { type Worker } from 'node:cluster';
import { serve } from '../../src/gateways/node.js';
import { text } from '../../src/index.js';

if (cluster.isPrimary) {
  const worker: Worker = cluster.fork();
  worker.on('message', (url: string) => {
    void ask(url).then(() => worker.disconnect());
  });
} else {
  const { url } = await serve((environ) => text(`multiprocess: ${String(environ['tsgi.multiprocess'])}`), {
    port: 0,
  });
  process.send?.(url);
}

async function ask(url: string): Promise<void> {
  console.log(await (await fetch(url, { headers: { connection: 'close' } })).text());
}
