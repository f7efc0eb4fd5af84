// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants, copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { URL } from 'node:url';
import { onCores, SERVER_CORE } from './cores.js';
import { newFolder } from './temporary.js';

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {string} program A program in `servers/` or `limits/`, as a file: URL.
 * @property {Partial<import('../servers/options.js').Options>} [options] How to start it; the database is filled in.
 * @property {string} [cores] Which it may use. Default: that of servers.
 * @property {string} [preload] A module that is imported before the program, as a file: URL.
 */

/**
 * Runs a server in a process of its own on a database in a new folder, for as long as `use` takes.
 * @template T
 * @param {Server} server
 * @param {(server: ServerProcess) => Promise<T>} use
 * @param {string} [stored] A database to begin with, which is copied. Default: none.
 * @returns {Promise<T>}
 */
export async function withServer(server, use, stored) {
  const folder = newFolder();
  const database = join(folder, 'sessions.db');
  const running = new ServerProcess(server, database);
  try {
    if (stored !== undefined) await copyFile(stored, database, constants.COPYFILE_FICLONE);
    await running.start();
    return await use(running);
  } finally {
    await running.kill();
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

  get pid() {
    return this.#child?.pid ?? 0;
  }

  async start() {
    const { name, program, options, cores = SERVER_CORE, preload } = this.#server;
    const imports = preload === undefined ? [] : ['--import', preload];
    const [execPath, ...execArgv] = onCores(cores, process.execPath, imports);
    const child = fork(new URL(program), [JSON.stringify({ ...options, database: this.database })], {
      execPath,
      execArgv,
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.#child = child;
    const failed = once(child, 'exit').then(() => {
      throw new Error(`The server ${name} ended before it listened. Its own words stand above.`);
    });
    const message = await Promise.race([once(child, 'message'), failed]);
    this.url = `http://127.0.0.1:${Number(message[0])}`;
  }

  /**
   * Asks the module that was preloaded, and answers what it says next.
   * @param {string} question
   * @returns {Promise<unknown>}
   */
  async ask(question) {
    const child = this.#child;
    if (child === undefined) throw new Error(`The server ${this.#server.name} has not been started.`);
    const answered = once(child, 'message');
    child.send(question);
    const answer = /** @type {unknown[]} */ (await answered);
    return answer[0];
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
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
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
