/** Something whose unsaved changes belong to the request, as those of its session do. */
export interface Participant {
  /** Makes what changed so far durable. */
  save(): Promise<void>;
  /** Drops what was changed since the last `save`. */
  rollback(): void;
}

/**
 * A request's face of the database, whatever the adapter. Statements are the adapter's own business (synchronous here,
 * asynchronous elsewhere); what all adapters share is how the request's changes are sealed.
 */
export interface Connection {
  /** Joins a participant to `commit` and `rollback`. Joining again changes nothing. */
  enlist(participant: Participant): void;
  /**
   * Seals what the participants have changed so far: resolves when it is durable, and a later throw does not drop it.
   * Happens by itself at the end of a request that did not fail. With nothing to seal it does nothing.
   */
  commit(): Promise<void>;
  /**
   * Undoes a transaction that this request began by hand and left open; true when there was one. For the layers: it is
   * never joined, and whoever meets it fails with TRANSACTION_OPEN.
   */
  undoOpenTransaction(): boolean;
  /** Drops what the participants have changed since the last `commit`. Happens by itself when the application throws. */
  rollback(): void;
}
