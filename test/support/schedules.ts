import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Random } from './random.js';
import { Model } from './schedule-model.js';
import type { Finding, Finish, Message, Parting, Sight, Step } from './schedule-steps.js';

/** What a kind of schedule is about: what happens between the steps of other visits. */
export interface Kind {
  readonly name: string;
  readonly events: readonly Step[];
}

const KEYS = ['left', 'right', 'n', 'm'];

/** Several processes on one file, whose visits take turns. */
export class Processes {
  readonly #children: readonly ChildProcess[];
  readonly #exits: readonly Promise<unknown>[];
  /** Aborted when one of them ends, so that nobody waits for its answer. */
  readonly #ended = new AbortController();
  /** The processes and the schedules share a time that only goes on. */
  #now = 1_800_000_000;

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    this.#exits = children.map((child) => once(child, 'exit').finally(() => this.#ended.abort()));
  }

  /** With a lie they work wrong, as test/support/schedule-lies.ts lists. */
  static async start(many: number, file: string, lie = 'none'): Promise<Processes> {
    const processes = new this(
      Array.from({ length: many }, () =>
        fork('test/support/schedule-program.ts', [file, lie], { execArgv: ['--import', 'tsx'] }),
      ),
    );
    try {
      await Promise.all(processes.#children.map((child) => processes.#answerOf(child)));
    } catch (error) {
      await processes.stop();
      throw error;
    }
    return processes;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(this.#exits);
  }

  /** Sends a message to one of them, and resolves with its answer. Rejects when a process has ended. */
  async ask<T>(child: number, message: Message): Promise<T> {
    const process = this.#children[child % this.#children.length] as ChildProcess;
    const answer = this.#answerOf(process);
    process.send(message, () => undefined); // what cannot be sent is not answered either
    return (await answer) as T;
  }

  async #answerOf(child: ChildProcess): Promise<unknown> {
    const [answer] = (await once(child, 'message', { signal: this.#ended.signal })) as [unknown];
    return answer;
  }

  /** Sends a message to all of them at once. */
  askAll<T>(message: Message): Promise<T[]> {
    return Promise.all(this.#children.map((_, child) => this.ask<T>(child, message)));
  }

  /** Lets time pass, in all of them. Answers what time it is. */
  async pass(seconds: number): Promise<number> {
    this.#now += seconds;
    await this.askAll({ now: this.#now });
    return this.#now;
  }

  get many(): number {
    return this.#children.length;
  }
}

/** Runs the schedule that follows from a seed. The model that it answers has judged it. */
export async function runSchedule(processes: Processes, kind: Kind, seed: number): Promise<Model> {
  const schedule = new Schedule(processes, kind, new Random(seed), await processes.pass(20_000));
  await schedule.run();
  return schedule.model;
}

class Schedule {
  readonly model: Model;
  readonly #processes: Processes;
  readonly #kind: Kind;
  readonly #random: Random;
  /** The process of each visit under way. */
  readonly #open = new Map<number, number>();
  #begun = 0;

  constructor(processes: Processes, kind: Kind, random: Random, now: number) {
    this.#processes = processes;
    this.#kind = kind;
    this.#random = random;
    this.model = new Model(now);
  }

  async run(): Promise<void> {
    const first = await this.#begin('');
    await this.#step(first, { do: 'set', key: 'n', value: 1 });
    await this.#finish(first, 'ok');
    for (let turns = 20 + this.#random.below(40); turns > 0; turns -= 1) await this.#turn();
    while (this.#open.size > 0) await this.#finish(this.#anyVisit(), this.#anyFinish());
    const find = this.model.ids;
    this.model.found(await this.#processes.ask<Finding[]>(this.#random.below(9), { find }));
  }

  async #turn(): Promise<void> {
    const chance = this.#random.below(100);
    if (chance < 6) await this.#pass();
    else if (this.#open.size === 0 || (this.#open.size < 5 && chance < 35))
      await this.#begin(this.#anyCookie());
    else if (chance < 80) await this.#step(this.#anyVisit(), this.#anyStep());
    else await this.#finish(this.#anyVisit(), this.#anyFinish());
  }

  /** A little, longer than any grace, or longer than any session lives. */
  async #pass(): Promise<void> {
    const seconds = this.#random.percent(70) ? 1 + this.#random.below(4) : 11;
    this.model.now = await this.#processes.pass(this.#random.percent(10) ? 10_000 : seconds);
  }

  async #begin(cookie: string): Promise<number> {
    const visit = (this.#begun += 1);
    const process = this.#random.below(this.#processes.many);
    this.#open.set(visit, process);
    this.model.begin(visit, cookie);
    await this.#processes.ask(process, { visit, begin: { cookie } });
    return visit;
  }

  async #step(visit: number, wanted: Step): Promise<void> {
    const step = this.model.adapted(visit, wanted);
    this.model.step(visit, step, await this.#processes.ask<Sight>(this.#processOf(visit), { visit, step }));
  }

  async #finish(visit: number, finish: Finish): Promise<void> {
    const parting = await this.#processes.ask<Parting>(this.#processOf(visit), { visit, finish });
    this.#open.delete(visit);
    this.model.finish(visit, finish, parting);
  }

  #processOf(visit: number): number {
    return this.#open.get(visit) ?? 0;
  }

  #anyVisit(): number {
    return this.#random.one([...this.#open.keys()]);
  }

  /** Most visitors have the id of a live session; some have one that ended or that was superseded, or none. */
  #anyCookie(): string {
    const { newest, ids } = this.model;
    if (newest.length > 0 && this.#random.percent(75)) return this.#random.one(newest);
    return this.#random.percent(80) ? this.#random.one(ids) : '';
  }

  #anyFinish(): Finish {
    return this.#random.one<Finish>(['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'fail', 'throw']);
  }

  #anyStep(): Step {
    const { events } = this.#kind;
    if (events.length > 0 && this.#random.percent(18)) return this.#random.one(events);
    const key = this.#random.one(KEYS);
    const value = this.#random.below(1000);
    return this.#random.one<Step>([
      { do: 'look' },
      { do: 'set', key, value },
      { do: 'set', key, value },
      { do: 'increment', key },
      { do: 'increment', key },
      { do: 'double', key },
      { do: 'delete', key },
      { do: 'compareAndSet', key, expected: null, value },
      { do: 'save' },
      this.#random.percent(20) ? { do: 'sweep' } : { do: 'look' },
    ]);
  }
}
