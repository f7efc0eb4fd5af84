import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import { describe } from '../app/layer.js';
import { callThenLeave } from '../app/promise.js';
import { type Reply, text } from '../app/reply.js';

/**
 * What a branch may be. As a method's, its parameter is compared both ways: a branch that needs more than the layers
 * around set must not fail here but where the layer is missing. `Known`, so that E follows from those layers alone.
 */
type Branch<E> = { answer(environ: Known<E>): Reply | Promise<Reply> }['answer'];
type Known<E> = [E][E extends unknown ? 0 : never];

/** What all branches need, together. */
type NeedsOf<B> = {
  [K in keyof B]: B[K] extends (environ: infer N) => unknown ? (environ: N) => void : never;
}[keyof B] extends (environ: infer N) => void
  ? N
  : never;

/** The layers inside any branch. A function that is no layer's leaves them unknown. */
type LayersOf<B> = {
  [K in keyof B]: B[K] extends Application<never, infer L> ? (string extends L ? never : L) : never;
}[keyof B];

/**
 * Sends each request to the application whose path is the longest prefix of the request's, whole segments only:
 * `/session` takes `/session` and `/session/x`, not `/sessions`. What matched moves from PATH_INFO to SCRIPT_NAME and
 * back when the branch is left. `'/'` takes what nothing else took; without it the answer is 404.
 * @throws TsgiError `BAD_PATH` for a path that does not start with `/` or ends with one.
 */
export function urlmap<E extends Environ, B extends Readonly<Record<string, unknown>>>(
  branches: B & Readonly<Record<string, Branch<E>>>,
): Application<E & NeedsOf<B>, LayersOf<B>> {
  const routes = Object.entries(branches as Readonly<Record<string, Application>>)
    .map(([path, application]) => ({ prefix: prefixOf(path), application }))
    .sort((a, b) => b.prefix.length - a.prefix.length);

  const call = (environ: Environ): Reply | Promise<Reply> => {
    const path = environ.PATH_INFO;
    const route = routes.find(({ prefix }) => path.startsWith(prefix) && isSegmentEnd(path, prefix.length));
    if (route === undefined) return text('Not Found', { status: '404 Not Found' });
    return enter(environ, route.prefix, route.application);
  };
  const inner = routes.map((route) => route.application);
  const map: Application<never> = describe(call, { name: 'urlmap', sets: [], needs: {}, inner, life: {} });
  return map as Application<E & NeedsOf<B>, LayersOf<B>>;
}

function enter(environ: Environ, prefix: string, application: Application): Reply | Promise<Reply> {
  const { SCRIPT_NAME, PATH_INFO } = environ;
  const leave = () => {
    environ.SCRIPT_NAME = SCRIPT_NAME;
    environ.PATH_INFO = PATH_INFO;
  };
  environ.SCRIPT_NAME = SCRIPT_NAME + prefix;
  environ.PATH_INFO = PATH_INFO.slice(prefix.length);
  return callThenLeave(application, environ, leave);
}

function isSegmentEnd(path: string, at: number): boolean {
  return at === path.length || path[at] === '/';
}

/** `'/'` is the empty prefix: it takes every path. */
function prefixOf(path: string): string {
  if (path === '/') return '';
  if (path.startsWith('/') && !path.endsWith('/')) return path;
  throw new TsgiError(
    'BAD_PATH',
    `urlmap() got the path ${JSON.stringify(path)}. A path starts with "/" and does not end with it; "/" takes the rest.`,
  );
}
