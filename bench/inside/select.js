// @ts-check
import process from 'node:process';
import { select } from '../limits/database.js';
import { costOf, nextKey, TOGETHER } from './job.js';

// What SQLite itself needs to find one of many sessions in the limits' table: prints the CPU microseconds of a SELECT.

const now = Date.now() / 1000;
const cost = await costOf(() => {
  for (let i = 0; i < TOGETHER; i += 1) select.get(nextKey(), now);
});
process.stdout.write(JSON.stringify({ select: cost }));
