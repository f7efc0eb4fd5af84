/**
 * A server whose requests wait for a line on the standard input. Prints its address, each request, its errors, and its
 * end. With the argument `broken` a layer throws when it closes.
 */
import { createInterface } from 'node:readline';
import { serve } from '../../src/gateways/node.js';
import { layer, text } from '../../src/index.js';

const lines = createInterface({ input: process.stdin });
const line = new Promise<void>((resolve) => {
  lines.once('line', () => {
    resolve();
  });
});

const told = layer('told', {}, (application) => ({
  answer: application,
  close: () => {
    console.log('closed');
    lines.close();
    process.stdin.destroy();
    if (process.argv[2] === 'broken') throw new Error('will not close');
  },
}));

const server = await serve(
  told(async (environ) => {
    console.log(environ.PATH_INFO);
    await line;
    return text('done');
  }),
  { port: 0, errors: process.stdout },
);

console.log(server.url);
