import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import type { CgiOptions } from '../../../src/middleware/cgi.js';
import { fieldsOf, pieces, refusalOf, type Shown } from '../../support/forms.js';

const CORPORA = '../shared/corpora';

describe('cgi, with the urlencoded cases of web-platform-tests', () => {
  interface Case {
    input: string;
    output: Shown[];
  }

  forEachCase<Case>(
    'urlencoded-wpt.json',
    ({ input }) => JSON.stringify(input),
    async ({ input, output }) => {
      const bytes = Buffer.from(input);
      const type = 'application/x-www-form-urlencoded';

      for (const body of [bytes, pieces(bytes, 1), pieces(bytes, 2, 3, 1)]) {
        expect(await fieldsOf({ type, body })).toEqual(output);
      }
      expect(await fieldsOf({ type: 'text/plain', query: bytes.toString('latin1') })).toEqual(output);
    },
  );
});

describe('cgi, with the multipart cases of busboy', () => {
  interface Case {
    what: string;
    boundary: string;
    source_base64: string;
    limits?: Readonly<Record<string, number | null>>;
    expected: Event[];
  }
  type Event =
    | { type: 'field'; name: string; val: string }
    | { type: 'file'; name: string; data: { base64: string }; info: { filename: string; mimeType: string } }
    | { error: string }
    | string;

  /** The cases that end differently here: why, and how. */
  const different: Readonly<Record<string, [why: string, outcome: RegExp]>> = {
    'Fields and files (limits)': [
      'a limit refuses; busboy cuts off',
      /^413 .* more than 5 bytes in one field/,
    ],
    'Fields and files (limits: 0 files)': ['a limit refuses; busboy leaves out', /^413 .* more than 0 files/],
    'Parts limit': ['a limit refuses; busboy leaves out', /^413 .* more than 1 parts/],
    'Fields limit': ['a limit refuses; busboy leaves out', /^413 .* more than 1 fields/],
    'Files limit': ['a limit refuses; busboy leaves out', /^413 .* more than 1 files/],
    'Oversized part header': [
      'a limit is no malformed header',
      /^413 .* 16384 bytes in the headers of one part/,
    ],
    'No Content-Disposition': [
      'a part without a name is refused, not left out',
      /^400 .* Content-Disposition/,
    ],
    'Empty content-type and empty content-disposition': [
      'a part without a name is refused, not left out',
      /^400 .* Content-Disposition/,
    ],
    'Unicode filenames': ['filename* is ignored (RFC 7578 4.2)', /^none: .*"filename":""/],
    'Paths to be preserved through the preservePath option': [
      'paths are never kept',
      /^none: .*"1k_a\.dat".*"1k_b\.dat".*"1k_c\.dat"/,
    ],
    'Fields and (ignored) files': ['nothing is ignored', /^none: .*"1k_a\.dat".*"1k_b\.dat"/],
    'Skip field parts if no listener': ['nothing is skipped', /^none: \[\["file_name_0","a+"\],/],
  };

  forEachCase<Case>(
    'multipart-busboy.json',
    ({ what }) => what,
    async (one) => {
      const bytes = Buffer.from(one.source_base64, 'base64');
      const type = `multipart/form-data; boundary=${one.boundary}`;
      const outcome = different[one.what]?.[1] ?? outcomeOf(one.expected);

      for (const body of [bytes, pieces(bytes, 1), pieces(bytes, 100, 1, 7, 50)]) {
        expect(await refusalOf({ type, body }, optionsOf(one))).toMatch(outcome);
      }
    },
  );

  function outcomeOf(events: readonly Event[]): string | RegExp {
    if (events.some((event) => typeof event === 'object' && 'error' in event)) return /^400 BAD_FORM/;
    return `none: ${JSON.stringify(events.map(shown))}`;
  }

  function shown(event: Event): Shown {
    if (typeof event === 'string' || 'error' in event) throw new Error('neither a field nor a file');
    if (event.type === 'field') return [event.name, event.val];
    const { filename, mimeType: type } = event.info;
    const content = Buffer.from(event.data.base64, 'base64');
    return [event.name, { filename, type, size: content.length, text: content.toString() }];
  }

  /** With the header limit that busboy has. */
  function optionsOf({ limits = {} }: Case): CgiOptions {
    const names: Readonly<Record<string, string>> = { fileSize: 'fileBytes', fieldSize: 'fieldBytes' };
    const given = Object.entries(limits).map(([name, limit]) => [names[name] ?? name, limit ?? undefined]);
    return { headerBytes: 16_384, ...Object.fromEntries(given) } as CgiOptions;
  }
});

function forEachCase<C>(file: string, nameOf: (one: C) => string, check: (one: C) => Promise<void>): void {
  const path = `${CORPORA}/${file}`;
  if (!existsSync(path)) {
    it.skip(`skipped: no ${path} here`, () => undefined);
    return;
  }
  const cases = JSON.parse(readFileSync(path, 'utf8')) as C[];
  it.each(cases.map((one): [string, C] => [nameOf(one), one]))('%s', (_, one) => check(one));
}
