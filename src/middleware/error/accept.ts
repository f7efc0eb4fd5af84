import { listOf } from '../../app/headers.js';

export type Format = 'html' | 'text' | 'json';

/**
 * The format that an Accept header likes best: the highest q, then what is named rather than meant by a wildcard, then
 * what stands first (RFC 9110 section 12.5.1). Browsers name `text/html`. Who names nothing, as curl with its wildcard or
 * a program that sends no Accept at all, gets text.
 */
export function preferredFormat(accept: string | undefined): Format {
  const ranges = listOf(accept).map(rangeOf);
  const offers = FORMATS.map((format) => ({ format, ...bestRange(format, ranges) }));
  const [best] = offers.filter(({ q }) => q > 0).sort(byLiking);
  return best?.format ?? 'text';
}

interface Range {
  type: string;
  q: number;
  position: number;
}

/** How well a range fits a format, and what it says of it. */
interface Offer {
  q: number;
  /** 3 for the type itself, 2 for its family, 1 for anything. */
  fit: number;
  position: number;
}

/** The first wins where nothing else decides. */
const FORMATS = ['text', 'html', 'json'] as const;

const TYPES: Readonly<Record<Format, RegExp>> = {
  text: /^text\/plain$/,
  html: /^(?:text\/html|application\/xhtml\+xml)$/,
  json: /^application\/(?:json|.+\+json)$/,
};

const FAMILIES: Readonly<Record<Format, string>> = { text: 'text/*', html: 'text/*', json: 'application/*' };

function rangeOf(word: string, position: number): Range {
  const [type = '', ...parameters] = word.toLowerCase().split(';');
  const weight = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/.exec(parameter)?.[1]).find(Boolean);
  return { type: type.trim(), q: weight === undefined ? 1 : Number(weight), position };
}

/** The most specific range counts, whatever a wildcard says besides: `text/html;q=0` is no HTML. */
function bestRange(format: Format, ranges: readonly Range[]): Offer {
  const offers = ranges.map(({ type, q, position }) => ({ q, fit: fitOf(format, type), position }));
  const [best] = offers.filter(({ fit }) => fit > 0).sort((a, b) => b.fit - a.fit || b.q - a.q);
  return best ?? { q: 0, fit: 0, position: 0 };
}

function fitOf(format: Format, type: string): number {
  if (TYPES[format].test(type)) return 3;
  if (type === FAMILIES[format]) return 2;
  return type === '*/*' ? 1 : 0;
}

function byLiking(a: Offer, b: Offer): number {
  if (a.q !== b.q) return b.q - a.q;
  if (a.fit !== b.fit) return b.fit - a.fit;
  return a.fit === 3 ? a.position - b.position : 0;
}
