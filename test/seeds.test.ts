import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** A line of docs/seeds.md. */
interface Row {
  readonly number: number;
  readonly seed: string;
  readonly ours: string;
  readonly tests: string;
  readonly examples: string;
}

const ROWS = 88;

const rows = rowsOf(readFileSync('docs/seeds.md', 'utf8'));

describe('docs/seeds.md', () => {
  it(`answers each of the ${ROWS} rows of the seeds, in their order`, () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1));
    for (const { seed, ours } of rows) expect([seed, ours]).not.toContain('');
  });

  it.each(rows)('names for row $number a test that there is', ({ ours, tests }) => {
    const links = linksIn(tests);

    if (!isLeftOut(ours)) expect(links).not.toEqual([]);
    for (const { text, file } of links) expect(testsIn(file)).toContain(text);
  });

  it.each(rows)('names for row $number an example that there is', ({ ours, examples }) => {
    const links = linksIn(examples);

    if (!isLeftOut(ours)) expect(links).not.toEqual([]);
    for (const { text, file } of links) {
      expect(file.endsWith(text)).toBe(true);
      expect(existsSync(file)).toBe(true);
    }
  });
});

/** A row that is not carried over says why instead. */
function isLeftOut(ours: string): boolean {
  return /^Not carried over: .{20}/.test(ours);
}

function rowsOf(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => /^\| +\d/.test(line))
    .map((line) => {
      const [number = '', seed = '', ours = '', tests = '', examples = ''] = line
        .split(/(?<!\\)\|/)
        .slice(1)
        .map((cell) => cell.trim());
      return { number: Number(number), seed, ours, tests, examples };
    });
}

/** The links of a cell: what they say, and the file they lead to. */
function linksIn(cell: string): { text: string; file: string }[] {
  return Array.from(cell.matchAll(/\[(.+?)\]\((.+?)\)/g), ([, text = '', target = '']) => ({
    text: text.replaceAll('\\', ''),
    file: normalize(join('docs', target)),
  }));
}

/** The sentences that name the tests of a file. */
function testsIn(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  const sentences = source.matchAll(/\b(?:it|describe)\b[^\n]*?\(\s*(['"`])(.+?)\1,|\)\(\s*(['"`])(.+?)\3,/g);
  return Array.from(sentences, ([, , one, , other]) => one ?? other ?? '');
}
