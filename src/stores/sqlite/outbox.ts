import type { SqliteDatabase } from '../../database/sqlite.js';
import type { SqliteStatement } from '../../database/sqlite-handle.js';
import type { Claim, EndReason, Encoded, Settlement, StoredEvent } from '../driver.js';
import { listIn } from './list.js';
import { PART } from './part.js';
import type { SqliteSchema } from './schema.js';

/** Events that wait for their handlers. They are added in the transaction that ends the session. */
export class SqliteOutbox {
  readonly #database: SqliteDatabase;
  readonly #insert: SqliteStatement;
  readonly #due: SqliteStatement;
  readonly #take: SqliteStatement;
  readonly #forget: SqliteStatement;
  readonly #postpone: SqliteStatement;
  readonly #hasOlder: SqliteStatement;
  readonly #giveUp: SqliteStatement;

  constructor(database: SqliteDatabase, { events }: SqliteSchema) {
    const columns = 'id, app, handler, detail, reason, createdAt, endedAt, "values", attempt';
    const one = 'id = ? AND app = ? AND handler = ?';
    const isDue = 'app = ? AND handler = ? AND dueAt <= ?';
    const sql = (text: string) => database.prepare(text);
    this.#database = database;
    this.#insert = sql(`INSERT INTO ${events} (${columns}, dueAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#due = sql(
      `SELECT dueAt, number FROM ${events} WHERE ${isDue} ORDER BY dueAt, number LIMIT ?`,
    ).raw();
    this.#take = sql(
      `UPDATE ${events} SET dueAt = ?, attempt = attempt + 1 WHERE number = ? RETURNING ${columns}`,
    );
    this.#forget = sql(`DELETE FROM ${events} WHERE ${one}`);
    this.#postpone = sql(
      `UPDATE ${events} SET dueAt = CASE attempt WHEN ? THEN ? ELSE dueAt END WHERE ${one}`,
    );
    this.#hasOlder = sql(`SELECT 1 FROM ${events} WHERE endedAt < ?`);
    this.#giveUp = sql(
      `DELETE FROM ${events} WHERE number IN (SELECT number FROM ${events} WHERE endedAt < ? LIMIT ${PART})`,
    );
  }

  /** Within a transaction. */
  add(events: readonly StoredEvent[]): void {
    for (const { id, app, handler, detail, reason, createdAt, endedAt, values, attempt } of events) {
      const kept = JSON.stringify([...values]);
      const row = [id, app, handler, detail ?? null, reason, createdAt, endedAt, kept, attempt, endedAt];
      this.#insert.run(...row);
    }
  }

  /** Looks before it writes: most looks find nothing, and cost no lock. */
  async claim(claim: Claim): Promise<StoredEvent[]> {
    const { until } = claim;
    const due = () => this.#dueNow(claim);
    if (this.#database.read(due).length === 0) return [];
    const rows = await this.#database.write(() => due().flatMap((number) => this.#take.all(until, number)));
    return (rows as EventRow[]).map(eventOf);
  }

  settle({ event: { id, app, handler, attempt }, retryAt }: Settlement): Promise<boolean> {
    return this.#database.write(() => {
      const settled =
        retryAt === undefined
          ? this.#forget.run(id, app, handler)
          : this.#postpone.run(attempt, retryAt, id, app, handler);
      return settled.changes > 0;
    });
  }

  /** Whether events are waiting that were recorded before a moment. */
  hasOlder(before: number): boolean {
    return this.#hasOlder.get(before) !== undefined;
  }

  /** Within a transaction: gives up some of those. Answers how many. */
  giveUp(before: number): number {
    return this.#giveUp.run(before).changes;
  }

  /** The oldest first. Looks for each handler by itself: those of others, however many are waiting, are not looked at. */
  #dueNow({ app, handlers, now, limit }: Claim): number[] {
    const due = [...new Set(handlers)].flatMap((name) => this.#due.all(app, name, now, limit) as DueRow[]);
    return due
      .toSorted(([dueAt, number], [otherDueAt, other]) => dueAt - otherDueAt || number - other)
      .slice(0, limit)
      .map(([, number]) => number);
  }
}

type DueRow = readonly [dueAt: number, number: number];

interface EventRow {
  readonly id: string;
  readonly app: string;
  readonly handler: string;
  readonly detail: Encoded | null;
  readonly reason: EndReason;
  readonly createdAt: number;
  readonly endedAt: number;
  readonly values: string;
  readonly attempt: number;
}

function isPair(part: unknown): part is [key: string, value: Encoded] {
  return Array.isArray(part) && typeof part[0] === 'string' && typeof part[1] === 'string';
}

function eventOf({ detail, values, ...row }: EventRow): StoredEvent {
  const kept = new Map(listIn(values).filter(isPair));
  return { ...row, values: kept, detail: detail ?? undefined };
}
