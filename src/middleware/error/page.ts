import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { findHeader, type Header } from '../../app/headers.js';
import { html, Html } from '../../app/html.js';
import type { Reply } from '../../app/reply.js';
import type { Format } from './accept.js';
import { attempt } from './attempt.js';
import { STYLE } from './style.js';
import { visible } from '../../app/visible.js';

/** What everyone may know of an error. */
export interface Problem {
  readonly status: number;
  /** By which the log knows it. */
  readonly reference?: string | undefined;
  readonly code?: string | undefined;
  /** A sentence for whoever sent the request. Default: what the status says. */
  readonly detail?: string | undefined;
}

/** The page that everyone may see. */
export function problemPage(problem: Problem, format: Format): string {
  if (format === 'html') return asHtml(problem);
  return format === 'json' ? asJson(problem) : asText(problem);
}

/**
 * The reply for a page, with headers that let a browser do nothing but show it. Headers that the error asks for come
 * after ours and never in their place; one that cannot be sent is left out.
 */
export function pageReply(
  { status }: Problem,
  format: Format,
  body: string,
  asked: readonly Header[] = [],
): Reply {
  const ours: Header[] = [['Content-Type', TYPES[format]], ...SAFETY];
  return {
    status: statusLine(status),
    headers: [...ours, ...asked.filter((header) => fits(header, ours))],
    body,
  };
}

/** `503 Service Unavailable`. */
export function statusLine(status: number): string {
  return `${status} ${reasonOf(status)}`;
}

export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? (status < 500 ? 'Client Error' : 'Server Error');
}

/** A whole document in our style. */
export function documentOf(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${visible(title)}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      ${body}
    </html> `.toString();
}

const TYPES: Readonly<Record<Format, string>> = {
  html: 'text/html; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

const SAFETY: readonly Header[] = [
  ['X-Content-Type-Options', 'nosniff'],
  [
    'Content-Security-Policy',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['Referrer-Policy', 'no-referrer'],
  ['Cache-Control', 'no-store'],
];

/** What describes the body is ours to say. */
const BODY_HEADERS = /^(?:content-|transfer-encoding$)/i;

function fits([name, value]: Header, ours: readonly Header[]): boolean {
  if (BODY_HEADERS.test(name) || findHeader(ours, name) !== undefined) return false;
  return attempt(() => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  }, false);
}

function asHtml({ status, reference, detail = sentenceFor(status) }: Problem): string {
  const body = html`<body class="plain">
    <main>
      <p class="status">${status}</p>
      <h1>${reasonOf(status)}</h1>
      <p class="detail">${visible(detail)}</p>
      ${reference !== undefined && html`<p class="reference">Reference <code>${reference}</code></p>`}
    </main>
  </body>`;
  return documentOf(statusLine(status), body);
}

function asText({ status, reference, detail = sentenceFor(status) }: Problem): string {
  const end = reference === undefined ? '' : `Reference: ${reference}\n`;
  return `${statusLine(status)}\n\n${visible(detail)}\n${end}`;
}

function asJson({ status, reference, code, detail = sentenceFor(status) }: Problem): string {
  return `${JSON.stringify({ status, title: reasonOf(status), code, detail, reference }, null, 2)}\n`;
}

function sentenceFor(status: number): string {
  if (status < 500) return 'The request could not be answered the way it was sent.';
  if (status === 503) return 'The server cannot answer at the moment. Please try again in a little while.';
  return 'Something went wrong on the server, and it has been written down. Please try again later.';
}
