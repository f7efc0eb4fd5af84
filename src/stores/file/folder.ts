import { randomUUID } from 'node:crypto';
import { type Dir, readFileSync } from 'node:fs';
import { mkdir, open, opendir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { allSettled } from '../../app/promise.js';
import { codeOfError } from '../../app/errors.js';
import { SessionError } from '../errors.js';
import type { SessionKey } from '../session-id.js';
import { folderError } from './errors.js';
import { LOCK_FILES } from './folder-lock.js';
import { type FileRecord, recordOf, textOf } from './record.js';

/** Records to keep by key; undefined for those to remove. */
export type Replacements = ReadonlyMap<SessionKey, FileRecord | undefined>;

/** The files of a folder, one for each record. Readers see a file as it was or as it is, and never half of one. */
export class SessionFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Where the record of a key is, or would be: its SHA-256 in hexadecimal digits, and nothing else. */
  fileOf(key: SessionKey): string {
    return join(this.path, `${Buffer.from(key, 'base64url').toString('hex')}${SUFFIX}`);
  }

  /** @throws SessionError as `recordOf`, and what the file system reports. */
  read(key: SessionKey): FileRecord | undefined {
    const file = this.fileOf(key);
    const text = this.#attempt(() => textIn(file));
    return text === undefined ? undefined : this.#recordOf(text, file);
  }

  /** The same without blocking, by the name that a walk found; undefined for what is no record of ours. */
  async readNamed(name: string): Promise<FileRecord | undefined> {
    const file = join(this.path, name);
    try {
      return this.#recordOf(await readFile(file, 'utf8'), file);
    } catch {
      return undefined;
    }
  }

  /**
   * Writes the new contents beside the old ones, durably. Nothing is changed before `commit`, which then replaces file by
   * file, and resolves when that is durable too.
   */
  async prepare(replacements: Replacements): Promise<{ commit: () => Promise<void> }> {
    const files = [...replacements].map(([key, record]) => new Replacement(this.fileOf(key), record));
    await this.#orUndo(files, () => allSettled(files.map((file) => file.write())));
    return { commit: () => this.#orUndo(files, () => this.#replace(files)) };
  }

  /** Whether the folder is there. @throws SessionError `NOT_A_FOLDER`, `NAME_CASE` */
  async isThere(): Promise<boolean> {
    await this.#checkSpelling();
    const found = await stat(this.path).catch(() => undefined);
    if (found?.isDirectory() === false) throw this.#refuse('NOT_A_FOLDER', 'is no folder. Name another one.');
    return found !== undefined;
  }

  async create(): Promise<void> {
    await this.isThere();
    await this.#attemptLater(async () => {
      const first = await mkdir(this.path, { recursive: true, mode: 0o700 });
      if (first !== undefined) await sync(dirname(first));
    });
  }

  /** Removes our files, and then the folder. @throws SessionError `FOLDER_NOT_EMPTY` when others are in it. */
  async remove(): Promise<void> {
    await this.#attemptLater(async () => {
      const ours = (await readdir(this.path)).filter((name) => isOurs(name));
      await allSettled(ours.map((name) => rm(join(this.path, name), { force: true })));
    });
  }

  /** Removes the folder itself. */
  async removeSelf(): Promise<void> {
    try {
      for (const name of LOCK_FILES) await rm(join(this.path, name), { force: true });
      await rmdir(this.path);
    } catch (error) {
      if (codeOfError(error) === 'ENOTEMPTY')
        throw this.#refuse('FOLDER_NOT_EMPTY', 'holds files that are not ours, and was left. Remove them.');
      throw folderError(error, this.path);
    }
  }

  /** The names of the folder, a few at a time. */
  walk(): Promise<Dir> {
    return this.#attemptLater(() => opendir(this.path, { bufferSize: 128 }));
  }

  /** Removes what a process that was killed has left half-written, once nobody can be writing it any more. */
  async removeLeftOver(name: string): Promise<void> {
    const file = join(this.path, name);
    const found = await stat(file).catch(() => undefined);
    // a file's time is the machine's, whatever the clock of the sessions says
    if (found !== undefined && Date.now() - found.mtimeMs > LEFT_OVER_MS) await rm(file, { force: true });
  }

  #recordOf(text: string, file: string): FileRecord {
    return recordOf(text, file, (key) => this.fileOf(key));
  }

  /** In this order a crash leaves, after a change of key, the older one's session or both, and never neither. */
  async #replace(files: readonly Replacement[]): Promise<void> {
    const sessions = files.filter((file) => file.makesSession);
    const others = files.filter((file) => !file.makesSession);
    for (const group of [sessions, others].filter(({ length }) => length > 0)) {
      await allSettled(group.map((file) => file.replace()));
      await sync(this.path);
    }
  }

  /** Where names differ by more than case, so that two environments are apart on every file system. */
  async #checkSpelling(): Promise<void> {
    const name = basename(this.path);
    const names = await readdir(dirname(this.path)).catch(() => []);
    const other = names.find((found) => found !== name && found.toLowerCase() === name.toLowerCase());
    if (other === undefined) return;
    throw this.#refuse('NAME_CASE', `is written "${other}" there. Use that spelling, or another name.`);
  }

  async #orUndo(files: readonly Replacement[], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await Promise.all(files.map((file) => file.undo()));
      throw folderError(error, this.path);
    }
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw folderError(error, this.path);
    }
  }

  async #attemptLater<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw folderError(error, this.path);
    }
  }

  #refuse(code: string, found: string): SessionError {
    return new SessionError(code, `${this.path} ${found}`);
  }
}

/** What is to become of one file. */
class Replacement {
  readonly #file: string;
  readonly #record: FileRecord | undefined;
  readonly #temporary: string;

  constructor(file: string, record: FileRecord | undefined) {
    this.#file = file;
    this.#record = record;
    this.#temporary = `${file}.${randomUUID()}${TEMPORARY}`;
  }

  get makesSession(): boolean {
    return this.#record !== undefined && this.#record.newer === undefined;
  }

  async write(): Promise<void> {
    if (this.#record === undefined) return;
    const handle = await open(this.#temporary, 'wx', 0o600);
    try {
      await handle.writeFile(textOf(this.#record));
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async undo(): Promise<void> {
    await rm(this.#temporary, { force: true }).catch(() => undefined); // a sweep does it a day later
  }

  replace(): Promise<void> {
    if (this.#record === undefined) return rm(this.#file, { force: true });
    return rename(this.#temporary, this.#file);
  }
}

const SUFFIX = '.json';
const TEMPORARY = '.tmp';
const RECORD_NAME = /^[0-9a-f]{64}\.json$/;
const TEMPORARY_NAME = /^[0-9a-f]{64}\.json\.[0-9a-f-]{36}\.tmp$/;

/** A day in milliseconds. */
const LEFT_OVER_MS = 86_400_000;

export function isRecordName(name: string): boolean {
  return RECORD_NAME.test(name);
}

export function isTemporaryName(name: string): boolean {
  return TEMPORARY_NAME.test(name);
}

function isOurs(name: string): boolean {
  return isRecordName(name) || isTemporaryName(name);
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOfError(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the names of a folder durable. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
