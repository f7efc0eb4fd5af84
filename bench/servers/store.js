// @ts-check
import { options } from './options.js';
import { openTable } from './table.js';

/**
 * The least that a session store can be, so that what is measured is the library above it: a row for a session, under the
 * id that the library gives it. Moments are in milliseconds, as in all of these libraries.
 */
export class Rows {
  #select;
  #upsert;
  #update;
  #delete;

  constructor() {
    const database = openTable(options.database, options.durability);
    this.#select = database.prepare('SELECT data FROM sessions WHERE key = ? AND expires > ?').pluck();
    this.#upsert = database.prepare(
      `INSERT INTO sessions (key, expires, data) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET expires = excluded.expires, data = excluded.data`,
    );
    this.#update = database.prepare('UPDATE sessions SET expires = ? WHERE key = ?');
    this.#delete = database.prepare('DELETE FROM sessions WHERE key = ?');
  }

  /**
   * @param {string} id
   * @returns {unknown} Undefined when there is none, or when it has ended.
   */
  get(id) {
    const data = /** @type {string | undefined} */ (this.#select.get(id, Date.now() / 1000));
    return data === undefined ? undefined : JSON.parse(data);
  }

  /**
   * @param {string} id
   * @param {number} end
   * @param {object} session
   */
  set(id, end, session) {
    this.#upsert.run(id, end / 1000, JSON.stringify(session));
  }

  /**
   * @param {string} id
   * @param {number} end
   */
  touch(id, end) {
    this.#update.run(end / 1000, id);
  }

  /** @param {string} id */
  destroy(id) {
    this.#delete.run(id);
  }
}

/**
 * For a library that has no store on better-sqlite3.
 * @param {string} library
 */
export function onlyMinimal(library) {
  if (options.store === 'own') {
    throw new Error(`${library} has no store on better-sqlite3. Give it "store": "minimal".`);
  }
}
