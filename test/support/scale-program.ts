/**
 * Measures an application with a few and with many stored sessions, in a process that does nothing else:
 * `node --import tsx test/support/scale-program.ts SMALL FEW LARGE MANY`. It fills both files, prints the milliseconds that
 * a request takes on each, lets all sessions of LARGE expire, sweeps them while requests go on, and prints how long the
 * event loop was delayed.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type Application, cgi, database, environment, error, session, text } from 'tsgi';
import { client, type Client, TestClock } from 'tsgi/testing';
import { idOf, multiply } from './many-sessions.js';
import { queuedTime } from './queued-time.js';

const [small = '', few = '', large = '', many = ''] = process.argv.slice(2);

const ROUNDS = 25;
const REQUESTS = 400;
const TOGETHER = 8;

const clock = new TestClock();
const files = [
  { file: small, sessions: Number(few) },
  { file: large, sessions: Number(many) },
];

for (const { file, sessions } of files) await fill(file, sessions);
const visitors = files.map(({ file, sessions }) => ({ visitor: visitorOf(file), sessions }));
const [, crowd] = visitors;
if (crowd === undefined) throw new Error('There is no second file.');

for (const path of ['/read', '/write']) print(path, await compare(path));
print('sweep', await sweep(crowd.visitor));
for (const { visitor } of visitors) await visitor.close();

function print(what: string, figures: object): void {
  process.stdout.write(`${JSON.stringify({ what, ...figures })}\n`);
}

function visitorOf(file: string): Client {
  const application: Application = error(
    database(
      environment(
        session(
          cgi(async (environ) => {
            const { 'web.session.manager': manager, 'web.session.store': store } = environ;
            switch (environ.PATH_INFO) {
              case '/make':
                store.set('user', 'anna');
                store.set('cart', [{ item: 'tea', many: 2 }]);
                store.set('visits', 0);
                return text('made');
              case '/read':
                return text(`${String(store.get('user'))} ${String(manager.created)}`);
              case '/write':
                return text(`${store.increment('visits')} ${String(manager.created)}`);
              default:
                return text(String(await manager.cleanup()));
            }
          }),
          { app: 'test', setupEnvironment: true, sweep: false, clock },
        ),
        { name: 'scale' },
      ),
      { database: file, autoCreate: true },
    ),
  );
  return client(application, { clock });
}

async function fill(file: string, sessions: number): Promise<void> {
  const visitor = visitorOf(file);
  await visitor.get('/make');
  await visitor.close();
  multiply(file, 'scale', sessions);
}

/** The median milliseconds of a request with few and with many sessions, in rounds that take turns. */
async function compare(path: string) {
  const rounds = visitors.map(() => ({ wall: [] as number[], cpu: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [i, { visitor, sessions }] of visitors.entries()) {
      const [wall, cpu] = [performance.now(), process.cpuUsage()];
      for (let done = 0; done < REQUESTS; done += TOGETHER) await visitTogether(visitor, path, sessions);
      const { user, system } = process.cpuUsage(cpu);
      if (round === 0) continue; // the first warms up
      rounds[i]?.wall.push((performance.now() - wall) / REQUESTS);
      rounds[i]?.cpu.push((user + system) / 1000 / REQUESTS);
    }
  }
  const [first, second] = rounds.map(({ wall, cpu }) => ({ wall: medianOf(wall), cpu: medianOf(cpu) }));
  return { few: first, many: second };
}

async function visitTogether(visitor: Client, path: string, sessions: number): Promise<void> {
  const one = async () => {
    const id = idOf(1 + Math.floor(Math.random() * sessions));
    const answer = await visitor.get(path, { headers: { Cookie: `scale=${id}` } });
    if (answer.code !== 200 || !answer.text().endsWith(' false')) throw new Error(answer.text());
  };
  await Promise.all(Array.from({ length: TOGETHER }, one));
}

function medianOf(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** Ends all sessions by one clean-up, while others come, make a session and use it. */
async function sweep(visitor: Client) {
  clock.advance(100_000);
  let isOver = false;
  let requests = 0;
  const others = async () => {
    while (!isOver) {
      const made = await visitor.get('/make', { headers: { Cookie: '' } });
      const cookie = made.header('Set-Cookie')?.split(';')[0] ?? '';
      const used = await visitor.get('/write', { headers: { Cookie: cookie } });
      if (used.text() !== '1 false') throw new Error(used.text());
      requests += 2;
      await delay(2);
    }
  };
  const watch = watchLoop();
  const going = Promise.all([others(), others(), others(), others()]);
  await delay(200);
  const start = performance.now();
  const removed = Number((await visitor.get('/clean', { headers: { Cookie: '' } })).text());
  const seconds = (performance.now() - start) / 1000;
  isOver = true;
  await going;
  return { removed, seconds, requests, ...watch.stop() };
}

/** How late a timer of a millisecond is: by the clock, and without the time in which others had the processor. */
function watchLoop() {
  const queued = queuedTime();
  const delays: number[] = [];
  const own: number[] = [];
  let last = { time: performance.now(), queued: queued() };
  const timer = setInterval(() => {
    const next = { time: performance.now(), queued: queued() };
    const late = next.time - last.time - 1;
    delays.push(late);
    own.push(late - (next.queued - last.queued));
    last = next;
  }, 1);
  return {
    stop: () => {
      clearInterval(timer);
      return { delays: spread(delays), own: spread(own) };
    },
  };
}

function spread(numbers: number[]) {
  const sorted = numbers.sort((a, b) => a - b);
  return { most: sorted[Math.floor(sorted.length * 0.999)], longest: sorted.at(-1) };
}
