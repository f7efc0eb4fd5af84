import type { Environ } from '../../app/environ.js';
import { attempt } from './attempt.js';
import { maskText } from './mask.js';
import { frameText } from './stack.js';
import type { Thrown } from './thrown.js';
import { clip, oneLine } from '../../app/visible.js';

/**
 * Writes one block to `tsgi.errors`: a first line that starts with `error <reference>:`, what follows indented, so that
 * no line of a message can pose as an entry of its own. A log that fails, at once or later, is no second error.
 */
export function writeLog(environ: Environ, text: string): void {
  void write(environ, text);
}

/** The block for a thrown value: what happened, its message, causes and stacks. Ends with a line feed. */
export function logEntry(reference: string, event: string, chain: readonly Thrown[]): string {
  const lines = [`error ${reference}: ${oneLine(event)}`, ...chain.flatMap(linesOf)];
  return lines.join('\n    ') + '\n';
}

/** `GET /shop/cart?item=3`, secrets masked. */
export function requestLine(environ: Environ): string {
  const part = (name: 'REQUEST_METHOD' | 'SCRIPT_NAME' | 'PATH_INFO' | 'QUERY_STRING') => {
    const value: unknown = attempt(() => environ[name], '');
    return typeof value === 'string' ? value : '';
  };
  const query = part('QUERY_STRING');
  const path = part('SCRIPT_NAME') + part('PATH_INFO') + (query === '' ? '' : `?${query}`);
  return clip(`${part('REQUEST_METHOD')} ${maskText(path)}`, 2000);
}

/** `cause: TypeError [CODE]: message` on one line. */
export function headline({ relation, name, code, message }: Thrown): string {
  const title = (relation === '' ? '' : `${relation}: `) + name + (code === undefined ? '' : ` [${code}]`);
  return message === '' ? title : `${title}: ${message}`;
}

async function write(environ: Environ, text: string): Promise<void> {
  try {
    await environ['tsgi.errors'].write(text);
  } catch {
    // There is no other place to say it.
  }
}

function linesOf(thrown: Thrown): string[] {
  const calls = thrown.frames.map((frame) => oneLine(`    at ${frameText(frame)}`));
  return [oneLine(headline(thrown)), ...calls];
}
