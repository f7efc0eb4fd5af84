import { describe, expect, it } from '@jest/globals';
import { DatabaseError, databaseError } from '../../src/database/errors.js';

function sqliteError(code: string): Error {
  return Object.assign(new Error(`it said ${code}`), { code });
}

describe('databaseError', () => {
  it.each<[string, string, boolean]>([
    ['SQLITE_BUSY', 'DATABASE_BUSY', true],
    ['SQLITE_BUSY_SNAPSHOT', 'DATABASE_BUSY', true],
    ['SQLITE_FULL', 'DATABASE_FULL', true],
    ['SQLITE_IOERR', 'DATABASE_IO', true],
    ['SQLITE_IOERR_FSYNC', 'DATABASE_IO', true],
    ['SQLITE_READONLY', 'DATABASE_READ_ONLY', true],
    ['SQLITE_READONLY_DIRECTORY', 'DATABASE_READ_ONLY', true],
    ['SQLITE_CANTOPEN', 'DATABASE_CANNOT_OPEN', true],
    ['SQLITE_NOTADB', 'NOT_A_DATABASE', false],
    ['SQLITE_CORRUPT', 'DATABASE_DAMAGED', false],
    ['SQLITE_CORRUPT_VTAB', 'DATABASE_DAMAGED', false],
  ])('says of %s what to do, as %s with status 503; that it may pass: %j', (theirs, code, passes) => {
    const cause = sqliteError(theirs);

    const error = databaseError(cause, '/data/sessions.db') as DatabaseError;

    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code, status: 503, cause });
    expect(error.message).toContain('/data/sessions.db');
    expect(error.message).not.toContain('FILE');
    expect(error.headers).toEqual(passes ? [['Retry-After', '1']] : []);
  });

  it.each<[string, unknown]>([
    ['an error of the statement', sqliteError('SQLITE_ERROR')],
    ['a broken constraint', sqliteError('SQLITE_CONSTRAINT_UNIQUE')],
    ['an error of the application', new Error('no')],
    ['a value that is no error', 'SQLITE_BUSY'],
    ['nothing', undefined],
  ])('leaves %s as it came', (_, thrown) => {
    expect(databaseError(thrown, 'file')).toBe(thrown);
  });

  it.each(['$&.db', "$'.db", '$$.db', 'FILE.db'])('names a file called %s as it is', (file) => {
    const error = databaseError(sqliteError('SQLITE_FULL'), file) as DatabaseError;

    expect(error.message).toBe(`${file} cannot grow: the disk or its quota is full. Make room.`);
  });
});
