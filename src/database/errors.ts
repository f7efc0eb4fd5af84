import { codeOfError, TsgiError } from '../app/errors.js';

/** A database that cannot be opened, read or written. */
export class DatabaseError extends TsgiError {}

/** How long a write waits for another process to release the database, in seconds. */
export const BUSY_LIMIT = 4;

/**
 * What SQLite reported, as an error that says what to do; anything else as it came. All answer 503, since the request was
 * not to blame; what may pass by itself (another process writes, the disk is full) with Retry-After.
 */
export function databaseError(error: unknown, file: string): unknown {
  const code = codeOfError(error);
  const rule = RULES.find(([prefix]) => code?.startsWith(prefix));
  if (rule === undefined) return error;
  const [, ours, passes, sentence] = rule;
  const headers = passes ? ([['Retry-After', '1']] as const) : [];
  return new DatabaseError(
    ours,
    sentence.replace('FILE', () => file),
    { cause: error, status: 503, headers },
  );
}

const RULES: readonly (readonly [prefix: string, code: string, passes: boolean, sentence: string])[] = [
  [
    'SQLITE_BUSY',
    'DATABASE_BUSY',
    true,
    'Another process is writing FILE and did not finish in time. Try again.',
  ],
  ['SQLITE_FULL', 'DATABASE_FULL', true, 'FILE cannot grow: the disk or its quota is full. Make room.'],
  ['SQLITE_IOERR', 'DATABASE_IO', true, 'Reading or writing FILE failed. Check the disk and its limits.'],
  [
    'SQLITE_READONLY',
    'DATABASE_READ_ONLY',
    true,
    'FILE cannot be written. Give this user write access to it and its folder.',
  ],
  [
    'SQLITE_CANTOPEN',
    'DATABASE_CANNOT_OPEN',
    true,
    'FILE cannot be opened. Check that this user may write it and its folder.',
  ],
  [
    'SQLITE_NOTADB',
    'NOT_A_DATABASE',
    false,
    'FILE is not an SQLite database. Name another file, or restore it from a backup.',
  ],
  [
    'SQLITE_CORRUPT',
    'DATABASE_DAMAGED',
    false,
    'FILE is damaged. Restore it from a backup; do not delete its -wal file.',
  ],
];
