import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { temporaryFolder } from './processes.js';

const PROGRAM = 'strace';

/** Why no system calls can be made to fail here, if they cannot. */
export function noStrace(): string | undefined {
  const { status, stderr, error } = spawnSync(PROGRAM, ['-o', '/dev/null', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `strace does not work here: ${error?.message ?? stderr.trim()}`;
}

/**
 * Makes system calls of a process fail when they are about one of these files: `fsync:error=EIO`, or with `:when=3` the
 * third from now on. Resolves when it is so, with what puts an end to it and answers how many have failed.
 */
export async function injectFault(
  pid: number,
  files: readonly string[],
  fault: string,
): Promise<() => Promise<number>> {
  const [call = ''] = fault.split(':');
  const paths = files.flatMap((file) => ['-P', file]);
  const folder = temporaryFolder();
  const calls = folder.file('calls');
  const options = ['-f', '-o', calls, '-e', `trace=${call}`, '-e', `inject=${fault}`, ...paths];
  const strace = spawn(PROGRAM, [...options, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(strace, 'exit');
  let said = '';
  strace.stderr.setEncoding('utf8');
  for await (const text of strace.stderr.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
    said += text;
    if (said.includes('attached')) break;
  }
  if (!said.includes('attached')) throw new Error(`strace could not be attached: ${said}`);
  strace.stderr.resume();
  return async () => {
    strace.kill('SIGTERM');
    await exited;
    const failed = readFileSync(calls, 'utf8').split('(INJECTED)').length - 1;
    folder.remove();
    return failed;
  };
}
