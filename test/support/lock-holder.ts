/** Holds the write lock of a database: `node --import tsx test/support/lock-holder.ts FILE MILLISECONDS`. */
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';

const [file = '', milliseconds = '0'] = process.argv.slice(2);
const database = new BetterSqlite3(file);
database.exec('BEGIN IMMEDIATE');
process.stdout.write('locked\n');
await delay(Number(milliseconds));
database.exec('ROLLBACK');
process.stdout.write('released\n');
database.close();
