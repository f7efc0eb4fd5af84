import { describe, expect, it } from '@jest/globals';
import type { Application } from '../../../src/app/application.js';
import { layer } from '../../../src/app/layer.js';
import { isPromise } from '../../../src/app/promise.js';
import { error } from '../../../src/middleware/error.js';
import type { Format } from '../../../src/middleware/error/accept.js';
import { pageOf, request, tagsOf, throwing } from '../../support/failing.js';

const FORMATS = ['html', 'text', 'json'] as const;

/** In no line of this file as a whole: its source is on the pages, too. */
const CANARY = ['can', 'ary'].join('');

/** The development page of an application, and the log. */
function debug(application: Application, format: Format, over: Readonly<Record<string, unknown>> = {}) {
  const { environ, log } = request(over);
  const reply = error(application, { debug: true, format })(environ);
  if (isPromise(reply)) throw new Error('The layer answered later.');
  return { page: pageOf(reply), log };
}

function broken(): never {
  const cause = new RangeError('the disk is full');
  throw new TypeError('it broke', { cause });
}

function again(depth: number): never {
  if (depth === 0) return broken();
  return again(depth - 1);
}

describe.each(FORMATS)('debugPage, as %s', (format) => {
  it('shows message, cause, the source around the call, the request, the layers and the environ', () => {
    const inner = layer('inner', {}, (application) => (environ) => application(environ));

    const { page, log } = debug(inner(broken), format);

    const reference = /error ([\da-f-]{14}):/.exec(log())?.[1];
    expect(page).toContain('500');
    expect(page).toContain(reference);
    expect(page).toContain('it broke');
    expect(page).toContain('the disk is full');
    expect(page).toContain('debug-page.test.ts');
    expect(page).toContain('const cause = new RangeError(');
    expect(page).toContain('GET /shop/cart?item=3');
    expect(page).toMatch(/error\W[^]*inner\W/);
    expect(page).toContain('SERVER_PROTOCOL');
    expect(page).toContain('HTTP/1.1');
  });

  it('shows no secret of the environ, in whatever it stands, nor does the log', () => {
    const secrets = {
      HTTP_COOKIE: `sid=${CANARY}-cookie; theme=dark`,
      HTTP_AUTHORIZATION: `Basic ${CANARY}-basic`,
      HTTP_PROXY_AUTHORIZATION: `Basic ${CANARY}-proxy`,
      HTTP_X_API_KEY: `${CANARY}-key`,
      HTTP_X_CSRF_TOKEN: `${CANARY}-csrf`,
      HTTP_REFERER: `http://ada:${CANARY}-user@localhost/?access_token=${CANARY}-referer&next=%2F%3Fsid%3D${CANARY}-nested`,
      QUERY_STRING: `item=3&password=${CANARY}-query&%70wd=${CANARY}-encoded`,
      REQUEST_URI: `/shop/cart?item=3&password=${CANARY}-query&%70wd=${CANARY}-encoded`,
      DATABASE_DSN: `postgres://ada:${CANARY}-dsn@db/shop`,
      DATABASE_URL: `postgres://ada:${CANARY}-url@db/shop`,
      'web.session.secret': `${CANARY}-secret`,
      'web.session.manager': {
        id: `${CANARY}-object`,
        toString: () => `${CANARY}-text`,
        toJSON: () => `${CANARY}-json`,
      },
      'web.session.ids': [`${CANARY}-list`],
      'web.function': () => `${CANARY}-function`,
    };

    const { page, log } = debug(
      throwing(new Error(`from postgres://ada:${CANARY}-thrown@db`)),
      format,
      secrets,
    );

    expect(page).toContain('[masked]');
    expect(page).not.toContain(CANARY);
    expect(log()).not.toContain(CANARY);
  });
});

describe('debugPage, as HTML', () => {
  it('unfolds the first of the user’s own calls and folds all others', () => {
    const { page } = debug(broken, 'html');

    const folds = tagsOf(page.slice(page.indexOf('id="stack"'), page.indexOf('id="layers"'))).filter((tag) =>
      tag.startsWith('<details'),
    );
    expect(folds.filter((tag) => tag === '<details open>')).toHaveLength(2); // the error and its cause
    expect(folds[0]).toBe('<details open>');
    expect(folds.length).toBeGreaterThan(4);
  });

  it('marks the line', () => {
    const { page } = debug(broken, 'html');

    expect(page).toMatch(
      /<span class="line here"><b>\d+<\/b> {2}const cause = new RangeError\(|<span class="line here"><b>\d+<\/b> {2}throw new TypeError\(/,
    );
  });

  it('puts calls in Node and packages together, without source', () => {
    const { page } = debug(broken, 'html');

    expect(page).toMatch(
      /<details class="foreign">\s*<summary>\d+ calls in Node and packages<\/summary>\s*<p class="frame">/,
    );
  });

  it('says why there is no stack', () => {
    const { page } = debug(throwing('it broke'), 'html');

    expect(page).toContain('No stack.');
  });

  it('runs nothing and loads nothing', () => {
    const { page } = debug(broken, 'html');

    const [style] = /<style>[^]*?<\/style>/.exec(page) ?? [];
    expect(style).not.toMatch(/url\(|@import/);
    expect(tagsOf(page).filter((tag) => /^<(?:script|link|img|iframe)|\son\w+=/i.test(tag))).toEqual([]);
  });
});

describe('debugPage, as text', () => {
  it('shows the source of a place once, however often it was called', () => {
    const { page } = debug(() => again(5), 'text');

    const first = page.slice(0, page.indexOf('cause: RangeError'));
    expect(first.match(/^ {2}at again /gm)?.length).toBeGreaterThan(3);
    expect(first.match(/^ {2}> .* again\(depth - 1\)/gm)).toHaveLength(1);
  });
});
