import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { count, full } from '../support/counts.js';
import { loadUntil, losersOn } from '../support/fault-load.js';
import { type FaultServer, integrityOf, startServer, Visitor } from '../support/fault-processes.js';
import { average, grouped, report } from '../support/figures.js';
import { temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let file = '';
let server: FaultServer | undefined;
let visitors: Visitor[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  file = folder.file('sessions.db');
  visitors = Array.from({ length: 64 }, (_, i) => new Visitor(`visitor${i}`));
});

afterEach(async () => {
  for (const visitor of visitors) visitor.leave();
  await server?.end('SIGKILL');
  folder.remove();
});

describe('a server that is killed while many write', () => {
  it.each(['power', 'process'] as const)(
    'has kept every write that it answered, and starts again by itself: durability %s',
    async (durability) => {
      const rounds = count(100);
      const together: number[] = [];
      let [answered, lost] = [0, 0];
      server = await startServer(file, { durability, create: true });
      for (const visitor of visitors) await visitor.signIn(server);

      for (let round = 0; round < rounds; round += 1) {
        const killed = server;
        const load = await loadUntil(killed, visitors, () => killed.end('SIGKILL'));
        answered += load.answered;
        together.push(load.together);
        server = await startServer(file, { durability });
        lost += (await losersOn(server, visitors)).length;
        expect(integrityOf(file)).toBe('ok');
      }

      report({
        what: `Killed while 64 visitors write, durability \`${durability}\``,
        count: `${rounds} times, ${grouped(answered)} answered writes, ${average(together)} in a transaction`,
        result: `${lost} lost, every file whole, every start without repair`,
      });
      expect(lost).toBe(0);
      expect(Number(average(together))).toBeGreaterThan(2); // as many as come while the server is busy: few, as it is fast
    },
    full ? 1_800_000 : 120_000,
  );
});
