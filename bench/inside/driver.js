// @ts-check
import process from 'node:process';
import { cgi, database, environment, error, jsonCodec, session, text } from 'tsgi';
import { client } from 'tsgi/testing';
import { storedKeyOf } from '../sessions/fill.js';
import { COOKIE } from '../servers/table.js';
import { costOf, job, nextKey, TOGETHER } from './job.js';

// What a session costs without HTTP: prints the CPU microseconds of a load and of a commit that sets one value.

const driver = await openDriver();
const values = ['x', 'y'].map((letter) => jsonCodec.encode(letter.repeat(job.bytes)));
let turn = 0;

const load = await costOf(() => {
  for (let i = 0; i < TOGETHER; i += 1) driver.loadNow?.(nextKey());
});
const commit = await costOf(() => Promise.all(Array.from({ length: TOGETHER }, commitOne)));
process.stdout.write(JSON.stringify({ load, commit }));

/** Of an application that is open, as long as the process runs. */
async function openDriver() {
  /** @type {import('tsgi').Driver | undefined} */
  let found;
  const inside = cgi((/** @type {import('tsgi').Environ & import('tsgi').SessionLayer} */ environ) => {
    found = environ['web.session.driver'];
    return text('');
  });
  const application = error(
    database(environment(session(inside, { app: 'bench', sweep: false }), { name: COOKIE }), {
      database: job.database,
      durability: job.durability,
    }),
  );
  await client(application).get('/');
  if (found?.loadNow?.(storedKeyOf(1)) === undefined) throw new Error(`${job.database} has no sessions.`);
  return found;
}

function commitOne() {
  const value = values[(turn += 1) % values.length] ?? '';
  const change = /** @type {const} */ ({ kind: 'set', value });
  const changes = new Map([['bench', { empty: false, keys: new Map([['name', change]]) }]]);
  return driver.commit({ key: nextKey(), now: Date.now() / 1000, changes });
}
