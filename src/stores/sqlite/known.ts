import type { StoredSession } from '../driver.js';
import type { SessionKey } from '../session-id.js';

/** A stored session, and the number of its row. */
export interface Known {
  readonly number: number;
  readonly stored: StoredSession;
}

/**
 * The sessions that this process has read or written last, as they are stored: while nobody else has changed the file, they
 * need not be read again. Small ones only, and the oldest of too many are forgotten. See decisions/018.
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

  /** In that state this is what is stored. */
  set(key: SessionKey, known: Known, state: number | undefined): void {
    if (state === undefined) return;
    if (state !== this.#state) this.#forgetAll(state);
    this.#sessions.delete(key); // which makes it the newest, too
    if (!isSmall(known.stored)) return;
    if (this.#sessions.size >= MOST_SESSIONS) this.#forgetOldest();
    this.#sessions.set(key, known);
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
