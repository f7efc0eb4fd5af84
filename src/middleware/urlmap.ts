import type { Application } from '../app/application.js';
import type { Environ } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import { describe } from '../app/layer.js';
import { callThenLeave } from '../app/promise.js';
import { type Reply, text } from '../app/reply.js';

/** What all branches need, together. */
type NeedsOf<M> = { [K in keyof M]: (environ: M[K]) => void }[keyof M] extends (environ: infer E) => void
  ? E
  : never;

/** The layers inside any branch. A branch that has none, such as an inline arrow, leaves its place unknown. */
type LayersOf<N> = { [K in keyof N]: unknown extends N[K] ? never : N[K] & string }[keyof N];

/**
 * Sends each request to the application whose path is the longest prefix of the request's, whole segments only:
 * `/session` takes `/session` and `/session/x`, not `/sessions`. What matched moves from PATH_INFO to SCRIPT_NAME and
 * back when the branch is left. `'/'` takes what nothing else took; without it the answer is 404.
 * @throws TsgiError `BAD_PATH` for a path that does not start with `/`, or ends with one, or stands twice.
 */
export function urlmap<E extends Environ, M, N>(
  branches: { readonly [K in keyof M]: Application<E & M[K]> } & {
    readonly [K in keyof N]: Application<never, N[K] & string>;
  },
): Application<E & NeedsOf<M>, LayersOf<N>> {
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
  return map as Application<E & NeedsOf<M>, LayersOf<N>>;
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
