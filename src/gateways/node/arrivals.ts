/**
 * Requests that arrive in one pass of the event loop are handled together at its end: what they share then costs once. One
 * that comes alone is not kept waiting, as long as the others before it came alone too.
 */
export class Arrivals<T> {
  readonly #handle: (together: readonly T[]) => void;
  #waiting: T[] = [];
  #arrived = 0;
  #crowded = false;

  constructor(handle: (together: readonly T[]) => void) {
    this.#handle = handle;
  }

  add(one: T): void {
    this.#arrived += 1;
    if (this.#arrived === 1) setImmediate(this.#pass);
    if (this.#arrived === 1 && !this.#crowded) this.#handle([one]);
    else this.#waiting.push(one);
  }

  readonly #pass = () => {
    const together = this.#waiting;
    this.#crowded = this.#arrived > 1;
    this.#arrived = 0;
    if (together.length === 0) return;
    this.#waiting = [];
    this.#handle(together);
  };
}
