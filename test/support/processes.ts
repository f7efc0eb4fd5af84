import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A folder of its own for a test, and what removes it. */
export function temporaryFolder(): { path: string; file: (name: string) => string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tsgi-test-'));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A TypeScript program of the tests in a process of its own. */
export interface Program {
  readonly process: ChildProcess;
  /** The next line it prints. */
  line(): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function start(program: string, ...args: readonly string[]): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'exit');
  return {
    process: child,
    async line() {
      const next = (await lines.next()) as IteratorResult<string, undefined>;
      if (next.value === undefined) throw new Error(`${program} ended without a line`);
      return next.value;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
    },
  };
}
