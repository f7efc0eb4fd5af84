import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How an example is started: on any port that is free, unless it is told. */
export interface Start {
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** The folder it runs in, where it may leave its database. */
  cwd: string;
}

/** An example that serves. */
export interface Serving {
  readonly url: string;
  /** Ends it, and resolves with its exit code: null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** What an example left that ended by itself. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Starts a file of `examples` and waits until it prints its address. */
export async function serveExample(name: string, options: Start): Promise<Serving> {
  const launched = launch(name, options);
  const { child, printed } = launched;
  const exited = once(child, 'exit');
  const url = await Promise.race([addressFrom(launched), exited.then(() => undefined)]);
  if (url === undefined) throw new Error(`${name} ended without an address: ${printed.errors}`);
  return {
    url,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** Runs a file of `examples` until it ends by itself. One that serves instead is ended after 20 s. */
export async function runExample(name: string, options: Start): Promise<Ended> {
  const { child, printed } = launch(name, options, 20_000);
  await once(child, 'close');
  return { code: child.exitCode, ...printed };
}

interface Launched {
  child: ChildProcess;
  printed: { output: string; errors: string };
}

/** From another folder, what tsx and the paths of tsconfig.json are has to be told. */
function launch(name: string, { args = [], env = {}, cwd }: Start, timeout?: number): Launched {
  const loader = pathToFileURL(resolve('node_modules/tsx/dist/loader.mjs')).href;
  const child = spawn(process.execPath, ['--import', loader, resolve('examples', name), ...args], {
    cwd,
    env: { ...process.env, PORT: '0', TSX_TSCONFIG_PATH: resolve('tsconfig.json'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
  });
  const printed = { output: '', errors: '' };
  child.stdout.on('data', (text: Buffer) => (printed.output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (printed.errors += text.toString()));
  return { child, printed };
}

/** The address an example prints. Its output is read on, or it could not print any more. */
function addressFrom({ child, printed }: Launched): Promise<string> {
  return new Promise((found) => {
    child.stdout?.on('data', () => {
      const url = /http:\/\/[\w.:]+(?=[\s/])/.exec(printed.output)?.[0];
      if (url !== undefined) found(url);
    });
  });
}
