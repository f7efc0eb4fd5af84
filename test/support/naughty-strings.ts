import { existsSync, readFileSync } from 'node:fs';

const FILE = '../shared/corpora/naughty-strings.json';

/** 515 strings that programs stumble over; none, with a line that says so, where that file is absent. */
export const naughtyStrings: readonly string[] = read();

function read(): string[] {
  if (existsSync(FILE)) return JSON.parse(readFileSync(FILE, 'utf8')) as string[];
  process.stdout.write(`skipped: ${FILE} is not there, so no naughty strings are tried\n`);
  return [];
}
