import { atEndOfTurn, inTurn } from '../app/turn.js';
import type { FileState } from './file-state.js';
import type { SqliteHandle, SqliteStatement } from './sqlite-handle.js';
import { undoIfPossible } from './write-queue.js';

/**
 * The reads of one turn of the event loop share a transaction, so that SQLite takes and gives back its file locks once for
 * all of them. It begins after all requests of the turn have arrived: nobody sees what is older than his request.
 *
 * The application's statements are never in it, as they would not be committed when they return.
 */
export class SharedRead {
  readonly #handle: SqliteHandle;
  readonly #state: FileState;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;
  #phase: 'none' | 'open' | 'left' = 'none';
  #given = false;

  constructor(handle: SqliteHandle, state: FileState) {
    this.#handle = handle;
    this.#state = state;
    this.#begin = handle.prepare('BEGIN');
    this.#commit = handle.prepare('COMMIT');
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** Whether the application has the handle itself. */
  get isGiven(): boolean {
    return this.#given;
  }

  /** Before a read of a driver. */
  join(): void {
    if (this.#phase !== 'none' || this.#given || !inTurn() || this.#handle.inTransaction) return;
    this.#begin.run();
    this.#state.begin();
    this.#phase = 'open';
    atEndOfTurn(this.#end);
  }

  /** Before a statement of the application. The reads that follow in this turn stand alone, so that the two need not alternate. */
  leave(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'left';
    try {
      this.#commit.run();
    } catch {
      undoIfPossible(this.#handle); // what was read has been answered; whoever reads next meets what is wrong with the file
    }
  }

  /** The application has the handle itself, and may use it at any time: from now on no reads are shared. */
  give(): void {
    this.leave();
    this.#given = true;
  }

  readonly #end = () => {
    this.leave();
    this.#phase = 'none';
  };
}
