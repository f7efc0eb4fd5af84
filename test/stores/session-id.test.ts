import { describe, expect, it } from '@jest/globals';
import { isSessionId, keyOf, newSessionId } from '../../src/stores/session-id.js';
import { naughtyStrings } from '../support/naughty-strings.js';

const COUNT = 200_000;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('newSessionId', () => {
  const ids = Array.from({ length: COUNT }, newSessionId);

  it('gives 43 characters that need no escaping anywhere', () => {
    for (const id of ids) if (!/^[A-Za-z0-9_-]{43}$/.test(id)) expect(id).toBe('an id');
  });

  it('gives 200,000 ids that are all different', () => {
    expect(new Set(ids).size).toBe(COUNT);
  });

  it('is what isSessionId knows', () => {
    expect(ids.every(isSessionId)).toBe(true);
  });

  it('uses every character at every position alike, as chance does', () => {
    for (let position = 0; position < 43; position += 1) {
      const counts = new Map<string, number>();
      for (const id of ids) counts.set(id.charAt(position), (counts.get(id.charAt(position)) ?? 0) + 1);

      // of the last character four bits are random: 256 = 42 * 6 + 4
      const possible = position < 42 ? 64 : 16;
      expect(counts.size).toBe(possible);
      for (const count of counts.values()) expectByChance(count, 1 / possible);
    }
  });

  it('shares no more positions with the id before, or 128 before, than chance does', () => {
    for (const distance of [1, 2, 127, 128, 129]) {
      for (let position = 0; position < 43; position += 1) {
        let same = 0;
        for (let i = distance; i < COUNT; i += 1) {
          if (ids[i]?.charCodeAt(position) === ids[i - distance]?.charCodeAt(position)) same += 1;
        }
        expectByChance(same, position < 42 ? 1 / 64 : 1 / 16);
      }
    }
  });

  /** Within six standard deviations: false once in a billion. */
  function expectByChance(count: number, probability: number): void {
    const expected = COUNT * probability;
    const deviation = Math.sqrt(expected * (1 - probability));
    expect(Math.abs(count - expected)).toBeLessThan(6 * deviation);
  }
});

describe('isSessionId', () => {
  const id = ALPHABET.slice(21);

  it.each(['', id.slice(1), `${id}A`, ` ${id}`, `${id} `, `${id}\n`, `\n${id}`, `${id}=`, `${id}\0`])(
    'refuses %j',
    (text) => {
      expect(isSessionId(id)).toBe(true);
      expect(isSessionId(text)).toBe(false);
    },
  );

  it('knows the 64 characters of base64url and no others, anywhere', () => {
    for (let code = 0; code < 0x180; code += 1) {
      const char = String.fromCharCode(code);
      for (const at of [0, 21, 42]) {
        const text = id.slice(0, at) + char + id.slice(at + 1);
        if (isSessionId(text) !== ALPHABET.includes(char)) expect(text).toBe('judged by its characters');
      }
    }
  });

  it('refuses every naughty string', () => {
    expect(naughtyStrings.filter(isSessionId)).toEqual([]);
  });
});

describe('keyOf', () => {
  it('is the SHA-256 of the id, which leads nobody back', () => {
    // printf %s abc | openssl dgst -sha256 -binary | basenc --base64url
    expect(keyOf('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });

  it('is another one for each id, and no id is a key', () => {
    const ids = Array.from({ length: 1000 }, newSessionId);
    const keys = ids.map(keyOf);

    expect(new Set([...ids, ...keys]).size).toBe(2000);
  });
});
