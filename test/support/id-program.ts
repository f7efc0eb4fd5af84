/** Prints ids, a line of them for each line it reads: `node --import tsx test/support/id-program.ts COUNT`. */
import { createInterface } from 'node:readline';
import { newSessionId } from '../../src/stores/session-id.js';

const number = Number(process.argv[2]);

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${line} ${Array.from({ length: number }, newSessionId).join(' ')}\n`);
}
