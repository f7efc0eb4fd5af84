// @ts-check
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** A new folder, which is removed when this program ends, Ctrl+C included. */
export function newFolder() {
  root ??= newRoot();
  return mkdtempSync(join(root, 'run-'));
}

/** @type {string | undefined} */
let root;

function newRoot() {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  return folder;
}
