// @ts-check
import Database from 'better-sqlite3';
import { cgi, database, environment, error, session, text } from 'tsgi';
import { client } from 'tsgi/testing';
import { COOKIE, keyOf, LIFETIME, openTable } from '../servers/table.js';

/**
 * @typedef {object} Filling
 * @property {number} sessions
 * @property {number} [keys] How many values each has: `name`, `key2`, `key3` and so on. Default 1.
 * @property {number} [bytes] How long the text of each value is. Default 10.
 * @property {boolean} [halfEnded] Whether those of even numbers have ended. Default false.
 */

/**
 * Fills a new file with sessions for `servers/tsgi.js`: the first is made by the application, the others are copies of its
 * rows, written past the driver.
 * @param {string} file
 * @param {Filling} filling
 */
export async function fillOurs(file, { sessions, keys = 1, bytes = BYTES, halfEnded = false }) {
  await makeOne(file, keys, bytes);
  const handle = prepared(new Database(file));
  multiply(handle, sessions);
  if (halfEnded) handle.exec(`UPDATE ${SESSIONS} SET ${PAST} WHERE number % 2 = 0`);
  close(handle);
}

/**
 * Fills the limits' table of a new file with as many sessions of one value.
 * @param {string} file
 * @param {number} sessions
 */
export function fillLimits(file, sessions) {
  const handle = prepared(openTable(file));
  const now = Date.now() / 1000;
  handle
    .prepare(
      `INSERT INTO sessions (key, expires, accessed, data) ${numbersTo(sessions)} SELECT keyOfNumber(i), ?, ?, ? FROM numbers`,
    )
    .run(now + LIFETIME, now, JSON.stringify({ name: 'x'.repeat(BYTES) }));
  close(handle);
}

/**
 * The cookie of one of them.
 * @param {number} number From 1 on.
 */
export function cookieOf(number) {
  return `${COOKIE}=${idOf(number)}`;
}

/**
 * What one of them is stored under.
 * @param {number} number From 1 on.
 */
export function storedKeyOf(number) {
  return /** @type {import('tsgi').SessionKey} */ (keyOf(idOf(number)));
}

const BYTES = 10;

/**
 * Of which the keys are far apart, although they are neighbours.
 * @param {number} number
 */
function idOf(number) {
  return String(number).padStart(43, '0');
}

/**
 * @param {string} file
 * @param {number} keys
 * @param {number} bytes
 */
async function makeOne(file, keys, bytes) {
  const application = error(
    database(
      environment(
        session(
          cgi((/** @type {import('tsgi').Environ & import('tsgi').SessionLayer} */ environ) => {
            for (let key = 1; key <= keys; key += 1) {
              environ['web.session.store'].set(key === 1 ? 'name' : `key${key}`, 'x'.repeat(bytes));
            }
            return text('');
          }),
          {
            app: 'bench',
            setupEnvironment: true,
            limits: { value: Infinity, app: Infinity, session: Infinity },
          },
        ),
        { name: COOKIE },
      ),
      { database: file, autoCreate: true },
    ),
  );
  const visitor = client(application);
  await visitor.get('/');
  await visitor.close();
}

/**
 * For many rows at once, which nobody would miss.
 * @param {import('better-sqlite3').Database} handle
 */
function prepared(handle) {
  handle.pragma('synchronous = OFF');
  handle.pragma('cache_size = -500000');
  handle.function('keyOfNumber', (number) => storedKeyOf(Number(number)));
  return handle;
}

/**
 * The only session, and its values, as often as that: under the numbers from 1 on.
 * @param {import('better-sqlite3').Database} handle
 * @param {number} many
 */
function multiply(handle, many) {
  const rest = columnsBut(handle, SESSIONS, 'number', 'id');
  const kept = columnsBut(handle, VALUES, 'session');
  const numbers = numbersTo(many);
  handle.exec(`
    BEGIN;
    CREATE TEMP TABLE model AS SELECT ${rest} FROM ${SESSIONS};
    CREATE TEMP TABLE modelValues AS SELECT ${kept} FROM ${VALUES};
    DELETE FROM ${SESSIONS};
    DELETE FROM ${VALUES};
    INSERT INTO ${SESSIONS} (number, id, ${rest}) ${numbers} SELECT i, keyOfNumber(i), model.* FROM numbers, model;
    INSERT INTO ${VALUES} (session, ${kept}) ${numbers} SELECT i, modelValues.* FROM numbers, modelValues;
    COMMIT;
  `);
}

/**
 * @param {import('better-sqlite3').Database} handle
 * @param {string} table
 * @param {...string} but
 */
function columnsBut(handle, table, ...but) {
  const columns = /** @type {{ name: string }[]} */ (handle.pragma(`table_info(${table})`));
  return columns
    .map(({ name }) => name)
    .filter((name) => !but.includes(name))
    .join(', ');
}

/** @param {number} many */
function numbersTo(many) {
  return `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${many})`;
}

/**
 * With all in the one file, so that it can be copied.
 * @param {import('better-sqlite3').Database} handle
 */
function close(handle) {
  handle.pragma('wal_checkpoint(TRUNCATE)');
  handle.close();
}

const SESSIONS = `${COOKIE}Sessions`;
const VALUES = `${COOKIE}SessionStore`;

/** Made two lifetimes ago, so over for one. */
const PAST = ['createdAt', 'accessed', 'expireTime']
  .map((moment) => `${moment} = ${moment} - ${2 * LIFETIME}`)
  .join(', ');
