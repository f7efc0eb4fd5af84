/** What one visit does between its beginning and its end. Values are numbers. */
export type Step =
  | { readonly do: 'look' | 'save' | 'destroy' | 'expire' | 'invalidate' | 'sweep' }
  | { readonly do: 'set'; readonly key: string; readonly value: number }
  | { readonly do: 'increment' | 'double' | 'delete'; readonly key: string }
  | {
      readonly do: 'compareAndSet';
      readonly key: string;
      readonly expected: number | null;
      readonly value: number;
    }
  | { readonly do: 'regenerate'; readonly grace: number };

/** What a visit sees after a step. */
export interface Sight {
  /** The id of its session, if it has one. */
  readonly id?: string;
  readonly values: Readonly<Record<string, number>>;
  /** What `compareAndSet` answered. */
  readonly swapped?: boolean;
}

/** How a visit ends: with a good reply, with one of status 500, or by an error. */
export type Finish = 'ok' | 'fail' | 'throw';

/** The answer to a visit. */
export interface Parting {
  readonly status: string;
  /** The id in its Set-Cookie; empty when it clears the cookie. */
  readonly cookie?: string;
}

/** What a later visitor finds under an id. */
export interface Finding {
  readonly created: boolean;
  readonly exists: boolean;
  readonly values: Readonly<Record<string, number>>;
}

/** A message to a process of test/support/schedule-program.ts. It answers one before it gets the next. */
export type Message =
  | { readonly visit: number; readonly begin: { readonly cookie: string } }
  | { readonly visit: number; readonly step: Step }
  | { readonly visit: number; readonly finish: Finish }
  | { readonly find: readonly string[] }
  | { readonly now: number }
  | { readonly count: { readonly cookie: string; readonly visits: number; readonly each: number } };
