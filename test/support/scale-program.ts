/**
 * Measures an application with a few and with many stored sessions, in a process that does nothing else:
 * `node --import tsx test/support/scale-program.ts SMALL FEW LARGE MANY`. It fills both files, prints the milliseconds that
 * a request takes on each, lets all sessions of LARGE expire, sweeps them while requests go on, and prints how long the
 * event loop was delayed.
 */
import { Agent } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type Application, cgi, database, environment, error, session, text } from 'tsgi';
import { serve } from 'tsgi/node';
import { client, TestClock } from 'tsgi/testing';
import { request } from './http.js';
import { idOf, multiply } from './many-sessions.js';
import { queuedTime } from './queued-time.js';

const [small = '', few = '', large = '', many = ''] = process.argv.slice(2);

const ROUNDS = 25;
const REQUESTS = 400;
const TOGETHER = 8;

const clock = new TestClock();
const agent = new Agent({ keepAlive: true, maxSockets: TOGETHER });
const sites = [
  { file: small, sessions: Number(few) },
  { file: large, sessions: Number(many) },
].map((site) => ({ ...site, application: applicationOn(site.file) }));

for (const site of sites) await fill(site);
const open = await Promise.all(sites.map(openSite));
for (const path of ['/read', '/write']) {
  print({ path, http: await compare(path, 'http'), inside: await compare(path, 'inside') });
}
print(await sweep(open[1] as Site));
agent.destroy();
for (const { close } of open) await close();

/** What a visitor with that cookie is answered. */
type Visit = (path: string, cookie: string) => Promise<{ text: string; cookie: string }>;

interface Site {
  readonly sessions: number;
  /** Over a socket, and without one. */
  readonly http: Visit;
  readonly inside: Visit;
  readonly close: () => Promise<unknown>;
}

async function openSite({ application, sessions }: (typeof sites)[number]): Promise<Site> {
  const visitor = client(application, { clock });
  const server = await serve(application, { port: 0, signals: false });
  return {
    sessions,
    async http(path, cookie) {
      const answer = await request(server.url + path, { agent, headers: { cookie } });
      return { text: answer.body, cookie: answer.header('Set-Cookie')?.split(';')[0] ?? '' };
    },
    async inside(path, cookie) {
      const answer = await visitor.get(path, { headers: { Cookie: cookie } });
      return { text: answer.text(), cookie: answer.header('Set-Cookie')?.split(';')[0] ?? '' };
    },
    close: async () => Promise.all([server.close(), visitor.close()]),
  };
}

function print(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function applicationOn(file: string): Application {
  return error(
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
                return text(`${store.size} ${String(manager.created)}`);
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
}

async function fill({ application, file, sessions }: (typeof sites)[number]): Promise<void> {
  const visitor = client(application, { clock });
  await visitor.get('/make');
  await visitor.close();
  multiply(file, 'scale', sessions);
}

/** The median milliseconds of a request with few and with many sessions, in rounds that take turns. */
async function compare(path: string, way: 'http' | 'inside') {
  const rounds = open.map(() => ({ wall: [] as number[], cpu: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [i, site] of open.entries()) {
      const [wall, cpu] = [performance.now(), process.cpuUsage()];
      for (let done = 0; done < REQUESTS; done += TOGETHER) await visitTogether(site, site[way], path);
      const { user, system } = process.cpuUsage(cpu);
      if (round === 0) continue; // the first warms up
      rounds[i]?.wall.push((performance.now() - wall) / REQUESTS);
      rounds[i]?.cpu.push((user + system) / 1000 / REQUESTS);
    }
  }
  const [first, second] = rounds.map(({ wall, cpu }) => ({ wall: medianOf(wall), cpu: medianOf(cpu) }));
  return { few: first, many: second };
}

async function visitTogether({ sessions }: Site, visit: Visit, path: string): Promise<void> {
  const one = async () => {
    const id = idOf(1 + Math.floor(Math.random() * sessions));
    const { text: answer } = await visit(path, `scale=${id}`);
    if (!answer.endsWith(' false')) throw new Error(answer);
  };
  await Promise.all(Array.from({ length: TOGETHER }, one));
}

function medianOf(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** Ends all sessions by one clean-up, while others come, make a session and use it. */
async function sweep({ inside }: Site) {
  clock.advance(100_000);
  let isOver = false;
  let requests = 0;
  const others = async () => {
    while (!isOver) {
      const { cookie } = await inside('/make', '');
      const { text: used } = await inside('/write', cookie);
      if (used !== '1 false') throw new Error(used);
      requests += 2;
      await delay(2);
    }
  };
  const going = Promise.all([others(), others(), others(), others()]);
  await delay(200);
  const watch = watchLoop();
  const start = performance.now();
  const removed = Number((await inside('/clean', '')).text);
  const seconds = (performance.now() - start) / 1000;
  const delays = watch.stop();
  isOver = true;
  await going;
  return { removed, seconds, requests, ...delays };
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
