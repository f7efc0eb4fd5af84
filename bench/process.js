// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { URL } from 'node:url';

/** @typedef {{ name: string, program: string }} Server A program in `servers/`, as a file: URL. */

/**
 * Runs a server in a process of its own on a new database, for as long as `use` takes.
 * @template T
 * @param {Server} program
 * @param {(server: ServerProcess) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withServer(program, use) {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-bench-'));
  const server = new ServerProcess(program, join(folder, 'sessions.db'));
  try {
    await server.start();
    return await use(server);
  } finally {
    await server.kill();
    await rm(folder, { recursive: true });
  }
}

export class ServerProcess {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #server;

  /**
   * @param {Server} server
   * @param {string} database
   */
  constructor(server, database) {
    this.#server = server;
    this.database = database;
    this.url = '';
  }

  async start() {
    const child = fork(new URL(this.#server.program), [this.database], {
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.#child = child;
    const failed = once(child, 'exit').then(() => {
      throw new Error(`The server ${this.#server.name} ended before it listened. Its own words stand above.`);
    });
    const message = await Promise.race([once(child, 'message'), failed]);
    this.url = `http://127.0.0.1:${Number(message[0])}`;
  }

  /** With no warning, as a crash would. */
  async kill() {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The CPU time it has taken so far, all threads, user and system, in microseconds. NaN where there is no /proc. */
  cpuTime() {
    try {
      const stat = readFileSync(`/proc/${this.#child?.pid ?? 0}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK;
    } catch {
      return NaN;
    }
  }
}

/** Their places in proc(5) after the name of the program, which may contain anything. */
const UTIME = 14 - 3;
const STIME = 15 - 3;

/** Microseconds. USER_HZ is 100 on every architecture that Node runs on. */
const TICK = 10_000;
