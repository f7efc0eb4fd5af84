/** The text with every control character shown as an escape, line breaks too: nothing in it can pose as a log line. */
export function oneLine(text: string): string {
  return text.replace(HIDDEN, escaped);
}

/** The text with every control character but tab and line feed shown as an escape. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (char) => (char === '\n' || char === '\t' ? char : escaped(char)));
}

/** At most `length` characters of a text, and how many more there were. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length)}… (${text.length - length} characters more)`;
}

/** Controls, line and paragraph separators, what turns the direction of a line around, and halves of characters. */
const HIDDEN = /[\p{Cc}\u2028\u2029\p{Bidi_Control}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(char: string): string {
  return SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
