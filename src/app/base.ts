import type { Application } from './application.js';
import type { Environ } from './environ.js';
import type { Header } from './headers.js';
import type { Html } from './html.js';

/**
 * An application as a class, as in PythonWeb: one instance per request, `start()` does the work and calls `output()`.
 *
 * ```ts
 * class Hello extends BaseApplication {
 *   start() {
 *     this.output(html`<h1>Hello ${this.environ.REMOTE_ADDR}</h1>`);
 *   }
 * }
 * const application = BaseApplication.of(Hello);
 * ```
 */
export abstract class BaseApplication<E extends Environ = Environ> {
  readonly environ: E;
  status = '200 OK';
  /** Default: HTML in UTF-8. */
  headers: Header[] = [['Content-Type', 'text/html; charset=utf-8']];
  #body = '';

  constructor(environ: E) {
    this.environ = environ;
  }

  /** Makes an application of a class: every request gets an instance of its own. */
  static of<E extends Environ>(Class: new (environ: E) => BaseApplication<E>): Application<E> {
    return (environ) => {
      const instance = new Class(environ);
      const started = instance.start();
      if (started === undefined) return instance.#reply();
      return started.then(() => instance.#reply());
    };
  }

  /** Answers the request: sets `status` and `headers`, calls `output`. */
  abstract start(): void | Promise<void>;

  /** Adds to the body. Plain strings are markup here: put what came from outside through `html`. */
  output(...parts: readonly (string | Html)[]): void {
    for (const part of parts) this.#body += part.toString();
  }

  #reply() {
    return { status: this.status, headers: this.headers, body: this.#body };
  }
}
