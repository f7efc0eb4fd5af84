import type { Value } from '../../src/index.js';

/** A text that is in nothing else that a program prints. */
const TELLING = 'telling-8f3a';

/** Strings with what is special to JSON, to UTF-8, to SQL and to people. */
const STRINGS = [
  '',
  'a',
  TELLING,
  `${TELLING} with "quotes" and \\backslashes\\`,
  'line\nbreak\ttab\u0000nul\u001f',
  'größe, naïve, ČŘŽ',
  '日本語のテキスト',
  '𝒳😀👨‍👩‍👧',
  '\u2028\u2029\ufeff',
  "'; DROP TABLE x; --",
  '<script>alert(1)</script>',
  '__proto__',
  '0'.repeat(40),
];

const NUMBERS = [0, 1, -1, 7.25, 1e21, 1.5e-9, 9007199254740991, -273.15, 1_800_000_000.123456];

const PLAIN: Value[] = [true, false, null, ...NUMBERS, ...STRINGS];

/** What JSON cannot hold. */
const RICH: Value[] = [
  new Date(0),
  1_800_000_000n,
  new Uint8Array([0, 1, 127, 255]),
  new Map<Value, Value>([
    [TELLING, 1n],
    [new Date(1e12), ['x']],
  ]),
  new Set<Value>([1, TELLING, 2n]),
  [undefined, TELLING],
  { user: TELLING, since: new Date(1.8e12), seen: new Set(['a', 'b']), gone: undefined },
];

/** Values of every kind that the default codec keeps, of many shapes. */
const KINDS: Value[] = [
  ...RICH,
  ...RICH.map((value) => ({ key: [value, value] })),
  ...PLAIN,
  ...PLAIN.map((value) => [value]),
  ...PLAIN.map((value) => ({ key: value })),
  ...STRINGS.map((text) => ({ [text]: text })),
  ...NUMBERS.map((number) => [number, [number, [number]]]),
  ...PLAIN.map((value, i) => ({ user: TELLING, cart: [{ item: value, many: i }], empty: {}, none: [] })),
  ...PLAIN.map((value) => [value, value, { again: value }]),
  [],
  {},
  [[], {}, [[]], [{}]],
  { a: { b: { c: { d: { e: [1, [2, [3, [4]]]] } } } } },
  Array.from({ length: 20 }, (_, i) => i),
  Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`key${i}`, i % 2 === 0])),
  ...Array.from({ length: 50 }, (_, i) => ({ n: i, text: `${TELLING} ${i}`, list: [i, `${i}`, i / 7] })),
];

/** So many of them, spread over all kinds. */
export function damagedValues(many: number): Value[] {
  if (many > KINDS.length) throw new Error(`There are only ${KINDS.length} values.`);
  return Array.from({ length: many }, (_, i) => KINDS[Math.floor((i * KINDS.length) / many)] as Value);
}
