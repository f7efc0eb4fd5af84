import { describe, expect, it } from '@jest/globals';
import { checkSqliteVersion } from '../../src/database/sqlite-version.js';

describe('the version of SQLite', () => {
  it.each(['3.51.3', '3.51.10', '3.53.2', '3.100.0', '4.0.0', '4.0'])('may be %s', (version) => {
    expect(() => {
      checkSqliteVersion(version);
    }).not.toThrow();
  });

  it.each(['3.51.2', '3.51', '3.9.9', '3.40.1', '2.99.99'])(
    'may not be %s, which can damage a file',
    (version) => {
      expect(() => {
        checkSqliteVersion(version);
      }).toThrow(
        expect.objectContaining({
          code: 'OLD_SQLITE',
          message: expect.stringMatching(new RegExp(`SQLite ${version}, .* Install .* 3\\.51\\.3 or newer`)),
        }),
      );
    },
  );
});
