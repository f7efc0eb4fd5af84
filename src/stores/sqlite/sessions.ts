import type { SqliteDatabase } from '../../database/sqlite.js';
import type { SqliteStatement } from '../../database/sqlite-handle.js';
import type { AppChanges, Change, Encoded, Registration, Rename, StoredSession } from '../driver.js';
import { registered } from '../events.js';
import type { Moments } from '../expiry.js';
import type { Known } from './known.js';
import { listIn } from './list.js';
import { PART } from './part.js';
import type { SessionKey } from '../session-id.js';
import type { SqliteSchema } from './schema.js';

/** A stored session without its values. */
export interface Row extends Moments {
  readonly number: number;
  readonly key: SessionKey;
  /** As it is kept: `handlersOf` reads it. */
  readonly handlers: string | null;
}

/** The rows of sessions, of their values and of their older ids. Whoever writes has begun a transaction. */
export class SqliteSessions {
  readonly #statements: Statements;

  constructor(database: SqliteDatabase, schema: SqliteSchema) {
    this.#statements = prepare(database, schema);
  }

  find(key: SessionKey): Row | undefined {
    return rowOf(this.#statements.find.get(key) as RawRow | undefined);
  }

  at(number: number): Row | undefined {
    return rowOf(this.#statements.at.get(number) as RawRow | undefined);
  }

  /** By one of the older keys it had, which is good until after a moment. */
  findOlder(key: SessionKey, moment: number = -Infinity): Row | undefined {
    return rowOf(this.#statements.findOlder.get(key, moment) as RawRow | undefined);
  }

  load(key: SessionKey): Known | undefined {
    const rows = this.#statements.load.all(key) as NumberedRow[];
    const stored = sessionOf(key, rows);
    return stored && { number: (rows[0] as NumberedRow)[NUMBER], stored };
  }

  /** By one of the older keys it had. One statement, so that no rename comes between. */
  loadOlder(key: SessionKey): StoredSession | undefined {
    const rows = this.#statements.loadOlder.all(key) as OlderRow[];
    if (rows[0] === undefined) return undefined;
    const [newer, until, next] = rows[0];
    const stored = sessionOf(
      newer,
      rows.map(([, , , ...row]) => row),
    );
    return stored && { ...stored, alias: { until, next } };
  }

  /** The sessions after a number, in their order. */
  walk(after: number, limit: number): Row[] {
    return (this.#statements.walk.all(after, limit) as RawRow[]).map((raw) => rowOf(raw) as Row);
  }

  /** Answers its number; undefined when there is one that has or had that key. */
  create(key: SessionKey, moments: Moments, handlers: readonly Registration[]): number | undefined {
    if (this.#statements.isOlder.get(key) !== undefined) return undefined;
    const { createdAt, lifetime, idle, accessed, expireTime } = moments;
    const kept = textOf(handlers);
    const made = this.#statements.create.run(key, createdAt, lifetime, idle, accessed, expireTime, kept);
    return made.changes === 0 ? undefined : Number(made.lastInsertRowid);
  }

  move(number: number, { accessed, expireTime }: Moments): void {
    this.#statements.move.run(accessed, expireTime, number);
  }

  setHandlers(number: number, handlers: readonly Registration[]): void {
    this.#statements.setHandlers.run(textOf(handlers), number);
  }

  rename(number: number, from: SessionKey, { to, until, next }: Rename): void {
    this.#statements.rename.run(to, number);
    this.#statements.shorten.run(until, number, until);
    this.#statements.addAlias.run(from, number, until, next);
  }

  empty(number: number): void {
    this.#statements.forget.run(number);
  }

  /** `after` is what becomes of the values, where that is known; else those that are updated are read. */
  change(number: number, changes: ReadonlyMap<string, AppChanges>, after?: StoredSession['values']): void {
    const { empty: emptyApp, set, unset } = this.#statements;
    for (const [app, { empty, keys }] of changes) {
      if (empty) emptyApp.run(number, app);
      for (const [key, change] of keys) {
        const value =
          after === undefined ? this.#valueAfter(number, app, key, change) : after.get(app)?.get(key);
        if (value === undefined) unset.run(number, app, key);
        else set.run(number, app, key, value);
      }
    }
  }

  remove(number: number): void {
    this.#statements.forget.run(number);
    this.#statements.forgetKeys.run(number);
    this.#statements.end.run(number);
  }

  /** Whether there are older keys that were good until before a moment. */
  hasAliases(before: number): boolean {
    return this.#statements.hasAliases.get(before) !== undefined;
  }

  /** Some of those that were good until before a moment. */
  forgetAliases(before: number): void {
    this.#statements.forgetAliases.run(before);
  }

  #valueAfter(number: number, app: string, key: string, change: Change): Encoded | undefined {
    if (change.kind === 'update')
      return change.apply(this.#statements.value.get(number, app, key) as Encoded | undefined);
    return change.kind === 'set' ? change.value : undefined;
  }
}

type RawMoments = readonly [
  createdAt: number,
  lifetime: number,
  idle: number,
  accessed: number,
  expireTime: number,
  handlers: string | null,
];
type RawRow = readonly [number: number, key: SessionKey, ...RawMoments];
type LoadedRow = readonly [...RawMoments, app: string | null, key: string, value: Encoded];
type NumberedRow = readonly [...LoadedRow, number: number];
type OlderRow = readonly [newer: SessionKey, until: number, next: string, ...LoadedRow];

type Statements = ReturnType<typeof prepare>;

function prepare(
  database: SqliteDatabase,
  { sessions, values, aliases }: SqliteSchema,
): Record<
  | 'find'
  | 'at'
  | 'findOlder'
  | 'load'
  | 'loadOlder'
  | 'walk'
  | 'isOlder'
  | 'create'
  | 'move'
  | 'setHandlers'
  | 'rename'
  | 'shorten'
  | 'addAlias'
  | 'value'
  | 'set'
  | 'unset'
  | 'empty'
  | 'forget'
  | 'forgetKeys'
  | 'end'
  | 'hasAliases'
  | 'forgetAliases',
  SqliteStatement
> {
  const moments = 'createdAt, lifetime, idle, accessed, expireTime, handlers';
  const row = `number, id, ${moments}`;
  const one = 'session = ? AND app = ? AND key = ?';
  const sql = (text: string) => database.prepare(text);
  return {
    find: sql(`SELECT ${row} FROM ${sessions} WHERE id = ?`).raw(),
    findOlder: sql(
      `SELECT ${row} FROM ${sessions}
       WHERE number = (SELECT session FROM ${aliases} WHERE id = ? AND until > ?)`,
    ).raw(),
    at: sql(`SELECT ${row} FROM ${sessions} WHERE number = ?`).raw(),
    load: sql(
      `SELECT ${moments}, app, key, value, number FROM ${sessions} LEFT JOIN ${values} ON session = number WHERE id = ?`,
    ).raw(),
    loadOlder: sql(
      `SELECT newer.id, until, next, ${moments}, app, key, value FROM ${aliases} AS older
       JOIN ${sessions} AS newer ON number = older.session
       LEFT JOIN ${values} AS kept ON kept.session = number WHERE older.id = ?`,
    ).raw(),
    walk: sql(`SELECT ${row} FROM ${sessions} WHERE number > ? ORDER BY number LIMIT ?`).raw(),
    isOlder: sql(`SELECT 1 FROM ${aliases} WHERE id = ?`),
    create: sql(
      `INSERT INTO ${sessions} (id, ${moments}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    move: sql(`UPDATE ${sessions} SET accessed = ?, expireTime = ? WHERE number = ?`),
    setHandlers: sql(`UPDATE ${sessions} SET handlers = ? WHERE number = ?`),
    rename: sql(`UPDATE ${sessions} SET id = ? WHERE number = ?`),
    shorten: sql(`UPDATE ${aliases} SET until = ? WHERE session = ? AND until > ?`),
    addAlias: sql(`INSERT INTO ${aliases} (id, session, until, next) VALUES (?, ?, ?, ?)`),
    value: sql(`SELECT value FROM ${values} WHERE ${one}`).pluck(),
    set: sql(
      `INSERT INTO ${values} (session, app, key, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (session, app, key) DO UPDATE SET value = excluded.value`,
    ),
    unset: sql(`DELETE FROM ${values} WHERE ${one}`),
    empty: sql(`DELETE FROM ${values} WHERE session = ? AND app = ?`),
    forget: sql(`DELETE FROM ${values} WHERE session = ?`),
    forgetKeys: sql(`DELETE FROM ${aliases} WHERE session = ?`),
    end: sql(`DELETE FROM ${sessions} WHERE number = ?`),
    hasAliases: sql(`SELECT 1 FROM ${aliases} WHERE until < ?`),
    forgetAliases: sql(
      `DELETE FROM ${aliases} WHERE id IN (SELECT id FROM ${aliases} WHERE until < ? LIMIT ${PART})`,
    ),
  };
}

function rowOf(raw: RawRow | undefined): Row | undefined {
  if (raw === undefined) return undefined;
  const [number, key, createdAt, lifetime, idle, accessed, expireTime, handlers] = raw;
  return { number, key, createdAt, lifetime, idle, accessed, expireTime, handlers };
}

/** Where the number stands in a loaded row: at the end, so that the rows are read alike. */
const NUMBER = 9;

/** The rows of one session: its moments on each, and a value unless it has none. */
function sessionOf(key: SessionKey, rows: readonly (LoadedRow | NumberedRow)[]): StoredSession | undefined {
  if (rows[0] === undefined) return undefined;
  const [createdAt, lifetime, idle, accessed, expireTime, handlers] = rows[0];
  const values = new Map<string, Map<string, Encoded>>();
  for (const [, , , , , , app, name, value] of rows) {
    if (app === null) continue;
    const ofApp = values.get(app);
    if (ofApp === undefined) values.set(app, new Map([[name, value]]));
    else ofApp.set(name, value);
  }
  return {
    key,
    createdAt,
    accessed,
    lifetime,
    expireTime,
    idle,
    handlers: handlersOf(handlers),
    values,
  };
}

/** JSON, null for none: hardly any session has some. */
export function handlersOf(text: string | null): readonly Registration[] {
  return text === null ? NONE : registered([], listIn(text).filter(isRegistration));
}

function isRegistration(part: unknown): part is Registration {
  const { app, handler } = Object(part) as Partial<Registration>;
  return typeof app === 'string' && typeof handler === 'string';
}

function textOf(handlers: readonly Registration[]): string | null {
  return handlers.length === 0 ? null : JSON.stringify(handlers);
}

const NONE: readonly Registration[] = [];
