/**
 * `npm run test:faults`: runs the tests of faults and of security with their full counts, and writes the figures that they
 * report into docs/reliability.md, between its two markers. Arguments name the tests to run instead: `test/faults/kill`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { format, resolveConfig } from 'prettier';
import { type Figure, tableOf } from './figures.js';

const PAGE = 'docs/reliability.md';
const MARKED = /(?<=<!-- figures -->\n)[^]*(?=<!-- end of figures -->)/;

const folder = mkdtempSync(join(tmpdir(), 'tsgi-figures-'));
const collected = join(folder, 'figures');
writeFileSync(collected, '');

const named = process.argv.slice(2);
const tests = named.length > 0 ? named : ['test/faults', 'test/security'];
const { status } = spawnSync('npm', ['run', 'test:unit', '--', ...tests], {
  stdio: 'inherit',
  env: { ...process.env, TSGI_FAULTS: 'full', TSGI_FIGURES: collected },
});
const lines = readFileSync(collected, 'utf8').split('\n').filter(Boolean);
rmSync(folder, { recursive: true });

if (status === 0 && named.length === 0) await writePage(lines.map((line) => JSON.parse(line) as Figure));
process.exitCode = status ?? 1;

async function writePage(figures: readonly Figure[]): Promise<void> {
  const page = readFileSync(PAGE, 'utf8');
  if (!MARKED.test(page)) throw new Error(`${PAGE} has no markers between which the figures belong.`);
  const versions = `Measured with Node ${process.version} and SQLite ${sqliteVersion()} on ${process.platform}.`;
  const text = page.replace(MARKED, () => `\n${versions}\n\n${tableOf(figures)}\n`);
  writeFileSync(PAGE, await format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
}

function sqliteVersion(): string {
  const memory = new BetterSqlite3(':memory:');
  const version = memory.prepare('SELECT sqlite_version()').pluck().get() as string;
  memory.close();
  return version;
}
