import { readFileSync, statSync } from 'node:fs';
import { extname, isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt } from './attempt.js';
import { maskLiterals } from './mask.js';
import { clip } from '../../app/visible.js';

/** One call on a stack. */
export interface Frame {
  /** The function: `Shop.buy`, `async main`, '' at the top of a module. */
  readonly call: string;
  /** `src/shop.ts:10:5`, or what V8 says instead: `node:internal/fs:1:2`, `<anonymous>`. */
  readonly place: string;
  /** The file of the user's own code, absolute. Undefined for Node's insides and packages. */
  readonly file: string | undefined;
  readonly line: number;
}

/** One line of a file, as shown around a frame. */
export interface SourceLine {
  readonly number: number;
  readonly text: string;
  /** The line that the frame is at. */
  readonly here: boolean;
}

/**
 * The calls in a `stack` of V8, the innermost first, 50 at most. The message is needed to skip it: its lines may look
 * like calls, and would name files to be shown.
 */
export function framesOf(stack: string, message: string): Frame[] {
  const told = message === '' ? -1 : stack.indexOf(message);
  const start = told === -1 ? 0 : told + message.length;
  return stack
    .slice(start, start + 100_000)
    .split('\n')
    .filter((line) => /^\s*at /.test(line))
    .slice(0, 50)
    .map(frameOf);
}

/** `Shop.buy (src/shop.ts:10:5)`, or the place alone. */
export function frameText({ call, place }: Frame): string {
  return call === '' ? place : `${call} (${place})`;
}

/** Reads the lines around frames from disk, each file once. No lines where a file cannot be read or is no source. */
export function sourceReader(context: number): (frame: Frame) => SourceLine[] {
  const files = new Map<string, string[]>();
  return ({ file, line }) => {
    if (file === undefined) return [];
    const lines = files.get(file) ?? linesOf(file);
    files.set(file, lines);
    const first = Math.max(1, line - context);
    return lines.slice(first - 1, line + context).map((text, i) => {
      return { number: first + i, text: clip(maskLiterals(text), 300), here: first + i === line };
    });
  };
}

function frameOf(text: string): Frame {
  const { call, where } = split(text.trim().slice('at '.length));
  const [, url = where, line = '', column = ''] = /^(.+):(\d+):(\d+)$/.exec(where) ?? [];
  const path = pathOf(url);
  const own = path !== undefined && !/[\\/]node_modules[\\/]/.test(path);
  const place = line === '' ? where : `${shortened(path ?? url)}:${line}:${column}`;
  return { call, place: clip(place, 500), file: own ? path : undefined, line: Number(line) };
}

/** `Shop.buy (file:///shop.js:1:2)`, or the place alone. */
function split(text: string): { call: string; where: string } {
  const at = text.indexOf(' (');
  if (at >= 0 && text.endsWith(')'))
    return { call: clip(text.slice(0, at), 200), where: text.slice(at + 2, -1) };
  return text.startsWith('async ') ? { call: 'async', where: text.slice(6) } : { call: '', where: text };
}

function pathOf(url: string): string | undefined {
  if (url.startsWith('file:')) return attempt(() => fileURLToPath(url), undefined);
  return isAbsolute(url) ? url : undefined;
}

function shortened(path: string): string {
  const short = isAbsolute(path) ? attempt(() => relative(process.cwd(), path), path) : path;
  return short === '' || short.startsWith('..') ? path : short;
}

const SOURCES = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx']);

/** Only what is a program's source, whatever a stack names; nothing so large that it could not be one. */
function linesOf(file: string): string[] {
  return attempt(() => {
    const stats = statSync(file);
    if (!SOURCES.has(extname(file)) || !stats.isFile() || stats.size > 2_000_000) return [];
    return readFileSync(file, 'utf8').split(/\r?\n/);
  }, []);
}
