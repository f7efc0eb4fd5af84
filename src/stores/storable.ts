import type { Part, Value } from './codec.js';

/**
 * What the type of a store's values may be: an interface or type whose properties can all be kept, interfaces inside
 * them too, which no index signature would take.
 */
export type Storables<T> = { readonly [K in keyof T]: Storable<T[K]> };

/** The type itself when a session can keep values of it, with undefined inside; else one that it is not assignable to. */
export type Storable<T> = T extends Part
  ? T
  : T extends symbol | ((...given: never) => unknown)
    ? never
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<Storable<K>, Storable<V>>
      : T extends ReadonlySet<infer V>
        ? ReadonlySet<Storable<V>>
        : Storables<T>;

/** Without a type a store has any keys and values. */
export type AnyValues = Record<string, Value>;

/** The value of a key that is there. */
export type Kept<T, K extends keyof T> = Exclude<T[K], undefined>;

/** The keys that any number can be kept under. */
export type NumberKeyOf<T> = { [K in keyof T & string]-?: number extends T[K] ? K : never }[keyof T & string];

/** A key with its value. */
export type ItemOf<T> = { [K in keyof T & string]-?: [key: K, value: Kept<T, K>] }[keyof T & string];
