import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeHtml, html, type Htmlable, Html } from '../../src/app/html.js';

/** Strings rich in what HTML reads as its own. */
const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', ';', '/', '=', ' ', '#', 'x', '!', '-', '`') }),
  fc.string({ unit: 'binary' }),
);

describe('html', () => {
  it('escapes what is put in', () => {
    const name = `<img src=x onerror="alert('&')">`;

    const markup = html`<p title="${name}">${name}</p>`.toString();

    const escaped = '&lt;img src=x onerror=&quot;alert(&#39;&amp;&#39;)&quot;&gt;';
    expect(markup).toBe(`<p title="${escaped}">${escaped}</p>`);
  });

  it('refuses a bad escape, of which a part would be missing', () => {
    expect(() => html`C:\users`).toThrow('An html template has a bad escape. Write two backslashes for one.');
  });

  it('puts in other HTML as it is, however deep', () => {
    const item = (text: string) => html`<i>${text}</i>`;

    const markup = html`<b>${[item('a<b'), [item('c'), 'd&']]}</b>`.toString();

    expect(markup).toBe('<b><i>a&lt;b</i><i>c</i>d&amp;</b>');
  });

  it.each<[Htmlable, string]>([
    [0, '0'],
    [-1.5, '-1.5'],
    [10n, '10'],
    [true, 'true'],
    [false, ''],
    [null, ''],
    [undefined, ''],
    ['', ''],
    [[], ''],
    [['a', 1, null, new Html('<b>')], 'a1<b>'],
    [new Html('<hr>'), '<hr>'],
  ])('writes %p as "%s"', (value, markup) => {
    expect(html`${value}`.toString()).toBe(markup);
  });

  it('does not take an object for HTML that looks like it', () => {
    const forged = { toString: () => '<script>' } as unknown as string;

    expect(() => html`${forged}`.toString()).toThrow(TypeError);
  });

  it('is not changed by what its parts do later', () => {
    const list = ['a'];
    const page = html`${list}`;

    list.push('b');

    expect(page.toString()).toBe('a');
  });

  it('never makes a tag or ends an attribute, whatever is put in', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const [, title, alt, content] = partsOf(html`<p title="${a}" alt='${b}'>${[a, b]}</p>`.toString());

        expect([title, alt, content].join('')).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
        expect([title, alt, content].map(unescaped)).toEqual([a, b, a + b]);
      }),
    );
  });
});

describe('escapeHtml', () => {
  it('keeps every character: a browser reads back what was written', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(unescaped(escapeHtml(text))).toBe(text);
      }),
    );
  });

  it('leaves text without special characters alone', () => {
    expect(escapeHtml('naïve \u0000 text')).toBe('naïve \u0000 text');
  });
});

function partsOf(markup: string): readonly string[] {
  return /^<p title="([^"]*)" alt='([^']*)'>([^<]*)<\/p>$/s.exec(markup) ?? [];
}

function unescaped(markup = ''): string {
  return markup
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
