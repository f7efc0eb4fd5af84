import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Application } from '../../src/app/application.js';
import type { Environ } from '../../src/app/environ.js';
import { layersOf } from '../../src/app/layer.js';
import { isPromise } from '../../src/app/promise.js';
import { json, text } from '../../src/app/reply.js';
import { urlmap } from '../../src/middleware/urlmap.js';
import { client } from '../../src/testing/client.js';

const failure = new Error('the disk is full');

/** Answers its name and where it stands. */
const named =
  (name: string): Application =>
  ({ SCRIPT_NAME, PATH_INFO }) =>
    json([name, SCRIPT_NAME, PATH_INFO]);

describe('urlmap', () => {
  const map = urlmap({
    '/session': named('session'),
    '/session/admin': named('admin'),
    '/s': named('s'),
    '/with space': named('space'),
  });

  it.each([
    ['/session', ['session', '/session', '']],
    ['/session/', ['session', '/session', '/']],
    ['/session/x/y', ['session', '/session', '/x/y']],
    ['/session/admin', ['admin', '/session/admin', '']],
    ['/session/admin/x', ['admin', '/session/admin', '/x']],
    ['/session/administrator', ['session', '/session', '/administrator']],
    ['/session//admin', ['session', '/session', '//admin']],
    ['/s', ['s', '/s', '']],
    ['/s/ession', ['s', '/s', '/ession']],
    ['/with%20space/x', ['space', '/with space', '/x']],
    ['/%73', ['s', '/s', '']],
  ])('sends %s to %j', async (path, expected) => {
    expect((await client(map).get(path)).json()).toEqual(expected);
  });

  it.each(['/', '/sessions', '/session-x', '/S', '/Session', '//session', '/x/session', '/se'])(
    'answers 404 to %s',
    async (path) => {
      const answer = await client(map).get(path);

      expect(answer.status).toBe('404 Not Found');
      expect(answer.text()).toBe('Not Found');
    },
  );

  it('gives "/" what nothing else took', async () => {
    const visitor = client(urlmap({ '/': named('rest'), '/a': named('a') }));

    expect((await visitor.get('/a/b')).json()).toEqual(['a', '/a', '/b']);
    expect((await visitor.get('/ab')).json()).toEqual(['rest', '', '/ab']);
    expect((await visitor.get('/')).json()).toEqual(['rest', '', '/']);
  });

  it('gives "/" a request for the mount itself, whose path is empty', async () => {
    const visitor = client(urlmap({ '/a': urlmap({ '/': named('root'), '/b': named('b') }) }));

    expect((await visitor.get('/a')).json()).toEqual(['root', '/a', '']);
    expect((await visitor.get('/a/b/c')).json()).toEqual(['b', '/a/b', '/c']);
  });

  it('leaves the name of the whole: SCRIPT_NAME and PATH_INFO together do not change', async () => {
    const segment = fc.stringMatching(/^[a-c]{0,2}$/);
    const mount = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
    const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);

    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(mount), path, async (mounts, path) => {
        const good = mounts.filter((mount) => mount === '/' || !mount.endsWith('/'));
        const visitor = client(urlmap(Object.fromEntries(good.map((mount) => [mount, named(mount)]))));

        const answer = await visitor.get(path);

        const longest = longestPrefix(good, path);
        if (longest === undefined) expect(answer.code).toBe(404);
        else
          expect(answer.json()).toEqual([longest, prefixOf(longest), path.slice(prefixOf(longest).length)]);
      }),
    );
  });

  describe('when a branch is left', () => {
    it.each<[string, Application]>([
      ['answers', () => text('')],
      ['answers later', () => Promise.resolve(text(''))],
      ['throws', () => raise()],
      ['rejects', () => Promise.reject(failure)],
    ])('SCRIPT_NAME and PATH_INFO are as before: it %s', async (_, branch) => {
      const map = urlmap({ '/a/b': branch });
      const seen: string[] = [];

      await client(async (environ) => {
        try {
          return await map(environ);
        } catch (error) {
          expect(error).toBe(failure);
          return text('caught');
        } finally {
          seen.push(environ.SCRIPT_NAME, environ.PATH_INFO);
        }
      }).get('/a/b/c');

      expect(seen).toEqual(['', '/a/b/c']);
    });

    it('they are the branch’s own as long as it waits', async () => {
      const seen: string[] = [];
      const visitor = client(
        urlmap({
          '/a': async (environ) => {
            await Promise.resolve();
            seen.push(environ.SCRIPT_NAME, environ.PATH_INFO);
            return text('');
          },
        }),
      );

      await visitor.get('/a/b');

      expect(seen).toEqual(['/a', '/b']);
    });
  });

  it('answers at once when the branch does', () => {
    const reply = map({ SCRIPT_NAME: '', PATH_INFO: '/session' } as Environ);

    expect(isPromise(reply)).toBe(false);
  });

  it('is seen by the layers around it, with its branches', () => {
    expect(layersOf(urlmap({ '/a': urlmap({ '/b': named('b') }) }))).toEqual(['urlmap']);
  });

  it.each(['', 'a', 'a/', '/a/', '//', 'http://localhost/a'])(
    'refuses the path "%s" when it is made',
    (path) => {
      expect(() => urlmap({ [path]: named('a') })).toThrow(
        expect.objectContaining({
          code: 'BAD_PATH',
          message: expect.stringContaining(JSON.stringify(path)) as unknown,
        }),
      );
    },
  );
});

/** The rule, said in another way: of the mounts whose segments begin the path, the one with most characters. */
function longestPrefix(mounts: readonly string[], path: string): string | undefined {
  const fitting = mounts.filter((mount) => `${path}/`.startsWith(`${prefixOf(mount)}/`));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

function prefixOf(mount: string): string {
  return mount === '/' ? '' : mount;
}

function raise(): never {
  throw failure;
}
