import { randomBytes } from 'node:crypto';
import { types } from 'node:util';
import type { Environ } from '../app/environ.js';
import { headersOfError, isTsgiError, statusOfError, TsgiError } from '../app/errors.js';
import { layer, type Layer, layersOf } from '../app/layer.js';
import { isPromise } from '../app/promise.js';
import type { Body, Reply } from '../app/reply.js';
import { preferredFormat } from './error/accept.js';
import { attempt } from './error/attempt.js';
import { debugPage } from './error/debug-page.js';
import { logEntry, requestLine, writeLog } from './error/log.js';
import { type Desk, deskOf, type ErrorInfo, type ErrorOptions, type ReportHook } from './error/options.js';
import { pageReply, type Problem, problemPage } from './error/page.js';
import type { Insight } from './error/insight.js';
import { isLocal } from './error/local.js';
import { shownEnviron, typeName } from './error/mask.js';
import { sourceReader } from './error/stack.js';
import { chainOf, type Thrown } from './error/thrown.js';
import { type Chunks, watch } from './error/watch.js';

/**
 * Answers for an application that throws: the outermost layer of every application.
 *
 * The status is the one the error asks for, else 500, and its headers are sent along. The message of a TsgiError, or of
 * an error with `expose: true`, is shown when the status is 4xx, and nothing is logged. From 500 on the client sees a
 * reference only; the same reference stands in `tsgi.errors` before the message, the causes and the stacks. With
 * `debug: true` local requests get a page that shows all of it with the source around it, the environ with secrets
 * masked, and the layers. An error in a body that is being sent is logged, reported and thrown on to the gateway.
 * @throws TsgiError `BAD_OPTION` for an option that is not what it should be: `debug: 'false'`.
 */
export const error: Layer<'error', unknown, unknown, never, [options?: ErrorOptions]> = layer(
  'error',
  {},
  (application, options: ErrorOptions = {}) => {
    const desk = deskOf(options, ['error', ...layersOf(application)]);

    return (environ) => {
      try {
        const reply = application(environ) as Answered;
        return reply && isPromise(reply) ? settle(reply, environ, desk) : guard(reply, environ, desk);
      } catch (thrown) {
        return answer(thrown, environ, desk);
      }
    };
  },
);

/** What an application answers that no compiler has checked. */
type Answered = Reply | Promise<Reply> | null | undefined;

async function settle(reply: Promise<Reply>, environ: Environ, desk: Desk): Promise<Reply> {
  try {
    return guard(await reply, environ, desk);
  } catch (thrown) {
    return answer(thrown, environ, desk);
  }
}

/** A body that is there as a whole cannot fail any more. */
function guard(reply: Reply | null | undefined, environ: Environ, desk: Desk): Reply {
  const body = reply?.body;
  if (reply && isWhole(body)) return reply;
  if (!reply || !isReadable(body)) throw notAReply(reply, body);
  const { status, headers } = reply;
  const failed = (thrown: unknown) => {
    recordInBody(thrown, environ, desk);
  };
  return { status, headers, body: watch(body, failed) };
}

function isWhole(body: Body | undefined): boolean {
  return typeof body === 'string' || Array.isArray(body) || types.isUint8Array(body);
}

function isReadable(body: unknown): body is Chunks {
  return (
    typeof body === 'object' && body !== null && (Symbol.asyncIterator in body || Symbol.iterator in body)
  );
}

function notAReply(reply: unknown, body: unknown): TsgiError {
  const whole = typeof reply === 'object' && reply !== null;
  const found = whole ? `an object with ${typeName(body)} as its body` : typeName(reply);
  return new TsgiError(
    'NOT_A_REPLY',
    `The application answered ${found} where a reply belongs. Is a return missing? text(), page() and json() make replies.`,
  );
}

/** One thrown value on its way to the log, the hooks and the page. */
interface Failure {
  readonly thrown: unknown;
  readonly chain: readonly Thrown[];
  readonly status: number;
  readonly during: 'reply' | 'body';
  readonly reference: string;
}

function answer(thrown: unknown, environ: Environ, desk: Desk): Reply {
  const failure = failureOf(thrown, 'reply');
  if (failure.status >= 500) record(failure, environ, desk);
  const problem = problemOf(failure);
  try {
    return pageFor(failure, problem, environ, desk);
  } catch (broken) {
    writeLog(environ, logEntry(failure.reference, 'its page could not be made', chainOf(broken)));
    return pageReply(problem, 'text', problemPage(problem, 'text'));
  }
}

function failureOf(thrown: unknown, during: 'reply' | 'body'): Failure {
  const status = statusOfError(thrown);
  const reference = randomBytes(6)
    .toString('hex')
    .replace(/.{4}\B/g, '$&-');
  return { thrown, chain: chainOf(thrown), status, during, reference };
}

function recordInBody(thrown: unknown, environ: Environ, desk: Desk): void {
  const failure = failureOf(thrown, 'body');
  record({ ...failure, status: Math.max(failure.status, 500) }, environ, desk);
}

/** The log comes first: nothing that goes wrong later can keep the error from it. */
function record(failure: Failure, environ: Environ, { hooks, layers }: Desk): void {
  const { thrown, chain, status, during, reference } = failure;
  const event = during === 'reply' ? `${status} for ` : 'in the body for ';
  const text = logEntry(reference, event + requestLine(environ), chain);
  writeLog(environ, text);
  const info = { error: thrown, reference, status, during, layers, text };
  for (const hook of hooks) void tell(hook, info, environ);
}

async function tell(hook: ReportHook, info: ErrorInfo, environ: Environ): Promise<void> {
  try {
    await hook(info, environ);
  } catch (thrown) {
    writeLog(environ, logEntry(info.reference, 'a report hook failed', chainOf(thrown)));
  }
}

function problemOf({ thrown, chain, status, reference }: Failure): Problem {
  if (status >= 500) return { status, reference };
  if (!attempt(() => isExposed(thrown), false)) return { status };
  return { status, code: chain[0]?.code, detail: chain[0]?.message };
}

function isExposed(thrown: unknown): boolean {
  return isTsgiError(thrown) || (thrown as { expose?: unknown }).expose === true;
}

function pageFor(failure: Failure, problem: Problem, environ: Environ, desk: Desk): Reply {
  const format = desk.format === 'auto' ? preferredFormat(environ['HTTP_ACCEPT']) : desk.format;
  const page = seesInside(failure, environ, desk)
    ? debugPage(insightOf(failure, problem, environ, desk), format)
    : problemPage(problem, format);
  const asked = attempt(() => headersOfError(failure.thrown), []);
  return pageReply(problem, format, page, asked);
}

function seesInside({ status, reference }: Failure, environ: Environ, { debug }: Desk): boolean {
  const sees = debug && isLocal(environ);
  if (debug && !sees && status >= 500) writeLog(environ, logEntry(reference, NOT_LOCAL, []));
  return sees;
}

const NOT_LOCAL =
  'no development page was sent, since the request came from elsewhere or under a public host name';

function insightOf({ chain }: Failure, problem: Problem, environ: Environ, desk: Desk): Insight {
  const request = requestLine(environ);
  const source = sourceReader(desk.context);
  return { ...problem, request, chain, environ: shownEnviron(environ), layers: desk.layers, source };
}
