import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { TsgiError } from '../../../src/app/errors.js';
import { isPromise } from '../../../src/app/promise.js';
import type { Reply } from '../../../src/app/reply.js';
import { error } from '../../../src/middleware/error.js';
import { pageReply, problemPage } from '../../../src/middleware/error/page.js';
import { pageOf, request, tagsOf } from '../../support/failing.js';

const HTML = { HTTP_ACCEPT: 'text/html' };

describe('problemPage', () => {
  const problem = { status: 500, reference: '0123-4567-89ab' };

  it('tells status and reference as text', () => {
    expect(problemPage(problem, 'text')).toBe(
      '500 Internal Server Error\n\nSomething went wrong on the server, and it has been written down. Please try again later.\nReference: 0123-4567-89ab\n',
    );
  });

  it('tells the same as JSON', () => {
    expect(JSON.parse(problemPage(problem, 'json'))).toEqual({
      status: 500,
      title: 'Internal Server Error',
      detail: 'Something went wrong on the server, and it has been written down. Please try again later.',
      reference: '0123-4567-89ab',
    });
  });

  it('tells the same as HTML, with nothing to load and nothing to run', () => {
    const page = problemPage(problem, 'html');

    expect(page).toMatch(/^<!doctype html>\s*<html lang="en">/);
    expect(page).toContain('<h1>Internal Server Error</h1>');
    expect(page).toContain('<code>0123-4567-89ab</code>');
    expect(page).not.toMatch(/<script|<link|<img|url\(|@import|\son\w+=|https?:/i);
  });

  it('asks for patience when the server is busy', () => {
    expect(problemPage({ status: 503 }, 'text')).toContain('try again in a little while');
  });

  it.each(['html', 'text', 'json'] as const)('says nothing of what made it, as %s', (format) => {
    expect(problemPage(problem, format)).not.toMatch(/tsgi|node|typescript|\.[tj]s\b/i);
  });
});

describe('pageReply', () => {
  it.each([
    ['html', 'text/html; charset=utf-8'],
    ['text', 'text/plain; charset=utf-8'],
    ['json', 'application/json; charset=utf-8'],
  ] as const)('sends %s with headers under which a browser does nothing but show it', (format, type) => {
    expect(pageReply({ status: 500 }, format, 'page')).toEqual({
      status: '500 Internal Server Error',
      headers: [
        ['Content-Type', type],
        ['X-Content-Type-Options', 'nosniff'],
        [
          'Content-Security-Policy',
          "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ],
        ['Referrer-Policy', 'no-referrer'],
        ['Cache-Control', 'no-store'],
      ],
      body: 'page',
    });
  });
});

const CORPUS = '../shared/corpora/naughty-strings.json';

/** Strings that break pages, and more of them where the corpus is at hand. */
function naughtyStrings(): string[] {
  const own = [
    '',
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onclick='x",
    '</title><b>',
    '\0',
    '\ud800',
    '&lt;',
    '-->',
    ']]>',
  ];
  if (existsSync(CORPUS)) return [...own, ...(JSON.parse(readFileSync(CORPUS, 'utf8')) as string[])];
  console.warn(`Skipped: the strings of ${CORPUS}, which is not here.`);
  return own;
}

/** The pages that a string can get to, when it is in every place at once. */
function pagesWith(text: string): Reply[] {
  const headers: [string, string][] = [['X-Said', text]];
  const failing = (status: number, debug: boolean) => {
    const thrown = new TsgiError(text, text, { status, headers, cause: text });
    const { environ } = request({
      ...HTML,
      PATH_INFO: `/${text}`,
      QUERY_STRING: text,
      HTTP_X_SAID: text,
      [`x.${text}`]: text,
    });
    const application = error(
      () => {
        throw thrown;
      },
      { debug, format: 'html' },
    );
    const reply = application(environ);
    if (isPromise(reply)) throw new Error('The layer answered later.');
    return reply;
  };
  return [failing(500, false), failing(400, false), failing(500, true), failing(400, true)];
}

describe('A string as message, code, cause, header, path, query, environ name and value', () => {
  const strings = ['harmless', ...naughtyStrings()];
  const pages = strings.map((text) => pagesWith(text).map(pageOf));

  it('adds no element and no attribute to any page, whatever it is', () => {
    const [harmless, ...structures] = pages.map((four) => four.map((page) => tagsOf(page).join('')));

    expect(harmless?.map((tags) => tags.length > 300)).toEqual([true, true, true, true]);
    expect(strings.slice(1).filter((_, i) => !isDeepStrictEqual(structures[i], harmless))).toEqual([]);
  });

  it('leaves no control character in any page', () => {
    const controls = /[^\P{Cc}\n\t]|[\u2028\u2029\u202e]/u;

    expect(strings.filter((_, i) => pages[i]?.some((page) => controls.test(page)))).toEqual([]);
  });
});
