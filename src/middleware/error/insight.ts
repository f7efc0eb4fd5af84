import type { Problem } from './page.js';
import type { Frame, SourceLine } from './stack.js';
import type { Thrown } from './thrown.js';

/** What only a developer may know of an error. */
export interface Insight extends Problem {
  /** `GET /shop?item=3` */
  readonly request: string;
  readonly chain: readonly Thrown[];
  /** Secrets masked. */
  readonly environ: readonly Variable[];
  /** Outermost first. */
  readonly layers: readonly string[];
  /** The lines around a frame; none when it is not the user's own code. */
  readonly source: (frame: Frame) => readonly SourceLine[];
}

export type Variable = readonly [name: string, value: string];

/** The parts of an environ by who sets them, those that are empty left out. */
export function groupsOf(environ: readonly Variable[]): (readonly [title: string, Variable[]])[] {
  return GROUPS.map(([title], i) => {
    const variables = environ.filter(([name]) => GROUPS.findIndex(([, holds]) => holds(name)) === i);
    return [title, variables] as const;
  }).filter(([, variables]) => variables.length > 0);
}

const GROUPS: readonly (readonly [title: string, holds: (name: string) => boolean])[] = [
  ['Request', (name) => !name.includes('.') && !name.startsWith('HTTP_')],
  ['Headers', (name) => name.startsWith('HTTP_')],
  ['Layers (web.*)', (name) => name.startsWith('web.')],
  ['Gateway (tsgi.*)', (name) => name.startsWith('tsgi.')],
  ['Other', () => true],
];
