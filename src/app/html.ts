import { TsgiError } from './errors.js';

/** Text that is HTML already, which `html` puts in as it is. */
export class Html {
  readonly #markup: string;

  /** For markup that you trust, such as a style sheet of your own. What came from outside goes through `html`. */
  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/** What may stand in an `html` template. `false`, null and undefined stand for nothing; a list for its parts. */
export type Htmlable = Html | string | number | bigint | boolean | null | undefined | readonly Htmlable[];

/**
 * An HTML template: whatever is put in is escaped, for text and for quoted attribute values alike, unless it is `Html`
 * itself. Not for the inside of `<script>`, `<style>` or unquoted attributes, where escaping does not help.
 * @throws TsgiError `BAD_TEMPLATE` for a template with a bad escape.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Htmlable[]): Html {
  let markup = literal(parts, 0);
  values.forEach((value, i) => {
    markup += markupOf(value) + literal(parts, i + 1);
  });
  return new Html(markup);
}

/** Plain text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** In a tagged template a bad escape such as `\users` is no syntax error, but a part that is not there. */
function literal(parts: readonly (string | undefined)[], i: number): string {
  const part = parts[i];
  if (part !== undefined) return part;
  throw new TsgiError('BAD_TEMPLATE', 'An html template has a bad escape. Write two backslashes for one.');
}

function markupOf(value: Htmlable): string {
  if (value instanceof Html) return value.toString();
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(markupOf).join('');
  return escapeHtml(String(value));
}
