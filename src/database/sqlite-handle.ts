/** The part of a better-sqlite3 statement that is used here, so that users need no types of that package. */
export interface SqliteStatement {
  readonly reader: boolean;
  /** Whether it changes nothing by itself. */
  readonly readonly: boolean;
  all(...params: readonly unknown[]): unknown[];
  get(...params: readonly unknown[]): unknown;
  iterate(...params: readonly unknown[]): IterableIterator<unknown>;
  run(...params: readonly unknown[]): { changes: number; lastInsertRowid: number | bigint };
  raw(toggle?: boolean): this;
  pluck(toggle?: boolean): this;
}

/** The part of a better-sqlite3 database that is used here. */
export interface SqliteHandle {
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  pragma(source: string, options?: { simple?: boolean }): unknown;
  close(): unknown;
}
