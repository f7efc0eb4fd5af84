import { readdirSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  database,
  type DatabaseLayer,
  type Driver,
  type Environ,
  environment,
  type EnvironmentLayer,
  type EnvironmentOptions,
  json,
  type Reply,
  session,
  text,
} from 'tsgi';
import { type Client, client } from 'tsgi/testing';
import { MemoryDriver } from '../../src/stores/memory.js';
import { temporaryFolder } from '../support/processes.js';

type Inside = Environ & DatabaseLayer & EnvironmentLayer;

const folder = temporaryFolder();
const clients: Client[] = [];
let files = 0;

afterEach(async () => {
  for (const opened of clients.splice(0)) await opened.close();
});

afterAll(() => {
  folder.remove();
});

function newFile(): string {
  files += 1;
  return folder.file(`environment-${files}.db`);
}

function visitor(app: (environ: Inside) => Reply | Promise<Reply>, name = 'test', file = newFile()): Client {
  return open(database(environment(app, { name }), { database: file, autoCreate: true }));
}

function open(application: Application): Client {
  const made = client(application);
  clients.push(made);
  return made;
}

const driverOf = (environ: Inside) => environ['web.environment.driver'];
const tablesOf = (environ: Inside) =>
  environ['web.database.cursor']
    .execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .fetchAll()
    .map((row) => String(row['name']))
    .filter((name) => !name.startsWith('sqlite_'));

describe('environment', () => {
  it('sets its name, its type and its driver', async () => {
    const application: Application = environment(
      (environ) =>
        json([
          environ['web.environment.name'],
          environ['web.environment.type'],
          'load' in environ['web.environment.driver'],
        ]),
      { name: 'shop', storage: 'memory' },
    );

    expect((await open(application).get('/')).text()).toBe('["shop","memory",true]');
  });

  it('creates, checks and removes its tables when told, and may be told twice', async () => {
    const answer = await visitor(async (environ) => {
      const driver = driverOf(environ);
      const before = await driver.completeEnvironment();
      await driver.createEnvironment();
      await driver.createEnvironment();
      const created = [await driver.completeEnvironment(), tablesOf(environ)];
      await driver.removeEnvironment();
      await driver.removeEnvironment({ ignoreErrors: true });
      const again = await driver
        .removeEnvironment()
        .catch((error: unknown) => (error as { code: string }).code);
      return json({ before, created, removed: tablesOf(environ), again });
    }).get('/');

    expect(JSON.parse(answer.text())).toEqual({
      before: false,
      created: [true, expect.arrayContaining(['testSessions', 'testSessionStore', 'tsgiEnvironments'])],
      removed: ['tsgiEnvironments'],
      again: 'NO_TABLES',
    });
  });

  it('keeps two environments of one file apart, and leaves the user’s own tables alone', async () => {
    const file = newFile();
    const counter = (name: string): Application =>
      database(
        environment(
          session(
            (environ) => {
              environ['web.database.cursor'].execute('CREATE TABLE IF NOT EXISTS mine (a)');
              return text(String(environ['web.session.store'].increment('n')));
            },
            { app: 'test', setupEnvironment: true, sweep: false },
          ),
          { name },
        ),
        { database: file, autoCreate: true },
      );
    const [one, two] = [open(counter('one')), open(counter('two'))];
    await one.get('/');
    two.cookies.set('two', one.cookies.get('one') ?? '');

    expect((await one.get('/')).text()).toBe('2');
    expect((await two.get('/')).text()).toBe('1');

    await visitor(
      async (environ) => (await driverOf(environ).removeEnvironment(), text('')),
      'one',
      file,
    ).get('/');
    expect((await two.get('/')).text()).toBe('2');
  });

  it('refuses a name that differs from one in the file by case only', async () => {
    const file = newFile();
    const create = async (environ: Inside) => (await driverOf(environ).createEnvironment(), text(''));
    await visitor(create, 'shop', file).get('/');

    await expect(visitor(create, 'Shop', file).get('/')).rejects.toMatchObject({ code: 'NAME_CASE' });
  });

  it.each([
    '',
    ' ',
    'my shop',
    'shop;',
    '1shop',
    'sqlite_shop',
    'SQLITE_x',
    'tsgi',
    'é',
    'a"b',
    'x'.repeat(65),
    7,
    null,
  ])('refuses the name %j with a sentence', (name) => {
    const make = () => environment(() => text(''), { name: name as string, storage: 'memory' });

    expect(make).toThrow(/cannot name an environment\. A name has 1 to 64 letters/);
  });

  it('refuses a storage that it does not know', () => {
    const options = { name: 'shop', storage: 'redis' } as unknown as EnvironmentOptions;

    expect(() => environment(() => text(''), options)).toThrow(
      'environment() got the storage "redis". There are: database, memory, file, or a driver of your own.',
    );
  });

  it('keeps sessions in files when told, without a database, and they are there after a restart', async () => {
    const directory = newFile();
    const before = open(counterIn({ name: 'shop', storage: 'file', directory }));
    await before.get('/');
    await before.close();

    const after = open(counterIn({ name: 'shop', storage: 'file', directory }));
    after.cookies.set('shop', before.cookies.get('shop') ?? '');

    expect((await after.get('/')).text()).toBe('file 2');
    expect(readdirSync(directory)).toEqual(['shop']);
  });

  it('keeps two environments of one directory apart', async () => {
    const directory = newFile();
    const one = open(counterIn({ name: 'one', storage: 'file', directory }));
    const two = open(counterIn({ name: 'two', storage: 'file', directory }));
    await one.get('/');
    two.cookies.set('two', one.cookies.get('one') ?? '');

    expect((await one.get('/')).text()).toBe('file 2');
    expect((await two.get('/')).text()).toBe('file 1');
  });

  it('keeps sessions in a driver of your own, and leaves it open', async () => {
    const driver = new ClosableDriver();
    const before = open(counterIn({ name: 'shop', storage: driver }));
    await before.get('/');
    await before.close();

    const after = open(counterIn({ name: 'shop', storage: driver }));
    after.cookies.set('shop', before.cookies.get('shop') ?? '');

    expect((await after.get('/')).text()).toBe('own 2');
    expect(driver.closed).toBe(0);
  });

  it.each([
    ['null', null, 'is no object'],
    ['a number', 7, 'is no object'],
    ['an object without powers', {}, 'has no Set powers'],
    ['a list as powers', lacking({ powers: ['shared'] }), 'has no Set powers'],
    ['no load()', lacking({ load: undefined }), 'has no method load()'],
    ['no sweep()', lacking({ sweep: 'often' }), 'has no method sweep()'],
    ['events without settle()', lacking({ settle: undefined }), 'has no method settle()'],
    ['locks without unlock()', lacking({ unlock: undefined }), 'has no method unlock()'],
    ['a quarantine without a list', lacking({ quarantined: undefined }), 'has no method quarantined()'],
  ])('refuses what is no driver: %s', (_, storage, what) => {
    const options = { name: 'shop', storage } as unknown as EnvironmentOptions;

    expect(() => environment(() => text(''), options)).toThrow(
      expect.objectContaining({
        code: 'BAD_DRIVER',
        message: `environment() got a storage of your own that ${what}. Give an object that implements Driver.`,
      }),
    );
  });

  it('takes a driver that has only what every driver has', () => {
    const powerless = lacking({
      powers: new Set(),
      claim: undefined,
      lock: undefined,
      quarantined: undefined,
    });
    const options = { name: 'shop', storage: powerless } as unknown as EnvironmentOptions;

    expect(() => environment(() => text(''), options)).not.toThrow();
  });

  it.each<[string, Partial<EnvironmentOptions>]>([
    ['for another storage', { storage: 'memory', directory: 'sessions' }],
    ['for the default one', { directory: 'sessions' }],
    ['that is empty', { storage: 'file', directory: '' }],
  ])('refuses a directory %s', (_, options) => {
    const make = () => environment(() => text(''), { name: 'shop', ...options });

    expect(make).toThrow(expect.objectContaining({ code: 'BAD_DIRECTORY' }));
  });

  it('inside another hides its keys until it is left', async () => {
    const inner = environment((environ) => text(environ['web.environment.name']), {
      name: 'inner',
      storage: 'memory',
    });
    const names: string[] = [];
    const outer: Application = environment(
      (environ) => {
        const reply = inner(environ);
        names.push(environ['web.environment.name']);
        return reply;
      },
      { name: 'outer', storage: 'memory' },
    );
    // the outer application calls the inner one itself, so nothing has opened it yet
    await open(inner).open();

    expect((await open(outer).get('/')).text()).toBe('inner');
    expect(names).toEqual(['outer']);
  });
});

/** Counts visits, and says what the environment's type is. */
function counterIn(options: EnvironmentOptions & { storage: 'file' | Driver }): Application {
  return environment(
    session(
      (environ) =>
        text(`${environ['web.environment.type']} ${String(environ['web.session.store'].increment('n'))}`),
      { app: 'test', setupEnvironment: true, sweep: false },
    ),
    options,
  );
}

class ClosableDriver extends MemoryDriver {
  closed = 0;

  close(): void {
    this.closed += 1;
  }
}

/** A driver but for these members. */
function lacking(members: Readonly<Record<string, unknown>>): unknown {
  return Object.assign(new MemoryDriver(), members);
}
