// @ts-check
import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Browser } from '../load/browser.js';
import { withServer } from '../measure/process.js';
import { newFolder } from '../measure/temporary.js';
import { LIMITS, PROGRAMS } from '../plan/programs.js';
import { cookieOf, fillLimits, fillOurs } from './fill.js';

/** @typedef {import('../measure/process.js').Server} Server */
/** @typedef {{ database: string, cookies: string }} Sessions Files: a database, and the cookies that lead to its sessions. */

/**
 * The databases that measurements begin with, each made once. Those of ours and of the limits are filled in SQL; those of a
 * peer are made through HTTP by the peer, which knows best what it stores.
 */
export class StoredSessions {
  /** @type {Map<string, Promise<Sessions>>} */
  #made = new Map();
  #folder = newFolder();

  /**
   * @param {Server} server
   * @param {number} count
   * @returns {Promise<Sessions>}
   */
  of(server, count) {
    const key = `${server.name} ${count}`;
    const made = this.#made.get(key) ?? this.#make(server, count);
    this.#made.set(key, made);
    return made;
  }

  /**
   * @param {Server} server
   * @param {number} count
   */
  async #make(server, count) {
    const name = join(this.#folder, `${this.#made.size}`);
    const [database, cookies] = [`${name}.db`, `${name}.cookies`];
    const made = await makeSessions(server, database, count);
    await writeFile(cookies, `${made.join('\n')}\n`);
    return { database, cookies };
  }
}

/**
 * Answers the cookies.
 * @param {Server} server
 * @param {string} file
 * @param {number} count
 */
async function makeSessions(server, file, count) {
  const isOurs = server.program === PROGRAMS.tsgi.program;
  const isLimit = LIMITS.some((name) => PROGRAMS[name].program === server.program);
  if (!isOurs && !isLimit) return makeThroughHttp(server, file, count);
  if (isOurs) await fillOurs(file, { sessions: count });
  else fillLimits(file, count);
  return Array.from({ length: count }, (_, i) => cookieOf(i + 1));
}

/**
 * @param {Server} server
 * @param {string} file
 * @param {number} count
 */
function makeThroughHttp(server, file, count) {
  const quick = { ...server, options: { ...server.options, durability: /** @type {const} */ ('process') } };
  return withServer(quick, async (running) => {
    const browser = new Browser(running.url);
    const made = await browser.visitors(count);
    browser.close();
    await running.kill();
    checkpoint(running.database);
    await copyFile(running.database, file, constants.COPYFILE_FICLONE);
    return made.map(({ cookie }) => cookie);
  });
}

/**
 * Puts all into the one file.
 * @param {string} file
 */
function checkpoint(file) {
  const database = new Database(file);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}
