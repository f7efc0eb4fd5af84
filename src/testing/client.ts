import type { Application } from '../app/application.js';
import type { Environ, ErrorStream } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import { runFinished } from '../app/finished.js';
import type { Resources } from '../app/layer.js';
import { closeApplication, openApplication } from '../app/life.js';
import type { Reply } from '../app/reply.js';
import { type Clock, systemClock } from '../stores/clock.js';
import { Answer, headersNamed, readBody } from './answer.js';
import { CookieJar } from './cookie-jar.js';
import { addressOf, environOf, type Target, targetOf } from './environ.js';
import { encodeBody, type RequestOptions } from './request.js';

export interface ClientOptions {
  /** The time by which cookies end. Default: the machine's. Give it the clock that the application has. */
  clock?: Clock;
  /** Default `http`. With `https`, Secure cookies are taken and sent. */
  scheme?: 'http' | 'https';
  /** Default `localhost`. A port may follow: `localhost:8080`. */
  host?: string;
  /** What the environ of every request holds besides, or instead: `{ 'tsgi.run_once': true }`. */
  environ?: Partial<Environ>;
}

/**
 * A visitor of an application, without a socket: it keeps cookies, opens the application before its first request and
 * runs `tsgi.finished` after each.
 *
 * ```ts
 * const visitor = client(application, { clock: new TestClock() });
 * const answer = await visitor.post('/login', { form: { name: 'Ada' } });
 * expect(answer.status).toBe('303 See Other');
 * expect((await visitor.follow(answer)).text()).toContain('Welcome, Ada');
 * await visitor.close();
 * ```
 *
 * Two clients of one application are two visitors: they share its life, and nothing else.
 */
export function client(application: Application, options: ClientOptions = {}): Client {
  return new Client(application, options);
}

/** Made by `client`. */
export class Client {
  /** What this visitor's browser keeps. */
  readonly cookies: CookieJar;
  readonly #application: Application;
  readonly #home: Target;
  readonly #environ: Partial<Environ>;
  readonly #log: ErrorStream = { write: (text) => (this.#errors += text) };
  #errors = '';
  #opened: Promise<void> | undefined;

  constructor(
    application: Application,
    { clock = systemClock, scheme = 'http', host = 'localhost', environ = {} }: ClientOptions,
  ) {
    this.#application = application;
    this.#home = targetOf('/', { scheme, host });
    this.#environ = environ;
    this.cookies = new CookieJar(clock, this.#home);
  }

  /** Everything written to `tsgi.errors` so far. */
  get errors(): string {
    return this.#errors;
  }

  /** `request` with GET. */
  get(address: string, options?: RequestOptions): Promise<Answer> {
    return this.request('GET', address, options);
  }

  /** `request` with POST. */
  post(address: string, options?: RequestOptions): Promise<Answer> {
    return this.request('POST', address, options);
  }

  /**
   * Sends a request to a path (`/path?x=1`) or a whole address (`https://example.org/`), which the same application
   * answers. The answer is complete: the body is read, or ended when a HEAD, 204 or 304 has none, and the callbacks of
   * `tsgi.finished` have run.
   *
   * Rejects with what the application or its body throws, after those callbacks.
   * @throws TsgiError `BAD_ADDRESS`, `BAD_HEADER` or `TWO_BODIES` for a request that cannot be sent.
   */
  async request(method: string, address: string, options: RequestOptions = {}): Promise<Answer> {
    const target = targetOf(address, this.#home);
    const environ = await this.#environOf(method, target, options);
    await this.open();
    const { reply, content } = await this.#run(environ, target);
    return new Answer({ method, address: addressOf(target), options }, reply, content);
  }

  /**
   * Goes where a redirect leads, one step. With GET as browsers do; 307 and 308 repeat the request instead.
   * @throws TsgiError `NOT_A_REDIRECT` when the answer is none.
   */
  async follow(answer: Answer): Promise<Answer> {
    const { method, address, options } = answer.request;
    const location = answer.header('Location');
    if (location === undefined || !REDIRECTS.includes(answer.code)) throw notARedirect(answer);
    const next = new URL(location, address).href;
    if (answer.code >= 307) return this.request(method, next, options);
    return this.request(method === 'HEAD' ? 'HEAD' : 'GET', next);
  }

  /** Opens the application, as the first request does by itself. After a failure it may be tried again. */
  open(): Promise<void> {
    this.#opened ??= openApplication(this.#application, this.#resources()).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Closes the application. The next request opens it again, with the cookies there are: a server that was restarted. */
  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    await opened;
    await closeApplication(this.#application);
  }

  async #environOf(method: string, target: Target, options: RequestOptions): Promise<Environ> {
    const { content, headers: described } = await encodeBody(options);
    const environ = environOf({
      method,
      target,
      headers: options.headers ?? {},
      defaults: { Host: target.host, Cookie: this.cookies.headerFor(target), ...described },
      input: inputOf(content),
      errors: this.#log,
    });
    return Object.assign(environ, this.#environ, options.environ);
  }

  async #run(environ: Environ, target: Target): Promise<{ reply: Reply; content: Buffer }> {
    let reply: Reply | undefined;
    try {
      reply = await this.#application(environ);
      for (const cookie of headersNamed(reply.headers, 'Set-Cookie')) this.cookies.receive(cookie, target);
      const content = await readBody(environ.REQUEST_METHOD, reply);
      await runFinished(environ['tsgi.finished'], environ, reply, undefined);
      return { reply, content };
    } catch (error) {
      await runFinished(environ['tsgi.finished'], environ, reply, error);
      throw error;
    }
  }

  #resources(): Resources {
    const { 'tsgi.multiprocess': multiprocess = false, 'tsgi.run_once': runOnce = false } = this.#environ;
    return { 'tsgi.errors': this.#log, 'tsgi.multiprocess': multiprocess, 'tsgi.run_once': runOnce };
  }
}

const REDIRECTS = [301, 302, 303, 307, 308];

async function* inputOf(content: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  if (Symbol.asyncIterator in content) yield* content;
  else if (content.length > 0) yield content;
}

function notARedirect({ status }: Answer): TsgiError {
  return new TsgiError(
    'NOT_A_REDIRECT',
    `follow() got an answer with the status ${status}, without a Location or not a redirect. Check the answer first.`,
  );
}
