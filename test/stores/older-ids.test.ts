import { describe, expect, it } from '@jest/globals';
import { type OneVisit, site } from '../support/visits.js';

/** The id that leaves with the reply, if one does; empty when the cookie is cleared. */
function sentBy({ visit }: OneVisit): string | undefined {
  const { headers } = visit.cookies.applyTo({ status: '200 OK', headers: [], body: '' });
  const cookie = headers.find(([name]) => name === 'Set-Cookie')?.[1];
  return cookie === undefined ? undefined : /^shop=([^;]*)/.exec(cookie)?.[1];
}

describe('the Set-Cookie of a request whose session got another id meanwhile', () => {
  it.each([
    ['with no grace', 0, 0],
    ['after the grace', 5, 5],
  ])(
    'neither tells the new id to one that comes late to regenerate too, nor takes its changes: %s',
    async (_, grace, later) => {
      const shop = site();
      const id = await shop.made({ cart: 'tea' });
      const [planted, signIn] = [shop.visit(id), shop.visit(id)];
      planted.store.set('left', 1);
      planted.manager.regenerate();

      signIn.manager.regenerate({ grace });
      await signIn.visit.finish(true);
      shop.clock.advance(later);
      await planted.manager.save();
      planted.store.set('right', 2);
      await planted.visit.finish(true);

      const newer = sentBy(signIn);
      expect(sentBy(planted)).toBeUndefined();
      expect(planted.manager.sessionID).not.toBe(newer);
      expect(planted.manager.outcome).toBe('dropped');
      expect(shop.visit(newer).store.keys()).toEqual(['cart']);
    },
  );

  it('does not tell the newest id where the grace of one between is over', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const late = shop.visit(id);
    late.manager.regenerate();
    const first = shop.visit(id);
    first.manager.regenerate({ grace: 10 });
    await first.visit.finish(true);
    const second = shop.visit(sentBy(first));
    second.manager.regenerate({ grace: 0 });
    await second.visit.finish(true);

    await late.visit.finish(true);

    expect(sentBy(late)).toBeUndefined();
  });

  it('does not send an id that it was given, once a third request has replaced that', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const [first, second] = [shop.visit(id), shop.visit(id)];
    for (const { manager } of [first, second]) manager.regenerate();
    await first.visit.finish(true);
    await second.manager.save();
    const third = shop.visit(sentBy(first));
    third.manager.regenerate();
    await third.visit.finish(true);

    second.store.set('total', 3);
    await second.visit.finish(true);

    expect(sentBy(second)).toBeUndefined();
  });

  it('does not send an id that it was given, once the session has ended', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const [first, second] = [shop.visit(id), shop.visit(id)];
    for (const { manager } of [first, second]) manager.regenerate();
    await first.visit.finish(true);
    await second.manager.save();
    const logout = shop.visit(sentBy(first));
    logout.manager.destroy();
    await logout.visit.finish(true);

    second.store.set('total', 3);
    await second.visit.finish(true);

    expect(sentBy(second)).toBeUndefined();
  });

  it('does not send the id of a regeneration that was dropped, whatever compareAndSet committed', async () => {
    const shop = site();
    const id = await shop.made({ n: 1 });
    const one = shop.visit(id);

    one.manager.regenerate();
    await one.store.compareAndSet('n', 1, 2);
    await one.visit.finish(false);

    expect(sentBy(one)).toBeUndefined();
    expect(shop.visit(id).store.get('n')).toBe(2);
  });
});

describe('an older id of a session', () => {
  it('is refused where one that followed it is, however long its own grace', async () => {
    const shop = site();
    const id = await shop.made({ cart: 'tea' });
    const first = shop.visit(id);
    first.manager.regenerate({ grace: 10 });
    await first.visit.finish(true);
    const signIn = shop.visit(sentBy(first));

    signIn.manager.regenerate({ grace: 0 });
    await signIn.visit.finish(true);

    expect(shop.visit(id).manager.created).toBe(true);
  });
});
