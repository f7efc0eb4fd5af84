import { appendFileSync } from 'node:fs';

/** One line of the table in docs/reliability.md. */
export interface Figure {
  /** What was done: `Killed while 64 visitors write`. The table is sorted by it. */
  readonly what: string;
  /** How often: `100 rounds, 128,400 replies`. */
  readonly count: string;
  /** What came of it: `0 lost`. */
  readonly result: string;
}

/** Prints a figure, and hands it to `npm run test:faults`, which collects them for docs/reliability.md. */
export function report(figure: Figure): void {
  process.stdout.write(`${figure.what}: ${figure.count}: ${figure.result}\n`);
  const file = process.env['TSGI_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** The figures as a table in Markdown. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, count, result }) => [what, count, result]);
  const sorted = rows.sort(([one = ''], [other = '']) => (one < other ? -1 : 1));
  const lines = [['What', 'How often', 'Result'], ['---', '---', '---'], ...sorted];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** A number with its thousands apart. */
export function grouped(number: number): string {
  return number.toLocaleString('en');
}

/** The mean of some numbers, with one place after the point. */
export function average(numbers: readonly number[]): string {
  return (numbers.reduce((sum, number) => sum + number, 0) / numbers.length).toFixed(1);
}
