/**
 * A function of a string that remembers its answers: the first `limit` of them, for short strings, so that strangers who
 * send ever new ones cannot fill the memory.
 */
export function remember<T extends string | object>(
  make: (text: string) => T,
  limit = 1000,
): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = make(text);
    if (known.size < limit && text.length <= LONGEST) known.set(text, made);
    return made;
  };
}

const LONGEST = 100;
