import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own for a test. */
export interface Mount {
  readonly path: string;
  file(name: string): string;
  /** Unmounts it and removes its folder, whatever is open there. */
  remove(): void;
}

/** Why no file system can be mounted here, if none can. */
export function noMounts(): string | undefined {
  if (process.platform !== 'linux') return 'mounting is done as Linux does it';
  if (process.getuid?.() !== 0) return 'only root may mount';
  return attempt(() => mountMemory('1m'));
}

/** Why no image of a disk can be mounted here, if none can. */
export function noImages(): string | undefined {
  const reason = noMounts();
  if (reason !== undefined) return reason;
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-image-'));
  try {
    makeImage(join(folder, 'disk'), 8);
    return attempt(() => mountImage(join(folder, 'disk')));
  } catch (error) {
    return String(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file system in memory with room for so much: `2m`. */
export function mountMemory(size: string): Mount {
  return mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs');
}

/** What is in a folder, so that it can only be read. */
export function mountReadOnly(folder: string): Mount {
  const mounted = mount('--bind', folder);
  command('mount', '-o', 'remount,bind,ro', mounted.path);
  return mounted;
}

/** A disk of so many MiB, as a file with ext4 in it. Its metadata is written when somebody asks for it, not by a timer. */
export function makeImage(file: string, size: number): void {
  command('truncate', '-s', `${size}M`, file);
  command('mkfs.ext4', '-q', '-F', '-m', '0', file);
}

/** Repairs from its journal what a disk has, as after the loss of power. */
export function mountImage(file: string): Mount {
  return mount('-o', 'loop,commit=300', file);
}

/** Why a program cannot be run here, if it cannot. */
export function reasonAgainst(program: string, ...args: readonly string[]): string | undefined {
  try {
    command(program, ...args);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Runs a program, and throws what it says when it fails. */
export function command(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

function mount(...args: readonly string[]): Mount {
  const path = mkdtempSync(join(tmpdir(), 'tsgi-mount-'));
  try {
    command('mount', ...args, path);
  } catch (error) {
    rmSync(path, { recursive: true });
    throw error;
  }
  return {
    path,
    file: (name) => join(path, name),
    remove() {
      command('umount', path);
      rmSync(path, { recursive: true });
    },
  };
}

function attempt(mounting: () => Mount): string | undefined {
  try {
    mounting().remove();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
