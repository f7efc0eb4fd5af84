import type { SessionKey } from '../session-id.js';
import type { SessionFolder } from './folder.js';
import type { FolderLock } from './folder-lock.js';
import type { FileRecord } from './record.js';

export type Read = (key: SessionKey) => FileRecord | undefined;

/** The records that a write keeps, or removes where they are undefined. */
export type Records = readonly (readonly [SessionKey, FileRecord | undefined])[];

export interface Written<T> {
  readonly answer: T;
  readonly records?: Records;
}

interface Write {
  readonly run: (read: Read) => Written<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts all writes that wait at one time behind one lock: each session that they change is written once, and what has to
 * reach the disk does so together, without blocking the event loop. Each write is answered when it is durable.
 */
export class FolderWrites {
  readonly #folder: SessionFolder;
  readonly #lock: FolderLock;
  readonly #waiting: Write[] = [];
  #flushing: Promise<void> | undefined;

  constructor(folder: SessionFolder, lock: FolderLock) {
    this.#folder = folder;
    this.#lock = lock;
  }

  /**
   * Calls `run` with what is stored at its turn, by whatever process, and stores what it answers. When it throws, nothing
   * of it is stored. It may run again, so it changes nothing else.
   */
  add<T>(run: (read: Read) => Written<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves when no write is waiting. */
  async done(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
  }

  /** Starts after this turn of the event loop, so that all its writes go together. */
  async #flush(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#runTogether(this.#waiting.splice(0, MOST_TOGETHER));
    this.#flushing = undefined;
  }

  async #runTogether(writes: readonly Write[]): Promise<void> {
    try {
      const settle = await this.#lock.hold(() => this.#store(writes));
      for (const answer of settle) answer();
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  /** When they cannot be stored together, each is tried by itself, so that the one to blame fails alone. */
  async #store(writes: readonly Write[]): Promise<(() => void)[]> {
    const draft = new Map<SessionKey, FileRecord | undefined>();
    const settle = writes.map((write) => this.#runOne(write, draft));
    const prepared = await this.#folder.prepare(draft).catch((error: unknown) => ({ error }));
    if ('commit' in prepared) {
      await prepared.commit();
      return settle;
    }
    if (writes.length > 1) return this.#storeOneByOne(writes);
    return writes.map(
      ({ reject }) =>
        () =>
          reject(prepared.error),
    );
  }

  async #storeOneByOne(writes: readonly Write[]): Promise<(() => void)[]> {
    const settle: (() => void)[] = [];
    for (const write of writes) settle.push(...(await this.#store([write])));
    return settle;
  }

  #runOne({ run, resolve, reject }: Write, draft: Map<SessionKey, FileRecord | undefined>): () => void {
    try {
      const { answer, records = [] } = run((key) =>
        draft.has(key) ? draft.get(key) : this.#folder.read(key),
      );
      for (const [key, record] of records) draft.set(key, record);
      return () => {
        resolve(answer as never);
      };
    } catch (error) {
      return () => {
        reject(error);
      };
    }
  }
}

/** Bounds how long the lock is kept, and how many files are open at once. */
const MOST_TOGETHER = 64;
