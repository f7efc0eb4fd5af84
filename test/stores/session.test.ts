import { describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../src/stores/codec.js';
import type { Encoded } from '../../src/stores/driver.js';
import { checkedLimits } from '../../src/stores/limits.js';
import { Session } from '../../src/stores/session.js';
import { keyOf, newSessionId } from '../../src/stores/session-id.js';

const MOMENTS = { createdAt: 1000, accessed: 1000, lifetime: 60, expireTime: 1060, idle: Infinity };
const STORED = new Map([['shop', new Map([['cart', '"tea"']])]]);

/** A session that is stored with these values, or a new one. */
function session(values?: ReadonlyMap<string, ReadonlyMap<string, Encoded>>): Session {
  const id = newSessionId();
  const found = values && { ...MOMENTS, key: keyOf(id), handlers: [], values };
  return new Session({ codec: jsonCodec, limits: checkedLimits() }, id, MOMENTS, true, found);
}

describe('a new session', () => {
  it('is made by its first commit and only by that', () => {
    const made = session();
    expect([made.stored, made.changed]).toEqual([false, true]);

    const first = made.take(1001).commit;
    made.values('shop').set('cart', 'tea');
    const second = made.take(1002).commit;

    expect(first).toEqual({ key: made.key, now: 1001, changes: new Map(), create: MOMENTS });
    expect(second).toEqual({ key: made.key, now: 1002, changes: second.changes });
    expect([made.stored, made.changed]).toEqual([true, false]);
  });

  it('is made with the end it was moved to', () => {
    const made = session();

    made.move({ expireTime: 2000 });

    expect(made.take(1001).commit).toMatchObject({ create: { ...MOMENTS, expireTime: 2000 } });
    expect(made.take(1002).commit.move).toBeUndefined();
  });

  it('is made by the next commit when the first one failed, with all that came meanwhile', () => {
    const made = session();
    made.values('shop').set('cart', 'tea');

    const { giveBack } = made.take(1001);
    made.values('forum').set('name', 'Anna');
    made.move({ expireTime: 2000 });
    giveBack();

    expect([made.stored, made.changed]).toEqual([false, true]);
    const { commit } = made.take(1002);
    expect(commit).toMatchObject({ create: { ...MOMENTS, expireTime: 2000 } });
    expect([...commit.changes.keys()].toSorted()).toEqual(['forum', 'shop']);
  });

  it('is made by a change that is committed alone', () => {
    const made = session();
    made.values('shop').set('cart', 'tea');

    const { commit, done } = made.alone(1001, 'forum', 'name', () => 'Anna');
    expect(commit).toMatchObject({ create: MOMENTS });
    expect([...commit.changes.keys()]).toEqual(['forum']);
    done();

    expect(made.take(1002).commit.create).toBeUndefined();
  });

  it('goes back to the moments that a change committed alone has made it with', () => {
    const made = session();
    made.move({ expireTime: 2000 });
    const { done } = made.alone(1001, 'forum', 'name', () => 'Anna');
    done();
    made.move({ expireTime: 3000 });

    made.rollback();

    expect(made.moments.expireTime).toBe(2000);
  });
});

describe('a stored session', () => {
  it('commits the applications that changed and no others', () => {
    const stored = session(STORED);
    stored.values('forum').get('name');
    stored.values('blog').set('title', 'x');

    const { commit } = stored.take(1001);

    expect([...commit.changes.keys()]).toEqual(['blog']);
    expect(commit.create).toBeUndefined();
    expect(commit.move).toBeUndefined();
  });

  it.each([
    ['the end', { expireTime: 2000 }],
    ['the last use', { accessed: 1030 }],
    ['both', { expireTime: 2000, accessed: 1030 }],
  ])('commits a move of %s once', (_, move) => {
    const stored = session(STORED);

    stored.move(move);

    expect(stored.moments).toEqual({ ...MOMENTS, ...move });
    expect(stored.changed).toBe(true);
    expect(stored.take(1001).commit).toMatchObject({ move });
    expect(stored.changed).toBe(false);
    expect(stored.take(1002).commit.move).toBeUndefined();
  });

  it('commits a move again when its commit failed, below what was moved since', () => {
    const stored = session(STORED);
    stored.move({ expireTime: 2000, accessed: 1030 });

    const { giveBack } = stored.take(1001);
    stored.move({ expireTime: 3000 });
    giveBack();

    expect(stored.take(1002).commit.move).toEqual({ expireTime: 3000, accessed: 1030 });
  });

  it('keeps a move that came while a commit without one failed', () => {
    const stored = session(STORED);
    stored.values('shop').set('cart', 'coffee');

    const { giveBack } = stored.take(1001);
    stored.move({ expireTime: 3000 });
    giveBack();

    expect(stored.take(1002).commit.move).toEqual({ expireTime: 3000 });
  });

  it('goes back to its moments when it is rolled back', () => {
    const stored = session(STORED);
    stored.move({ expireTime: 2000 });

    stored.rollback();

    expect(stored.moments).toEqual(MOMENTS);
    expect(stored.changed).toBe(false);
  });

  it('goes back to the moments of the last commit when it is rolled back, unless that failed', () => {
    const stored = session(STORED);
    stored.move({ expireTime: 2000 });
    const { giveBack } = stored.take(1001);
    stored.move({ expireTime: 3000 });

    stored.rollback();
    expect(stored.moments.expireTime).toBe(2000);

    giveBack();
    stored.rollback();
    expect(stored.moments.expireTime).toBe(1060);
  });

  it('names the applications that keep values, as this request sees them', () => {
    const stored = session(new Map([...STORED, ['forum', new Map([['name', '"Anna"']])]]));
    expect(stored.appsWithValues()).toEqual(['shop', 'forum']);

    stored.values('shop').delete('cart');
    stored.values('blog').set('title', 'x');
    stored.values('wiki').get('page');

    expect(stored.appsWithValues()).toEqual(['forum', 'blog']);
  });
});
