import { describe, expect, it } from '@jest/globals';
import type { Application } from '../../src/app/application.js';
import { layer, type LayerLife, type Needs, type Resources } from '../../src/app/layer.js';
import { closeApplication, notOpen, openApplication } from '../../src/app/life.js';
import { text } from '../../src/app/reply.js';
import { urlmap } from '../../src/middleware/urlmap.js';

const hello: Application = () => text('hello');
const failure = new Error('the disk is full');

describe('openApplication and closeApplication', () => {
  it('open from the outermost layer inward and close from the inside out', async () => {
    const { did, living } = recorder();
    const application = living('outer', living('middle', living('inner', hello)));

    await openApplication(application, {});
    await closeApplication(application);

    expect(did).toEqual([
      ...['open outer', 'open middle', 'open inner'],
      ...['close inner', 'close middle', 'close outer'],
    ]);
  });

  it('have nothing to do for an application without layers', async () => {
    await openApplication(hello, {});

    await expect(closeApplication(hello)).resolves.toBeUndefined();
  });

  it('wait for each layer before the next', async () => {
    const { did, living } = recorder();
    const slow = (word: string) => async () => {
      await Promise.resolve();
      did.push(word);
      return undefined;
    };
    const application = living(
      'outer',
      living('inner', hello, { open: slow('inner at last'), close: slow('inner gone') }),
      { open: slow('outer at last'), close: slow('outer gone') },
    );

    await openApplication(application, {});
    await closeApplication(application);

    expect(did).toEqual([
      ...['open outer', 'outer at last', 'open inner', 'inner at last'],
      ...['close inner', 'inner gone', 'close outer', 'outer gone'],
    ]);
  });

  it('go through all branches of a map', async () => {
    const { did, living } = recorder();
    const application = living('outer', urlmap({ '/a': living('a', hello), '/b': living('b', hello) }));

    await openApplication(application, {});
    await closeApplication(application);

    expect(did).toEqual(['open outer', 'open a', 'open b', 'close b', 'close a', 'close outer']);
  });

  it('open again only when a close that is under way is done', async () => {
    const { did, living } = recorder();
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const application = living('outer', hello, { close: () => paused.then(() => void did.push('closed')) });
    await openApplication(application, {});

    const closing = closeApplication(application);
    const opening = openApplication(application, {});
    resume();
    await Promise.all([closing, opening]);

    expect(did).toEqual(['open outer', 'close outer', 'closed', 'open outer']);
  });

  it('close what is still being opened when it is open', async () => {
    const { did, living } = recorder();
    let resume: () => void = () => undefined;
    const paused = new Promise<undefined>((resolve) => {
      resume = () => resolve(undefined);
    });
    const application = living('outer', hello, { open: () => paused });

    const opening = openApplication(application, {});
    const closing = closeApplication(application);
    resume();
    await Promise.all([opening, closing]);

    expect(did).toEqual(['open outer', 'close outer']);
  });

  it('open again after a close', async () => {
    const { did, living } = recorder();
    const application = living('outer', living('inner', hello));

    for (let i = 0; i < 2; i++) {
      await openApplication(application, {});
      await closeApplication(application);
    }

    const once = ['open outer', 'open inner', 'close inner', 'close outer'];
    expect(did).toEqual([...once, ...once]);
  });

  it('close nothing that was not opened', async () => {
    const { did, living } = recorder();

    await closeApplication(living('outer', hello));

    expect(did).toEqual([]);
  });
});

describe('resources', () => {
  it('go from the host inward, and each layer adds its own', async () => {
    const seen: Record<string, Resources> = {};
    const { living } = recorder();
    const giving = (name: string, gives: Resources): LayerLife => ({
      open: (resources) => {
        seen[name] = resources;
        return gives;
      },
    });
    const inner = living('inner', hello, giving('inner', {}));
    const middle = living('middle', inner, giving('middle', { b: 2, c: 3 }));
    const application = living('outer', middle, giving('outer', { a: 1, b: 1 }));

    await openApplication(application, { 'tsgi.run_once': true });

    expect(seen).toEqual({
      outer: { 'tsgi.run_once': true },
      middle: { 'tsgi.run_once': true, a: 1, b: 1 },
      inner: { 'tsgi.run_once': true, a: 1, b: 2, c: 3 },
    });
  });

  it('of one branch are not seen in another', async () => {
    const seen: Resources[] = [];
    const { living } = recorder();
    const left = living('left', hello, { open: () => ({ left: 1 }) });
    const right = living('right', hello, { open: (resources) => void seen.push(resources) });

    await openApplication(urlmap({ '/left': left, '/right': right }), {});

    expect(seen).toEqual([{}]);
  });
});

describe('a layer that is missing', () => {
  const { living } = recorder();
  const needing = (inner: Application) => living('session', inner, {}, { 'web.driver': 'environment' });
  const setting = settingDriver('environment');

  it('is found when the application opens, with its name and its key', async () => {
    await expect(openApplication(needing(hello), {})).rejects.toMatchObject({
      code: 'MISSING_LAYER',
      message:
        "session() needs 'web.driver', and no layer around it sets it. Put environment() around session().",
    });
  });

  it('is found in each branch', async () => {
    const application = urlmap({ '/with': setting(needing(hello)), '/without': needing(hello) });

    await expect(openApplication(application, {})).rejects.toMatchObject({ code: 'MISSING_LAYER' });
  });

  it('is found before anything inside opens, and what is outside closes again', async () => {
    const { did, living } = recorder();
    const application = living('outer', needing(living('inner', hello)));

    await expect(openApplication(application, {})).rejects.toMatchObject({ code: 'MISSING_LAYER' });

    expect(did).toEqual(['open outer', 'close outer']);
  });

  it('is not missed when a layer sets the key without having a resource', async () => {
    const application = setting(needing(hello));

    await expect(openApplication(application, {})).resolves.toBeUndefined();
  });

  it('is not missed when the host gives the key', async () => {
    const resources = { 'web.driver': {} };

    await expect(openApplication(needing(hello), resources)).resolves.toBeUndefined();
  });
});

describe('an application in two places', () => {
  it('opens and closes once in two branches of a map', async () => {
    const { did, living } = recorder();
    const shared = living('shared', hello);
    const application = living('outer', urlmap({ '/a': shared, '/b': shared, '/c': living('c', shared) }));

    await openApplication(application, {});
    await closeApplication(application);

    expect(did).toEqual(['open outer', 'open shared', 'open c', 'close c', 'close shared', 'close outer']);
  });

  it('opens once for two hosts, and closes with the last of them', async () => {
    const { did, living } = recorder();
    const application = living('outer', living('inner', hello));

    await openApplication(application, { host: 1 });
    await openApplication(application, { host: 2 });
    await closeApplication(application);
    expect(did).toEqual(['open outer', 'open inner']);

    await closeApplication(application);
    expect(did).toEqual(['open outer', 'open inner', 'close inner', 'close outer']);
  });

  it('opens once for two hosts that open it at the same time', async () => {
    const { did, living } = recorder();
    const application = living('outer', living('inner', hello));

    await Promise.all([openApplication(application, {}), openApplication(application, {})]);

    expect(did).toEqual(['open outer', 'open inner']);
  });

  it('is refused when these give it different resources', async () => {
    const { living } = recorder();
    const shared = living('shared', hello, {}, { 'web.driver': 'environment' });
    const [one, another] = [settingDriver('one', {}), settingDriver('another', {})];

    await expect(
      openApplication(urlmap({ '/a': one(shared), '/b': another(shared) }), {}),
    ).rejects.toMatchObject({
      code: 'MOUNTED_TWICE',
      message:
        "One and the same shared() stands inside two different 'web.driver'. Make a shared() for each.",
    });
  });

  it('may stand inside different resources that it does not need', async () => {
    const { did, living } = recorder();
    const shared = living('shared', hello);
    const giving = (key: string) => living(key, shared, { open: () => ({ [key]: key }) });

    await openApplication(urlmap({ '/a': giving('a'), '/b': giving('b') }), {});

    expect(did).toEqual(['open a', 'open shared', 'open b']);
  });
});

describe('a layer that cannot open', () => {
  it.each<[string, () => never | Promise<never>]>([
    ['throws', raise],
    ['rejects', () => Promise.reject(failure)],
  ])('and %s closes what was opened, from the inside out', async (_, open) => {
    const { did, living } = recorder();
    const failing = living('failing', living('never', hello), { open });
    const application = living('outer', urlmap({ '/a': living('a', hello), '/b': failing }));

    await expect(openApplication(application, {})).rejects.toBe(failure);

    expect(did).toEqual(['open outer', 'open a', 'open failing', 'close a', 'close outer']);
  });

  it('can be opened when its reason has gone', async () => {
    const { did, living } = recorder();
    const outcomes = [Promise.reject(failure), Promise.resolve(undefined)];
    const application = living('outer', living('failing', hello, { open: () => outcomes.shift() }));
    await expect(openApplication(application, {})).rejects.toBe(failure);
    did.length = 0;

    await openApplication(application, {});
    await closeApplication(application);

    expect(did).toEqual(['open outer', 'open failing', 'close failing', 'close outer']);
  });

  it('fails every host that waits for it, and can be opened afterwards', async () => {
    const { living } = recorder();
    const outcomes = [Promise.reject(failure), Promise.resolve(undefined)];
    const application = living('failing', hello, { open: () => outcomes.shift() });

    const both = await Promise.allSettled([
      openApplication(application, {}),
      openApplication(application, {}),
    ]);

    const failed = { status: 'rejected', reason: failure };
    expect(both).toEqual([failed, failed]);
    await expect(openApplication(application, {})).resolves.toBeUndefined();
  });

  it('does not close what another host has opened', async () => {
    const { did, living } = recorder();
    const shared = living('shared', hello);
    const failing = urlmap({ '/a': shared, '/b': living('failing', hello, { open: raise }) });
    await openApplication(shared, {});

    await expect(openApplication(failing, {})).rejects.toBe(failure);
    expect(did).not.toContain('close shared');

    await closeApplication(shared);
    expect(did).toContain('close shared');
  });

  it('shows its own error, also when closing what was opened fails too', async () => {
    const { living } = recorder();
    const outer = { close: () => Promise.reject(new Error('close')) };
    const application = living('outer', living('failing', hello, { open: raise }), outer);

    await expect(openApplication(application, {})).rejects.toBe(failure);
  });
});

describe('a layer that cannot close', () => {
  it('does not keep the others from it, and its error is thrown', async () => {
    const { did, living } = recorder();
    const inner = living('inner', hello, { close: raise });
    const application = living(
      'outer',
      living('middle', inner, { close: () => Promise.reject(new Error('2nd')) }),
    );
    await openApplication(application, {});

    await expect(closeApplication(application)).rejects.toBe(failure);

    expect(did.slice(3)).toEqual(['close inner', 'close middle', 'close outer']);
  });
});

describe('notOpen', () => {
  it('says what to do first', () => {
    expect(notOpen).toThrow(expect.objectContaining({ code: 'NOT_OPEN' }));
  });
});

/** Layers that write down when they open and close. */
function recorder() {
  const did: string[] = [];
  const living = (
    name: string,
    application: Application,
    life: LayerLife = {},
    needs: Needs<string> = {},
  ): Application =>
    layer(name, { needs }, (inner: Application) => ({
      answer: inner,
      open: (resources: Resources) => {
        did.push(`open ${name}`);
        return life.open?.(resources);
      },
      close: () => {
        did.push(`close ${name}`);
        return life.close?.();
      },
    }))(application);
  return { did, living };
}

/** A layer that sets a key, and has a resource for it or not. */
function settingDriver(name: string, driver?: object): (inner: Application) => Application {
  return layer<string, { 'web.driver': unknown }, unknown>(name, { sets: ['web.driver'] }, (inner) => ({
    answer: (environ) => inner(Object.assign(environ, { 'web.driver': driver })),
    open: () => driver && { 'web.driver': driver },
  }));
}

function raise(): never {
  throw failure;
}
