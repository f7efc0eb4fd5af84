import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { type Application, database, environment, error, session, text } from '../../src/index.js';
import { type Client, client, TestClock } from '../../src/testing/index.js';
import { temporaryFolder } from '../support/processes.js';

let folder = temporaryFolder();
let handle: BetterSqlite3.Database;
let visitor: Client;
let clock: TestClock;
let heard: unknown[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  clock = new TestClock();
  heard = [];
  const file = folder.file('sessions.db');
  visitor = client(applicationOn(file), { clock });
  for (const number of [1, 2, 3]) await visitor.get(`/?${number}`, { headers: { Cookie: '' } });
  handle = new BetterSqlite3(file);
});

afterEach(async () => {
  handle.close();
  await visitor.close();
  folder.remove();
});

/** Each visit makes a session; `/clean` ends what has expired and calls the handlers. */
function applicationOn(file: string): Application {
  return error(
    database(
      environment(
        session(
          async (environ) => {
            const { 'web.session.manager': manager, 'web.session.store': store } = environ;
            if (environ.PATH_INFO === '/clean') return text(String(await manager.cleanup()));
            store.set('number', Number(environ.QUERY_STRING));
            await manager.notifyOnExpire('goodbye', 'telling-8f3a');
            return text('made');
          },
          {
            app: 'test',
            setupEnvironment: true,
            sweep: false,
            clock,
            handlers: { goodbye: (end) => heard.push(end.values.get('number')) },
          },
        ),
        { name: 'damage' },
      ),
      { database: file, autoCreate: true, durability: 'process' },
    ),
  );
}

async function clean(): Promise<string> {
  clock.advance(100_000);
  return (await visitor.get('/clean', { headers: { Cookie: '' } })).text();
}

describe('one damaged record of end handlers', () => {
  it.each([
    ['is no JSON', `'x' || substr(handlers, 2)`],
    ['is no list', `'7'`],
    ['has a part without a name', `replace(handlers, '"app"', '"apq"')`],
    ['names one handler twice', `'[{"app":"test","handler":"a"},{"app":"test","handler":"a"}]'`],
  ])('that %s lets the other sessions end, and be told of', async (_, damaged) => {
    handle.exec(`UPDATE damageSessions SET handlers = ${damaged} WHERE number = 2`);

    expect(await clean()).toBe('3');
    expect(heard).toEqual([1, 3]);
    expect(visitor.errors).not.toContain('telling');
  });

  it.each([
    ['values', `'x'`, [1, undefined, 3]],
    ['values', `'[7]'`, [1, undefined, 3]],
    ['detail', `'"telling-8f3a'`, [1, 2, 3]],
  ])('of an event, in its %s, is told without them: %s', async (column, damaged, told) => {
    handle.exec(`CREATE TRIGGER damage AFTER INSERT ON damageSessionEvents WHEN new.number = 2
      BEGIN UPDATE damageSessionEvents SET "${column}" = ${damaged} WHERE number = 2; END`);

    expect(await clean()).toBe('3');
    expect(heard).toEqual(told);
    expect(visitor.errors).not.toContain('telling');
  });
});
