import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { createInterface } from 'node:readline';
import BetterSqlite3 from 'better-sqlite3';
import { type HttpResponse, request } from './http.js';

export interface ServerOptions {
  durability?: 'power' | 'process';
  /** Whether a missing file is made. Default false. */
  create?: boolean;
  /** What the program is run by: `setpriv --reuid 65534`. */
  by?: readonly string[];
}

/** A server of test/support/fault-server.ts. */
export interface FaultServer {
  readonly url: string;
  readonly pid: number;
  /** What it has logged. */
  log(): string;
  /** Whether it is there. */
  lives(): boolean;
  /** Ends it, and resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a server. Throws what it said when it does not start. */
export async function startServer(file: string, options: ServerOptions = {}): Promise<FaultServer> {
  const child = run(file, options);
  const url = await child.line;
  if (url === undefined) throw new Error(`The server did not start: ${child.log()}`);
  return {
    url,
    pid: child.process.pid ?? 0,
    log: child.log,
    lives: () => child.process.exitCode === null && child.process.signalCode === null,
    async end(signal) {
      child.process.kill(signal);
      await child.closed;
    },
  };
}

/** Starts a server that is to refuse, and answers its exit code and what it said. */
export async function failToStart(
  file: string,
  options: ServerOptions = {},
): Promise<{ code: number | null; said: string }> {
  const child = run(file, options);
  await child.closed;
  return { code: child.process.exitCode, said: child.log() };
}

function run(file: string, { durability = 'power', create = false, by = [] }: ServerOptions) {
  const program = ['--import', 'tsx', 'test/support/fault-server.ts', file, durability];
  const [command = '', ...args] = by.concat(process.execPath, program, create ? 'create' : '');
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const closed = once(child, 'close').then(() => undefined);
  const line = once(createInterface({ input: child.stdout }), 'line').then(([first]) => first as string);
  return { process: child, log: () => said, line: Promise.race([line, closed]), closed };
}

/** What the server answered: its status, and on 200 whose session it was. */
export interface Seen {
  readonly status: number;
  readonly user: string | null;
  readonly n: number;
  readonly response: HttpResponse;
}

/** Somebody who signs in, and counts upwards in a session. No answer with 200 may be for somebody else, or for nobody. */
export class Visitor {
  readonly name: string;
  /** The last number that the server has acknowledged, and the last that was sent. */
  acknowledged = 0;
  sent = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  #cookie = '';

  constructor(name: string) {
    this.name = name;
  }

  /** Begins a new session, whatever there was before. */
  async signIn(server: FaultServer): Promise<this> {
    this.#cookie = '';
    this.acknowledged = this.sent = 0;
    const { status, response } = await this.#ask(`${server.url}/sign-in?user=${this.name}`);
    if (status !== 200) throw new Error(`${this.name} could not sign in: ${status}`);
    this.#cookie = response.header('set-cookie')?.split(';')[0] ?? '';
    return this;
  }

  async write(server: FaultServer): Promise<Seen> {
    const n = (this.sent += 1);
    const seen = await this.#ask(`${server.url}/write?n=${n}`);
    if (seen.status === 200) this.acknowledged = Math.max(n, this.acknowledged);
    return seen;
  }

  read(server: FaultServer): Promise<Seen> {
    return this.#ask(`${server.url}/`);
  }

  /** Whether the number is none that can be stored: older than the last acknowledged, or never sent. */
  hasLost(seen: Seen | undefined): boolean {
    return seen?.status !== 200 || seen.n < this.acknowledged || seen.n > this.sent;
  }

  /** Somebody with the same session, who knows the same of it. */
  twin(): Visitor {
    const twin = new Visitor(this.name);
    twin.#cookie = this.#cookie;
    twin.acknowledged = this.acknowledged;
    twin.sent = this.sent;
    return twin;
  }

  leave(): void {
    this.#agent.destroy();
  }

  async #ask(url: string): Promise<Seen> {
    const headers = this.#cookie === '' ? {} : { cookie: this.#cookie };
    const response = await request(url, { agent: this.#agent, headers });
    const status = parseInt(response.status);
    if (status !== 200) return { status, user: null, n: 0, response };
    const { user, n } = JSON.parse(response.body) as { user: string | null; n: number };
    if (user !== this.name) throw new Error(`${this.name} was answered as ${String(user)}`);
    return { status, user, n, response };
  }
}

/** What SQLite says of the whole file: `ok`. */
export function integrityOf(file: string): unknown {
  const database = new BetterSqlite3(file, { timeout: 5000 });
  try {
    return database.pragma('integrity_check', { simple: true });
  } finally {
    database.close();
  }
}
