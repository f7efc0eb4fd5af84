import { hash } from 'node:crypto';
import BetterSqlite3 from 'better-sqlite3';
import { keyOf } from '../../src/stores/session-id.js';

/** The id of one of many sessions. */
export function idOf(number: number): string {
  return hash('sha256', `visitor ${number}`, 'base64url');
}

/**
 * Multiplies the only session of an environment, with its values: so many are there then, of the ids that `idOf` gives to
 * the numbers from 1 on. It is written past the driver, which would take an hour.
 */
export function multiply(file: string, environment: string, many: number): void {
  const handle = new BetterSqlite3(file);
  const [sessions, values] = [`${environment}Sessions`, `${environment}SessionStore`];
  const columnsBut = (table: string, ...but: string[]) =>
    (handle.pragma(`table_info(${table})`) as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => !but.includes(name))
      .join(', ');
  const moments = columnsBut(sessions, 'number', 'id');
  const kept = columnsBut(values, 'session');
  const numbers = `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${many})`;

  handle.function('keyOfVisitor', (number) => keyOf(idOf(number as number)));
  handle.pragma('synchronous = OFF');
  handle.pragma('cache_size = -500000');
  handle.exec(`
    BEGIN;
    CREATE TEMP TABLE model AS SELECT ${moments} FROM ${sessions};
    CREATE TEMP TABLE modelValues AS SELECT ${kept} FROM ${values};
    DELETE FROM ${sessions};
    DELETE FROM ${values};
    INSERT INTO ${sessions} (number, id, ${moments}) ${numbers} SELECT i, keyOfVisitor(i), model.* FROM numbers, model;
    INSERT INTO ${values} (session, ${kept}) ${numbers} SELECT i, modelValues.* FROM numbers, modelValues;
    COMMIT;
  `);
  handle.pragma('wal_checkpoint(TRUNCATE)');
  handle.close();
}
