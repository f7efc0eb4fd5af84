import type { Application } from './application.js';
import type { Environ } from './environ.js';
import { TsgiError } from './errors.js';

/**
 * What lives as long as the process, handed from the outermost layer inward when the application opens: each layer adds
 * its own under its environ key (`web.database.connection`: the open database). The host gives `tsgi.errors`,
 * `tsgi.multiprocess` and `tsgi.run_once`.
 */
export type Resources = Readonly<Record<string, unknown>>;

/** A layer's life besides answering requests. Both run once however often and wherever the application is mounted. */
export interface LayerLife {
  /** Runs before the first request, after the layers outside. What it answers is added to the resources inside. */
  open?(resources: Resources): Promise<Resources | undefined> | Resources | undefined;
  /** Runs after the last request and after the layers inside were closed. */
  close?(): Promise<void> | void;
}

/** What a layer says of itself. */
export interface LayerDefinition<Sets, After extends string, O extends unknown[]> {
  /** The environ keys it sets. */
  sets?: readonly (keyof Sets & string)[];
  /** The environ keys it needs, each with the layer that sets it; a function when that follows from its options. */
  needs?: Needs<After> | ((...options: O) => Needs<After>);
  /** The layers that may not stand inside it. Default: those that it needs, when `needs` is no function. */
  after?: readonly After[];
}

export type Needs<After extends string> = Readonly<Record<string, After>>;

/**
 * The type of a layer: a function of an application and options that answers an application.
 *
 * The needs of everything inside flow out through `E`; the names of the layers inside flow out through `L`, and a layer
 * that finds one of `After` among them turns its parameter's type into a sentence. See decisions/002.
 */
export type Layer<Me extends string, Sets, Needs, After extends string, O extends unknown[]> = <
  E extends Environ,
  L extends string = never,
>(
  application: Outer<L, After, Me, Application<E & Needs & Sets, L>>,
  ...options: O
) => Application<E & Needs, L | Me>;

/** A layer of the same name inside has already been in order: the outer one of two nested environments is none of its. */
export type Outer<L extends string, After extends string, Me extends string, A> = [L & After] extends [never]
  ? A
  : [L & Me] extends [never]
    ? `${Me}() must be inside ${L & After}(), not around it`
    : A;

/** Makes the wrapped application once, when the layers are put together: options are checked here. */
export type MakeLayer<Sets, Needs, O extends unknown[]> = (
  application: Application<Environ & Needs & Sets>,
  ...options: O
) => Application<Environ & Needs> | (LayerLife & { answer: Application<Environ & Needs> });

/**
 * Makes a layer. The shape of all of them:
 *
 * ```ts
 * const runtime = layer('runtime', {}, (application, { header = 'x-runtime' }: RuntimeOptions = {}) => {
 *   return async (environ) => {
 *     const start = performance.now(); // on the way in
 *     const reply = await application(environ);
 *     return withHeader(reply, header, String(performance.now() - start)); // on the way out
 *   };
 * });
 * ```
 *
 * The layer made throws `LAYER_ORDER` when a layer that belongs outside is already inside: the sentence that the compiler says too.
 */
export function layer<Me extends string, Sets, Needs, After extends string = never, O extends unknown[] = []>(
  name: Me,
  definition: LayerDefinition<Sets, After, O>,
  make: MakeLayer<Sets, Needs, O>,
): Layer<Me, Sets, Needs, After, O> {
  const { sets = [], needs = {} } = definition;
  const after = definition.after ?? (typeof needs === 'function' ? [] : Object.values(needs));

  return <E extends Environ, L extends string = never>(
    application: Outer<L, After, Me, Application<E & Needs & Sets, L>>,
    ...options: O
  ) => {
    const inner = application as unknown as Application<Environ & Needs & Sets>;
    checkApplication(name, inner);
    checkOrder(name, after, inner);
    const made = make(inner, ...options);
    const life = typeof made === 'function' ? { answer: made } : made;
    const around: Application<never> = describe(life.answer, {
      name,
      sets,
      needs: typeof needs === 'function' ? needs(...options) : needs,
      inner: [inner],
      life,
    });
    return around as Application<E & Needs, L | Me>;
  };
}

/** What is known of an application that stands around others: a layer, or a map of paths. */
export interface Description {
  readonly name: string;
  readonly sets: readonly string[];
  readonly needs: Readonly<Record<string, string>>;
  readonly inner: readonly Application<never>[];
  readonly life: LayerLife;
}

/**
 * Records what an application stands around, so that it can be opened, closed, checked and shown. One that is described
 * already, or stands around itself (a layer that answered what it got), is wrapped first.
 */
export function describe(application: Application<never>, description: Description): Application<never> {
  const taken = description.inner.includes(application) || descriptionOf(application) !== undefined;
  const own: Application<never> = taken ? (environ) => application(environ) : application;
  return Object.assign(own, { [DESCRIPTION]: description });
}

export function descriptionOf(application: Application<never>): Description | undefined {
  return (application as { [DESCRIPTION]?: Description })[DESCRIPTION];
}

/** The names of all layers in an application, outermost first; what stands in several branches is named once. */
export function layersOf(application: Application<never>): string[] {
  const description = descriptionOf(application);
  if (description === undefined) return [];
  return [...new Set([description.name, ...description.inner.flatMap(layersOf)])];
}

const DESCRIPTION = Symbol.for('tsgi.description');

function checkApplication(name: string, application: unknown): void {
  if (typeof application === 'function') return;
  const found = application === null ? 'null' : typeof application;
  throw new TsgiError(
    'NOT_AN_APPLICATION',
    `${name}() got ${found} where the application belongs. Give it a function of environ first, its options second.`,
  );
}

function checkOrder(name: string, after: readonly string[], application: Application<never>): void {
  const inside = layersOf(application);
  const wrong = inside.find((inner) => after.includes(inner));
  if (wrong === undefined || inside.includes(name)) return;
  throw new TsgiError('LAYER_ORDER', `${name}() must be inside ${wrong}(), not around it`);
}
