import { atEndOfTurn, inTurn } from '../app/turn.js';
import type { SqliteHandle, SqliteStatement } from './sqlite-handle.js';

/**
 * The reads of one turn of the event loop share a transaction, so that SQLite takes and gives back its file locks once for
 * all of them. It begins after all requests of the turn have arrived: nobody sees what is older than his request.
 *
 * The application's statements are never in it, as they would not be committed when they return.
 */
export class SharedRead {
  readonly #handle: SqliteHandle;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;
  #state: 'none' | 'open' | 'left' = 'none';
  #given = false;

  constructor(handle: SqliteHandle) {
    this.#handle = handle;
    this.#begin = handle.prepare('BEGIN');
    this.#commit = handle.prepare('COMMIT');
  }

  /** Before a read of a driver. */
  join(): void {
    if (this.#state !== 'none' || this.#given || !inTurn() || this.#handle.inTransaction) return;
    this.#begin.run();
    this.#state = 'open';
    atEndOfTurn(this.#end);
  }

  /** Before a statement of the application. The reads that follow in this turn stand alone, so that the two need not alternate. */
  leave(): void {
    if (this.#state !== 'open') return;
    this.#state = 'left';
    this.#commit.run();
  }

  /** The application has the handle itself, and may use it at any time: from now on no reads are shared. */
  give(): void {
    this.leave();
    this.#given = true;
  }

  readonly #end = () => {
    this.leave();
    this.#state = 'none';
  };
}
