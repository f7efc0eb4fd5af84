import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultServer, Visitor } from './fault-processes.js';

/** What a server did under load. */
export interface Load {
  /** How many writes it answered. */
  readonly answered: number;
  /** How many writes it had in one transaction, on the average of the first half. */
  readonly together: number;
}

/**
 * Lets all visitors write without a pause, and stops the server by `stop` at a random moment of half a second. Every
 * answer until then must be good.
 */
export async function loadUntil(
  server: FaultServer,
  visitors: readonly Visitor[],
  stop: () => Promise<void>,
): Promise<Load> {
  let answered = 0;
  const writing = visitors.map(async (visitor) => {
    for (;;) {
      const { status } = await visitor.write(server);
      if (status !== 200) throw new Error(`A write was answered with ${status}: ${server.log()}`);
      answered += 1;
    }
  });
  const ended = Promise.allSettled(writing);
  const end = performance.now() + 100 + Math.random() * 400;
  while (answered < visitors.length) await delay(1);
  const together = await writesTogether(server);
  await delay(Math.max(0, end - performance.now()));
  await stop();
  for (const outcome of await ended) if (outcome.status === 'rejected') checkCutOff(outcome.reason);
  return { answered, together };
}

/** The visitors who find less than what they were told is kept, or no session. */
export async function losersOn(server: FaultServer, visitors: readonly Visitor[]): Promise<Visitor[]> {
  const seen = await Promise.allSettled(visitors.map((visitor) => visitor.read(server)));
  return visitors.filter((visitor, i) => {
    const own = seen[i];
    return own?.status !== 'fulfilled' || visitor.hasLost(own.value);
  });
}

async function writesTogether(server: FaultServer): Promise<number> {
  const response = await fetch(`${server.url}/written`);
  const { commits, writes } = (await response.json()) as { commits: number; writes: number };
  return writes / commits;
}

function checkCutOff(reason: unknown): void {
  if (!/ECONN|EPIPE|socket hang up/.test(String(reason))) throw reason;
}
