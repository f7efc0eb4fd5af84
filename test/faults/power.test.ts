import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { count, full } from '../support/counts.js';
import { loadUntil, losersOn } from '../support/fault-load.js';
import { type FaultServer, integrityOf, startServer, Visitor } from '../support/fault-processes.js';
import { grouped, report } from '../support/figures.js';
import { makeImage, mountImage, type Mount, noImages } from '../support/mounts.js';
import { temporaryFolder } from '../support/processes.js';

const reason = noImages();
if (reason !== undefined) process.stdout.write(`skipped: the loss of power, since ${reason}\n`);
const test = reason === undefined ? it : it.skip;

let folder = temporaryFolder();
let server: FaultServer | undefined;
let disk: Mount | undefined;
let visitors: Visitor[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  visitors = Array.from({ length: 64 }, (_, i) => new Visitor(`visitor${i}`));
});

afterEach(async () => {
  for (const visitor of visitors) visitor.leave();
  await leave();
  folder.remove();
});

describe('a machine that loses its power while many write', () => {
  test(
    'has on its disk every write that was answered: durability power',
    async () => {
      const { answered, lost, rounds } = await losePower('power', count(100));

      report({
        what: 'Power lost while 64 visitors write, durability `power`',
        count: `${rounds} times, ${grouped(answered)} answered writes`,
        result: `${lost} lost, every file whole`,
      });
      expect(lost).toBe(0);
    },
    full ? 1_800_000 : 120_000,
  );

  test(
    'has a file that is whole, and not every write, which shows that its power was lost: durability process',
    async () => {
      const { answered, lost, rounds } = await losePower('process', count(20));

      report({
        what: 'Power lost while 64 visitors write, durability `process`',
        count: `${rounds} times, ${grouped(answered)} answered writes`,
        result: `the last writes of ${lost} of ${rounds * visitors.length} sessions lost, every file whole`,
      });
      expect(lost).toBeGreaterThan(0);
    },
    full ? 900_000 : 120_000,
  );
});

/**
 * Stops the server at a random moment and goes on with what the disk has then, a copy of its image: what the system has
 * in memory still is not in it.
 */
async function losePower(durability: 'power' | 'process', rounds: number): Promise<Losses> {
  let [answered, lost] = [0, 0];
  let image = folder.file('disk');
  makeImage(image, 32);
  let running = await startOn(image, durability, true);
  for (const visitor of visitors) await visitor.signIn(running);
  await running.end('SIGTERM'); // its tables are on the disk then, whatever the durability
  await leave();
  running = await startOn(image, durability);

  for (let round = 0; round < rounds; round += 1) {
    const copy = folder.file(`disk${round}`);
    const load = await loadUntil(running, visitors, async () => {
      await stop(running);
      await copyFile(image, copy);
      await leave();
    });
    rmSync(image);
    image = copy;
    running = await startOn(image, durability);
    answered += load.answered;
    lost += await countAndReplace(running);
  }
  return { answered, lost, rounds };
}

interface Losses {
  answered: number;
  lost: number;
  rounds: number;
}

async function startOn(
  image: string,
  durability: 'power' | 'process',
  create: boolean = false,
): Promise<FaultServer> {
  disk = mountImage(image);
  server = await startServer(disk.file('sessions.db'), { durability, create });
  return server;
}

async function leave(): Promise<void> {
  await server?.end('SIGKILL');
  disk?.remove();
  server = disk = undefined;
}

/** Resolves when none of its threads does anything any more. */
async function stop({ pid }: FaultServer): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const threads = readdirSync(`/proc/${pid}/task`);
  const isStopped = (thread: string) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')')).startsWith(') T');
  };
  while (!threads.every(isStopped)) await delay(1);
}

/** Counts the sessions that lost something, and makes new ones for them. */
async function countAndReplace(restarted: FaultServer): Promise<number> {
  if (disk !== undefined) expect(integrityOf(disk.file('sessions.db'))).toBe('ok');
  const losers = await losersOn(restarted, visitors);
  for (const visitor of losers) await visitor.signIn(restarted);
  return losers.length;
}
