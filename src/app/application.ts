import type { Environ } from './environ.js';
import type { Reply } from './reply.js';

declare const inside: unique symbol;

/**
 * A web application: a function of the request's environ that answers a reply, at once or later.
 *
 * `E` is what it needs to find in the environ. `L` exists for the compiler alone: the names of the layers already inside,
 * by which a layer in the wrong place is found (see `layer`).
 */
export interface Application<E = Environ, L extends string = never> {
  (environ: E): Reply | Promise<Reply>;
  [inside]?: ((layers: L) => void) | undefined;
}
