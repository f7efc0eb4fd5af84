// @ts-check
import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { URL } from 'node:url';
import Database from 'better-sqlite3';
import { newcomers } from './newcomers.js';
import { withServer } from './process.js';
import { newFolder } from './temporary.js';

/** @typedef {{ database: string, cookies: string }} Sessions Files: a database, and the cookies that lead to its sessions. */

/** The databases that measurements begin with. Each is made once, through HTTP by the server that is to use it. */
export class StoredSessions {
  /** @type {Map<string, Promise<Sessions>>} */
  #made = new Map();
  #folder = newFolder();

  /**
   * @param {import('./process.js').Server} server
   * @param {number} count
   * @returns {Promise<Sessions>}
   */
  of(server, count) {
    const key = `${new URL(server.program).pathname} ${server.options?.store ?? ''} ${count}`;
    const made = this.#made.get(key) ?? this.#make(server, count, `${this.#made.size}`);
    this.#made.set(key, made);
    return made;
  }

  /**
   * @param {import('./process.js').Server} server
   * @param {number} count
   * @param {string} name
   */
  async #make(server, count, name) {
    const database = join(this.#folder, `${name}.db`);
    const cookies = join(this.#folder, `${name}.cookies`);
    const quickly = {
      ...server,
      options: { ...server.options, durability: /** @type {const} */ ('process') },
    };
    await withServer(quickly, async (running) => {
      const made = await newcomers(running.url, count);
      await writeFile(cookies, `${made.join('\n')}\n`);
      await running.kill();
      checkpoint(running.database);
      await copyFile(running.database, database, constants.COPYFILE_FICLONE);
    });
    return { database, cookies };
  }
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
