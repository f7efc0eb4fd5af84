import { DatabaseError } from './errors.js';

/** Before it, two connections that write or checkpoint at once could damage a file in WAL mode: https://sqlite.org/wal.html#walresetbug */
const OLDEST = [3, 51, 3] as const;

/** @throws DatabaseError `OLD_SQLITE` for a version of SQLite that can damage a file which several processes share. */
export function checkSqliteVersion(version: string): void {
  if (!isBefore(version.split('.').map(Number), OLDEST)) return;
  throw new DatabaseError(
    'OLD_SQLITE',
    `better-sqlite3 brings SQLite ${version}, which can damage a file that several processes share. Install a ` +
      `better-sqlite3 with SQLite ${OLDEST.join('.')} or newer.`,
  );
}

/** Whether the first part that differs is smaller. */
function isBefore(version: readonly number[], other: readonly number[]): boolean {
  const at = other.findIndex((part, i) => part !== (version[i] ?? 0));
  return at !== -1 && (version[at] ?? 0) < (other[at] ?? 0);
}
