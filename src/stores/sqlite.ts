import type { SqliteDatabase } from '../database/sqlite.js';
import type { SqliteStatement } from '../database/sqlite-handle.js';
import type { AppChanges, Change, Commit, CommitResult, Driver, Encoded, Power } from './driver.js';
import type { StoredSession, Sweep, SweepStep } from './driver.js';
import { deadlineOf, moved, type Moments } from './expiry.js';
import type { SessionKey } from './session-id.js';
import { SqliteSchema } from './sqlite-schema.js';

/** Sessions in an SQLite file: one row for a session, one for each of its values. */
export class SqliteDriver implements Driver {
  readonly powers: ReadonlySet<Power> = new Set<Power>(['persistent', 'shared']);
  readonly #database: SqliteDatabase;
  readonly #schema: SqliteSchema;
  #prepared: Statements | undefined;

  /** The driver of an environment: one for each name and database, whoever asks. */
  static of(database: SqliteDatabase, environmentName: string): SqliteDriver {
    const known = drivers.get(database) ?? new Map<string, SqliteDriver>();
    const driver = known.get(environmentName) ?? new SqliteDriver(database, environmentName);
    drivers.set(database, known.set(environmentName, driver));
    return driver;
  }

  private constructor(database: SqliteDatabase, environmentName: string) {
    this.#database = database;
    this.#schema = new SqliteSchema(database, environmentName);
  }

  completeEnvironment(): Promise<boolean> {
    return this.#database.transaction(() => this.#schema.isComplete());
  }

  createEnvironment(): Promise<void> {
    return this.#database.transaction(() => {
      this.#schema.create();
    });
  }

  async removeEnvironment({ ignoreErrors = false }: { ignoreErrors?: boolean } = {}): Promise<void> {
    this.#prepared = undefined;
    const removal = this.#database.transaction(() => {
      this.#schema.remove();
    });
    await (ignoreErrors ? removal.catch(() => undefined) : removal);
  }

  load(key: SessionKey): Promise<StoredSession | undefined> {
    return new Promise((resolve) => {
      resolve(this.loadNow(key));
    });
  }

  loadNow(key: SessionKey): StoredSession | undefined {
    return this.#database.run(() => sessionOf(this.#statements.load.all(key) as LoadedRow[]));
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#database.write(() => this.#apply(commit));
  }

  end(key: SessionKey): Promise<boolean> {
    return this.#database.write(() => this.#remove(key));
  }

  /** Walks along the primary key: an index on the deadline would cost every commit more than it gives the sweep. */
  async sweep({ from, to, after = '' as SessionKey, limit }: Sweep): Promise<SweepStep> {
    const { walk, moments } = this.#statements;
    const seen = this.#database.run(() => walk.all(after, limit) as [SessionKey, ...MomentsRow][]);
    const isPast = (row: MomentsRow) =>
      deadlineOf(momentsOf(row)) >= from && deadlineOf(momentsOf(row)) <= to;
    const past = seen.filter(([, ...row]) => isPast(row)).map(([key]) => key);
    const isStillPast = (key: SessionKey) => {
      const row = moments.get(key) as MomentsRow | undefined;
      return row !== undefined && isPast(row);
    };
    const remove = () => past.filter((key) => isStillPast(key) && this.#remove(key)).length;
    const removed = past.length === 0 ? 0 : await this.#database.write(remove);
    return { removed, next: seen.length < limit ? undefined : seen.at(-1)?.[0] };
  }

  #apply(commit: Commit): CommitResult {
    const result = commit.create === undefined ? this.#meet(commit) : this.#create(commit.key, commit.create);
    if (result !== 'committed') return result;
    for (const [app, appChanges] of commit.changes) this.#applyChanges(commit.key, app, appChanges);
    return result;
  }

  #create(key: SessionKey, { createdAt, accessed, lifetime, expireTime, idle }: Moments): CommitResult {
    const made = this.#statements.create.run(key, createdAt, lifetime, idle, accessed, expireTime);
    return made.changes === 0 ? 'exists' : 'committed';
  }

  #meet({ key, now, move }: Commit): CommitResult {
    const { moments, setMoments } = this.#statements;
    const row = moments.get(key) as MomentsRow | undefined;
    if (row === undefined) return 'gone';
    const stored = momentsOf(row);
    if (deadlineOf(stored) <= now) return 'gone';
    if (move === undefined) return 'committed';
    const { accessed, expireTime } = moved(stored, move);
    setMoments.run(accessed, expireTime, key);
    return 'committed';
  }

  #applyChanges(session: SessionKey, app: string, { empty, keys }: AppChanges): void {
    if (empty) this.#statements.empty.run(session, app);
    for (const [key, change] of keys) this.#applyChange(session, app, key, change);
  }

  #applyChange(session: SessionKey, app: string, key: string, change: Change): void {
    const { value, set, unset } = this.#statements;
    let after = change.kind === 'set' ? change.value : undefined;
    if (change.kind === 'update') after = change.apply(value.get(session, app, key) as Encoded | undefined);
    if (after === undefined) unset.run(session, app, key);
    else set.run(session, app, key, after);
  }

  #remove(key: SessionKey): boolean {
    this.#statements.forget.run(key);
    return this.#statements.end.run(key).changes > 0;
  }

  /** Prepared at the first use: before `createEnvironment` there are no tables to prepare them for. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#database, this.#schema);
    return this.#prepared;
  }
}

const drivers = new WeakMap<SqliteDatabase, Map<string, SqliteDriver>>();

type MomentsRow = readonly [
  createdAt: number,
  lifetime: number,
  idle: number,
  accessed: number,
  expireTime: number,
];
type LoadedRow = readonly [...MomentsRow, app: string | null, key: string, value: Encoded];

interface Statements {
  readonly load: SqliteStatement;
  readonly moments: SqliteStatement;
  readonly setMoments: SqliteStatement;
  readonly create: SqliteStatement;
  readonly value: SqliteStatement;
  readonly set: SqliteStatement;
  readonly unset: SqliteStatement;
  readonly empty: SqliteStatement;
  readonly forget: SqliteStatement;
  readonly end: SqliteStatement;
  readonly walk: SqliteStatement;
}

function prepare({ handle }: SqliteDatabase, { sessions, values }: SqliteSchema): Statements {
  const moments = 'createdAt, lifetime, idle, accessed, expireTime';
  const one = 'session = ? AND app = ? AND key = ?';
  const sql = (text: string) => handle.prepare(text);
  return {
    load: sql(
      `SELECT ${moments}, app, key, value FROM ${sessions} LEFT JOIN ${values} ON session = id WHERE id = ?`,
    ).raw(),
    moments: sql(`SELECT ${moments} FROM ${sessions} WHERE id = ?`).raw(),
    setMoments: sql(`UPDATE ${sessions} SET accessed = ?, expireTime = ? WHERE id = ?`),
    create: sql(`INSERT INTO ${sessions} (id, ${moments}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`),
    value: sql(`SELECT value FROM ${values} WHERE ${one}`).pluck(),
    set: sql(
      `INSERT INTO ${values} (session, app, key, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (session, app, key) DO UPDATE SET value = excluded.value`,
    ),
    unset: sql(`DELETE FROM ${values} WHERE ${one}`),
    empty: sql(`DELETE FROM ${values} WHERE session = ? AND app = ?`),
    forget: sql(`DELETE FROM ${values} WHERE session = ?`),
    end: sql(`DELETE FROM ${sessions} WHERE id = ?`),
    walk: sql(`SELECT id, ${moments} FROM ${sessions} WHERE id > ? ORDER BY id LIMIT ?`).raw(),
  };
}

function momentsOf([createdAt, lifetime, idle, accessed, expireTime]: MomentsRow | LoadedRow): Moments {
  return { createdAt, accessed, lifetime, expireTime, idle };
}

/** The rows of one session: its moments on each, and a value unless it has none. */
function sessionOf(rows: readonly LoadedRow[]): StoredSession | undefined {
  if (rows[0] === undefined) return undefined;
  const { createdAt, accessed, lifetime, expireTime, idle } = momentsOf(rows[0]);
  const values = new Map<string, Map<string, Encoded>>();
  for (const [, , , , , app, key, value] of rows) {
    if (app === null) continue;
    const ofApp = values.get(app);
    if (ofApp === undefined) values.set(app, new Map([[key, value]]));
    else ofApp.set(key, value);
  }
  return { createdAt, accessed, lifetime, expireTime, idle, values };
}
