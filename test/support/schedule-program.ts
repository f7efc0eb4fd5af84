/**
 * One of several processes whose visits a test lets take turns, step by step:
 * `node --import tsx test/support/schedule-program.ts FILE LIE`, with an IPC channel. It prints nothing; each message is
 * answered. LIE names what its driver does wrong, as in schedule-lies.ts.
 */
import {
  type Application,
  database,
  type Environ,
  environment,
  error,
  json,
  session,
  type SessionLayer,
  text,
} from 'tsgi';
import { client, TestClock } from 'tsgi/testing';
import { beginToLie } from './schedule-lies.js';
import type { Finding, Finish, Message, Parting, Sight, Step } from './schedule-steps.js';

const [file = '', lie = 'none'] = process.argv.slice(2);

/** The visits under way, by number. */
const desks = new Map<number, Desk>();

/** Hands the steps of one visit to its request, one by one. */
class Desk {
  reply: Promise<Parting> | undefined;
  #step: (step: Step | Finish) => void = () => undefined;
  #answer: (sight: Sight) => void = () => undefined;

  /** For the request. */
  next(): Promise<Step | Finish> {
    return new Promise((resolve) => (this.#step = resolve));
  }

  saw(sight: Sight): void {
    this.#answer(sight);
  }

  /** For whoever sends the messages. */
  take(step: Step): Promise<Sight> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#step(step);
    });
  }

  finish(how: Finish): void {
    this.#step(how);
  }
}

const clock = new TestClock();
const application: Application = error(
  database(
    environment(
      session(
        (environ) => {
          if (environ.PATH_INFO === '/lie') return startLying(environ);
          if (environ.PATH_INFO === '/find') return json(find(environ));
          if (environ.PATH_INFO === '/exists') return exists(environ);
          if (environ.PATH_INFO === '/count') return countUp(environ);
          return visit(environ, Number(environ.PATH_INFO.slice(1)));
        },
        { app: 'test', idle: 600, sweep: false, clock, setupEnvironment: true },
      ),
      { name: 'schedules' },
    ),
    { database: file, autoCreate: true, durability: 'process' },
  ),
);

const visitor = client(application, { clock });
const { code } = await visitor.get('/lie');
if (code !== 200) throw new Error(visitor.errors);
process.on('message', (message: Message) => {
  void answer(message).then((reply = null) => process.send?.(reply));
});
process.send?.('ready');

async function answer(message: Message): Promise<unknown> {
  if ('now' in message) {
    clock.set(message.now);
    return undefined;
  }
  if ('find' in message) return Promise.all(message.find.map(lookFor));
  if ('count' in message) return countTogether(message.count);
  if ('begin' in message) return begin(message.visit, message.begin.cookie);
  const desk = desks.get(message.visit);
  if (desk === undefined) throw new Error(`There is no visit ${message.visit}.`);
  if ('step' in message) return desk.take(message.step);
  desk.finish(message.finish);
  desks.delete(message.visit);
  return desk.reply;
}

function startLying(environ: SessionLayer) {
  beginToLie(environ['web.session.driver'], lie);
  return text(lie);
}

/** Resolves when the application waits for the first step. */
async function begin(number: number, cookie: string): Promise<void> {
  const desk = new Desk();
  desks.set(number, desk);
  const path = `/${number}`;
  desk.reply = visitor.get(path, { headers: { Cookie: cookie && `schedules=${cookie}` } }).then((reply) => {
    const set = /^schedules=([^;]*)/.exec(reply.header('Set-Cookie') ?? '')?.[1];
    return { status: reply.status, ...(set !== undefined && { cookie: set }) };
  });
  await new Promise((resolve) => setImmediate(resolve));
}

async function visit(environ: Environ & SessionLayer, number: number) {
  const desk = desks.get(number);
  if (desk === undefined) throw new Error(`There is no visit ${number}.`);
  for (;;) {
    const step = await desk.next();
    if (step === 'throw') throw new Error('The application was told to fail.');
    if (typeof step === 'string') return text(step, { status: step === 'ok' ? '200 OK' : '500 Failed' });
    const swapped = await perform(environ, step);
    const id = environ['web.session.manager'].visit.look()?.id;
    const values = valuesOf(environ);
    desk.saw({ values, ...(id !== undefined && { id }), ...(swapped !== undefined && { swapped }) });
  }
}

async function perform(environ: Environ & SessionLayer, step: Step): Promise<boolean | undefined> {
  const { 'web.session.manager': manager, 'web.session.store': store } = environ;
  switch (step.do) {
    case 'look':
      break;
    case 'set':
      store.set(step.key, step.value);
      break;
    case 'increment':
      store.increment(step.key);
      break;
    case 'double':
      store.update(step.key, (value) => Number(value ?? 0) * 2 + 1);
      break;
    case 'delete':
      store.delete(step.key);
      break;
    case 'compareAndSet':
      return store.compareAndSet(step.key, step.expected ?? undefined, step.value);
    case 'save':
      await manager.save();
      break;
    case 'regenerate':
      manager.regenerate({ grace: step.grace });
      break;
    case 'sweep':
      await manager.cleanup();
      break;
    default:
      manager[step.do]();
  }
  return undefined;
}

function valuesOf(environ: Environ & SessionLayer): Record<string, number> {
  return Object.fromEntries(environ['web.session.store'].items()) as Record<string, number>;
}

function find(environ: Environ & SessionLayer): Omit<Finding, 'exists'> {
  return { created: environ['web.session.manager'].created, values: valuesOf(environ) };
}

async function exists(environ: Environ & SessionLayer) {
  const { 'web.session.manager': manager } = environ;
  return json(await manager.exists(manager.cookieSessionID()));
}

async function lookFor(id: string): Promise<Finding> {
  const headers = { Cookie: `schedules=${id}` };
  const found = (await visitor.get('/find', { headers })).json() as Omit<Finding, 'exists'>;
  return { ...found, exists: (await visitor.get('/exists', { headers })).json() === true };
}

/** One visit that adds 1 by compareAndSet, and tells whether it was the one that did. */
async function countUp(environ: Environ & SessionLayer) {
  const store = environ['web.session.store'];
  const seen = Number(store.get('n') ?? 0);
  return json(await store.compareAndSet('n', store.get('n'), seen + 1));
}

/** Several visits at once that each go on until they have added 1 so many times. Answers how often it was tried. */
async function countTogether({ cookie, visits, each }: { cookie: string; visits: number; each: number }) {
  let [tries, swaps] = [0, 0];
  const one = async () => {
    for (let left = each; left > 0;) {
      const reply = await visitor.get('/count', { headers: { Cookie: `schedules=${cookie}` } });
      tries += 1;
      if (reply.json() !== true) continue;
      swaps += 1;
      left -= 1;
    }
  };
  await Promise.all(Array.from({ length: visits }, one));
  return { tries, swaps };
}
