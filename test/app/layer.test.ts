import { describe, expect, it } from '@jest/globals';
import type { Application } from '../../src/app/application.js';
import type { Environ } from '../../src/app/environ.js';
import { describe as describeApplication, descriptionOf, layer, layersOf } from '../../src/app/layer.js';
import { text, withHeader } from '../../src/app/reply.js';
import { urlmap } from '../../src/middleware/urlmap.js';
import { client } from '../../src/testing/client.js';

interface UserLayer {
  'web.user': string;
}

/** Sets a key on the way in and a header on the way out. */
const user = layer<'user', UserLayer, unknown, never, [options?: { name?: string }]>(
  'user',
  { sets: ['web.user'] },
  (application, { name = 'Ada' } = {}) => {
    if (name === '') throw new RangeError('user() needs a name');
    return async (environ) =>
      withHeader(await application(Object.assign(environ, { 'web.user': name })), 'X-User', name);
  },
);

const greeting = layer<'greeting', object, UserLayer, 'user', [options?: { needsUser?: boolean }]>(
  'greeting',
  {
    needs: ({ needsUser = true } = {}) => (needsUser ? { 'web.user': 'user' as const } : {}),
    after: ['user'],
  },
  (application) => (environ) => application(environ),
);

const hello = (environ: Environ & UserLayer) => text(`hello ${environ['web.user']}`);

describe('layer', () => {
  it('wraps an application: before it on the way in, after it on the way out', async () => {
    const answer = await client(user(hello)).get('/');

    expect(answer.text()).toBe('hello Ada');
    expect(answer.header('X-User')).toBe('Ada');
  });

  it('takes options second', async () => {
    const answer = await client(user(hello, { name: 'Bob' })).get('/');

    expect(answer.text()).toBe('hello Bob');
  });

  it('makes the wrapped application once, when the layers are put together', async () => {
    const made: string[] = [];
    const counting = layer('counting', {}, (application) => {
      made.push('made');
      return application;
    });
    const visitor = client(counting(() => text('')));
    expect(made).toEqual(['made']);

    await visitor.get('/');
    await visitor.get('/');

    expect(made).toEqual(['made']);
  });

  it('throws mistakes in options then', () => {
    expect(() => user(hello, { name: '' })).toThrow('user() needs a name');
  });

  it('says of itself what it is, what it sets and what it needs', () => {
    const inner = greeting(hello);
    const outer = user(inner);

    expect(descriptionOf(outer)).toMatchObject({
      name: 'user',
      sets: ['web.user'],
      needs: {},
      inner: [inner],
    });
    expect(descriptionOf(inner)).toMatchObject({ name: 'greeting', sets: [], needs: { 'web.user': 'user' } });
    expect(descriptionOf(hello)).toBeUndefined();
  });

  it('may have a life in an object of a class', async () => {
    const did: string[] = [];
    class Living {
      readonly answer: Application;
      readonly #name = 'database';
      constructor(application: Application) {
        this.answer = application;
      }
      open() {
        did.push(`${this.#name} opened`);
        return undefined;
      }
    }
    const living = layer('living', {}, (application) => new Living(application));

    await client(living(() => text(''))).open();

    expect(did).toEqual(['database opened']);
  });

  it('may need more or less, as its options say', () => {
    expect(descriptionOf(greeting(hello, { needsUser: false }))).toMatchObject({ needs: {} });
  });

  it('may answer the application as it is, and is a layer all the same', async () => {
    const off = layer('off', {}, (application) => application);
    const inside = user(hello);

    const stack = off(off(inside));

    expect(layersOf(stack)).toEqual(['off', 'user']);
    expect(layersOf(inside)).toEqual(['user']);
    expect((await client(stack).get('/')).text()).toBe('hello Ada');
  });

  it('leaves an application without layers as it was when it answers that', () => {
    const off = layer('off', {}, (application) => application);
    const plain: Application = () => text('');

    const once = off(plain);
    const twice = off(plain);

    expect(layersOf(plain)).toEqual([]);
    expect([layersOf(once), layersOf(twice)]).toEqual([['off'], ['off']]);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['object', { name: 'Ada' }],
    ['string', 'app'],
  ])('refuses %s where the application belongs', (found, application) => {
    expect(() => user(application as Application<Environ & UserLayer>)).toThrow(
      expect.objectContaining({
        code: 'NOT_AN_APPLICATION',
        message: `user() got ${found} where the application belongs. Give it a function of environ first, its options second.`,
      }),
    );
  });

  describe('in the wrong order', () => {
    const wrong = { code: 'LAYER_ORDER', message: 'greeting() must be inside user(), not around it' };

    it.each<[string, Application<Environ & UserLayer>]>([
      ['right around', user(hello)],
      ['with another between', layer('between', {}, (application) => application)(user(hello))],
      ['around a map with it in a branch', urlmap({ '/a': () => text(''), '/b': user(hello) })],
    ])('is refused when it is made: %s', (_, application) => {
      expect(() => greeting(application)).toThrow(expect.objectContaining(wrong));
    });

    it('is refused before the options are looked at', () => {
      const strict = layer('strict', { after: ['user'] }, () => {
        throw new Error('options');
      });

      expect(() => strict(user(hello) as Application)).toThrow(
        'strict() must be inside user(), not around it',
      );
    });

    it('does not mind the right order, nor the same layer twice', () => {
      expect(layersOf(user(user(greeting(hello))))).toEqual(['user', 'greeting']);
    });
  });
});

describe('layersOf', () => {
  it('names layers from the outermost inward, also of branches, each once', () => {
    const map = urlmap({
      '/a': user(hello),
      '/b': greeting(hello),
      '/c': () => text(''),
    });

    expect(layersOf(user(map))).toEqual(['user', 'urlmap', 'greeting']);
    expect(layersOf(hello)).toEqual([]);
  });
});

describe('describe', () => {
  it('answers the application, with what is known of it', () => {
    const application: Application = () => text('');
    const description = { name: 'mine', sets: [], needs: {}, inner: [], life: {} };

    expect(describeApplication(application, description)).toBe(application);
    expect(descriptionOf(application)).toBe(description);
  });
});
