// @ts-check
import process from 'node:process';
import { costOf } from './cost-of.js';
import { storedKeyOf } from './fill.js';
import { begin, commit, insert, select } from './limits/database.js';
import { LIFETIME } from './servers/table.js';

// What SQLite itself needs to find one of many sessions in the limits' table, which it fills when it is new: prints the CPU
// microseconds of a SELECT, as JSON.

/** @typedef {{ database: string, durability: 'process', sessions: number, seconds: number }} Job */

const job = readJob();
const now = Date.now() / 1000;
if (select.get(storedKeyOf(1), now) === undefined) store();
const keys = Array.from({ length: 100_000 }, () => storedKeyOf(1 + Math.floor(Math.random() * job.sessions)));
let turn = 0;

/** As many as `inside.js` does at once. */
const TOGETHER = 64;

const cost = await costOf(TOGETHER, job.seconds, () => {
  for (let i = 0; i < TOGETHER; i += 1) select.get(keys[(turn += 1) % keys.length], now);
});
process.stdout.write(JSON.stringify({ select: cost }));

function readJob() {
  /** @type {unknown} */
  const parsed = JSON.parse(process.argv[2] ?? '{}');
  return /** @type {Job} */ (parsed);
}

/** In the order of their keys, which is that of the table. */
function store() {
  const made = Array.from({ length: job.sessions }, (_, i) => storedKeyOf(i + 1)).sort();
  begin('writes');
  for (const key of made) insert.run(key, now + LIFETIME, now, JSON.stringify({ name: 'x'.repeat(10) }));
  commit();
}
