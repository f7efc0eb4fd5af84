import type { StoredSession } from '../driver.js';
import type { SessionKey } from '../session-id.js';

/** A stored session, and the number of its row. */
export interface Known {
  readonly number: number;
  stored: StoredSession;
}

/**
 * The sessions that this process has read last, as they are stored: while nobody else has changed the file, they need not be
 * read again. Small ones only, and of too many those that were read first are forgotten. See decisions/018.
 */
export class KnownSessions {
  readonly #sessions = new Map<SessionKey, Known>();
  #state: number | undefined;

  /** What is stored, if it is known, in a state of the file. Undefined is a state that is not known. */
  get(key: SessionKey, state: number | undefined): Known | undefined {
    if (state === undefined) return undefined;
    if (state !== this.#state) this.#forgetAll(state);
    return this.#sessions.get(key);
  }

  /** In that state this is what is stored of a session that was not known. */
  add(key: SessionKey, known: Known, state: number | undefined): void {
    if (state === undefined || !isSmall(known.stored)) return;
    if (state !== this.#state) this.#forgetAll(state);
    if (this.#sessions.size >= MOST_SESSIONS) this.#forgetOldest();
    this.#sessions.set(key, known);
  }

  /** In place: to take an entry out of a large Map and put it in again costs several times as much. */
  change(key: SessionKey, known: Known, stored: StoredSession): void {
    const { values, handlers } = known.stored;
    known.stored = stored;
    const mayHaveGrown = stored.values !== values || stored.handlers !== handlers;
    if (mayHaveGrown && !isSmall(stored)) this.forget(key);
  }

  /** What is stored has changed, whatever the state. */
  forget(key: SessionKey): void {
    this.#sessions.delete(key);
  }

  #forgetAll(state: number): void {
    this.#sessions.clear();
    this.#state = state;
  }

  #forgetOldest(): void {
    for (const key of this.#sessions.keys()) {
      this.#sessions.delete(key);
      return;
    }
  }
}

/** Together some megabytes at most. */
const MOST_SESSIONS = 2000;
const MOST_CHARACTERS = 2000;

/** What an entry of a Map takes besides its text, in about as many characters. */
const ENTRY = 50;

function isSmall({ values, handlers }: StoredSession): boolean {
  let characters = 0;
  for (const ofApp of values.values()) {
    for (const [key, value] of ofApp) characters += ENTRY + key.length + value.length;
  }
  for (const { app, handler, detail = '' } of handlers)
    characters += ENTRY + app.length + handler.length + detail.length;
  return characters <= MOST_CHARACTERS;
}
