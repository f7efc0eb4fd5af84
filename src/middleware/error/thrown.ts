import { codeOfError, isError } from '../../app/errors.js';
import { attempt } from './attempt.js';
import { maskText, typeName } from './mask.js';
import { type Frame, framesOf } from './stack.js';
import { clip } from '../../app/visible.js';

/** What can be told of a thrown value, secrets masked. Reading it again cannot fail. */
export interface Thrown {
  /** What it is to the one before it: `cause`, `errors[0]`; '' for the value that was thrown itself. */
  readonly relation: string;
  /** `TypeError`, or `thrown string` when it is no error. */
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly frames: readonly Frame[];
}

/**
 * A thrown value, whatever it is, with its causes and the errors it gathers (AggregateError): the value itself first,
 * 20 at most, none twice.
 */
export function chainOf(thrown: unknown): Thrown[] {
  const chain: Thrown[] = [];
  collect(thrown, '', chain, new Set());
  return chain;
}

const LONGEST_CHAIN = 20;

function collect(value: unknown, relation: string, chain: Thrown[], seen: Set<unknown>): void {
  if (chain.length >= LONGEST_CHAIN) return;
  if (seen.has(value)) {
    chain.push({ relation, name: 'the same', code: undefined, message: 'as shown above', frames: [] });
    return;
  }
  chain.push({ relation, ...told(value) });
  if (!isObject(value)) return;
  seen.add(value);
  const cause = read(value, 'cause');
  if (cause !== undefined) collect(cause, 'cause', chain, seen);
  for (const [i, error] of gathered(value).entries()) collect(error, `errors[${i}]`, chain, seen);
}

function gathered(value: object): unknown[] {
  return attempt(() => {
    const errors = read(value, 'errors');
    return Array.isArray(errors) ? (errors.slice(0, LONGEST_CHAIN) as unknown[]) : [];
  }, []);
}

function told(value: unknown): Omit<Thrown, 'relation'> {
  if (!isObject(value)) return primitive(value);
  const error = attempt(() => isError(value), false);
  const message = messageOf(value, error);
  const stack = read(value, 'stack');
  return {
    name: error ? nameOf(value) : `thrown ${typeName(value)}`,
    code: shortened(codeOfError(value)),
    message: shownMessage(message),
    frames: typeof stack === 'string' ? attempt(() => framesOf(stack, message), []) : [],
  };
}

function primitive(value: unknown): Omit<Thrown, 'relation'> {
  return {
    name: `thrown ${typeName(value)}`,
    code: undefined,
    message: shownMessage(String(value)),
    frames: [],
  };
}

/** Of an object that is no error the names of its properties are told, not their values, which may be anyone's. */
function messageOf(value: object, error: boolean): string {
  const message = read(value, 'message');
  if (typeof message === 'string') return message;
  if (error) return message === undefined ? '' : `(a message that is no string: ${typeName(message)})`;
  const keys = attempt(() => Object.keys(value), []);
  return keys.length === 0 ? 'no message' : `no message; properties: ${keys.slice(0, 20).join(', ')}`;
}

/** A class that sets no name of its own inherits `Error`, and is known by the name of the class. */
function nameOf(error: object): string {
  const name = read(error, 'name');
  return typeof name === 'string' && name !== '' && name !== 'Error' ? clip(name, 200) : typeName(error);
}

/** Cut twice: before masking to bound the work, after it to bound the page. */
function shownMessage(message: string): string {
  return clip(maskText(clip(message, 100_000)), 10_000);
}

function shortened(code: string | undefined): string | undefined {
  return code === undefined ? undefined : clip(code, 200);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' ? value !== null : typeof value === 'function';
}

function read(of: object, name: string): unknown {
  return attempt(() => (of as Record<string, unknown>)[name], undefined);
}
