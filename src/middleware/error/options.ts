import type { Environ } from '../../app/environ.js';
import { TsgiError } from '../../app/errors.js';
import type { Format } from './accept.js';
import { typeName } from './mask.js';

export interface ErrorOptions {
  /**
   * Answers with the development page, to local requests only. Default false. Never true on a public server: the page
   * shows source code.
   */
  debug?: boolean;
  /** Lines of source shown before and after the line of a frame. Default 5. */
  context?: number;
  /**
   * What pages are written in. Default `auto`: what the request's Accept header likes best, and text for those who name
   * nothing.
   */
  format?: 'auto' | Format;
  /** Called with every error that is answered with 500 or more, and with those in a body that is being sent. */
  report?: ReportHook | readonly ReportHook[];
}

/**
 * Tells someone of an error: mails it, counts it. Nobody waits for what it does later, and when it fails that is logged
 * and nothing else. The environ holds secrets; `info.text` does not.
 */
export type ReportHook = (info: ErrorInfo, environ: Environ) => void | Promise<void>;

/** What a report hook is told. */
export interface ErrorInfo {
  /** What was thrown, which may be anything. */
  readonly error: unknown;
  /** Random; the page and the log have the same. */
  readonly reference: string;
  /** 500 to 599. */
  readonly status: number;
  /**
   * `reply`: the error page went out instead of a reply. `body`: the reply was on its way already, and the gateway
   * aborts the connection.
   */
  readonly during: 'reply' | 'body';
  /** The layers of the application, outermost first. */
  readonly layers: readonly string[];
  /** What was written to the log: request, message, causes and stacks, secrets masked. */
  readonly text: string;
}

/** The options, checked. */
export interface Desk {
  readonly debug: boolean;
  readonly context: number;
  readonly format: 'auto' | Format;
  readonly hooks: readonly ReportHook[];
  readonly layers: readonly string[];
}

export function deskOf(options: ErrorOptions, layers: readonly string[]): Desk {
  const { debug = false, context = 5, format = 'auto', report = [] } = options;
  const hooks = typeof report === 'function' ? [report] : report;
  check('debug', debug, typeof debug === 'boolean', 'true or false');
  check('context', context, Number.isInteger(context) && context >= 0, 'a whole number of lines, 0 or more');
  check('format', format, FORMATS.includes(format), `one of ${FORMATS.join(', ')}`);
  check('report', report, isHooks(hooks), 'a function or a list of functions');
  return { debug, context, format, hooks, layers };
}

const FORMATS = ['auto', 'html', 'text', 'json'] as const;

function isHooks(hooks: unknown): boolean {
  return Array.isArray(hooks) && hooks.every((hook) => typeof hook === 'function');
}

/** `'false'` is true to JavaScript, so nothing is guessed. */
function check(option: string, found: unknown, fits: boolean, expected: string): void {
  if (fits) return;
  const shown = typeof found === 'string' ? `the string ${JSON.stringify(found)}` : typeName(found);
  throw new TsgiError('BAD_OPTION', `error() got ${shown} as ${option}. Give it ${expected}.`);
}
