/** Opens databases and says what came of it, a line each: `node --import tsx test/support/open-program.ts FILE…`. */
import { codeOfError, statusOfError } from '../../src/app/errors.js';
import { SqliteDatabase } from '../../src/database/sqlite.js';

for (const file of process.argv.slice(2)) {
  try {
    const database = await SqliteDatabase.open({ database: file, autoCreate: true });
    await database.close();
    process.stdout.write('opened\n');
  } catch (error) {
    process.stdout.write(`${statusOfError(error)} ${String(codeOfError(error))}: ${String(error)}\n`);
  }
}
