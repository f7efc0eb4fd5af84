/** What a function answers, or the other value when it throws: for reading what strangers have made. */
export function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
