import { createHmac, hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SessionError } from '../../src/stores/errors.js';
import { newSessionId } from '../../src/stores/session-id.js';
import { EXAMPLE_SECRET, Signer } from '../../src/stores/signature.js';
import { naughtyStrings } from '../support/naughty-strings.js';

const OLD = 'an old secret for tests, of 32 bytes or more';
const NEW = 'a new secret for tests, of 32 bytes or more';
const PURPOSE = 'session cookie';
const NOBODY = { id: '', aged: false };

const signer = new Signer(PURPOSE, NEW);
const id = newSessionId();
const signed = signer.sign('shop', id);

describe('a signed id', () => {
  it('is the id with an HMAC-SHA-256 of purpose, name and id, by a key derived for the purpose', () => {
    const key = Buffer.from(hkdfSync('sha256', NEW, '', 'tsgi session cookie', 32));
    const signature = createHmac('sha256', key).update(`session cookie\nshop\n${id}`).digest('base64url');

    expect(signed).toBe(`${id}.${signature}`);
    expect(signed).toMatch(/^[\w-]{43}\.[\w-]{43}$/);
  });

  it('is known again', () => {
    expect(signer.verify('shop', signed)).toEqual({ id, aged: false });
    expect(new Signer(PURPOSE, NEW).verify('shop', signed)).toEqual({ id, aged: false });
  });

  it.each<[string, Signer, string]>([
    ['under another name', signer, '__Host-shop'],
    ['for another purpose', new Signer('csrf', NEW), 'shop'],
    ['by another secret', new Signer(PURPOSE, OLD), 'shop'],
    ['by a secret with one byte more', new Signer(PURPOSE, `${NEW}!`), 'shop'],
  ])('is nobody’s %s', (_, other, name) => {
    expect(other.verify(name, signed)).toEqual(NOBODY);
  });

  it('is nobody’s when the signature is of another id', () => {
    const [, signature = ''] = signed.split('.');

    expect(signer.verify('shop', `${newSessionId()}.${signature}`)).toEqual(NOBODY);
  });

  it('has one form: no other character at any place is accepted', () => {
    for (let at = 0; at < signed.length; at += 1) {
      for (let code = 0; code < 256; code += 1) {
        const char = String.fromCharCode(code);
        const value = signed.slice(0, at) + char + signed.slice(at + 1);
        const { id: found } = signer.verify('shop', value);
        if (found !== '' && value !== signed) expect(value).toBe('refused');
      }
    }
  });

  it('is not accepted by characters whose lowest byte is right', () => {
    for (let at = 0; at < signed.length; at += 1) {
      const twin = String.fromCharCode(signed.charCodeAt(at) + 0x100);

      expect(signer.verify('shop', signed.slice(0, at) + twin + signed.slice(at + 1))).toEqual(NOBODY);
    }
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['the id alone', id],
    ['the id with a dot', `${id}.`],
    ['the signature alone', signed.slice(43)],
    ['a signature that is cut off', signed.slice(0, -1)],
    ['padding', `${signed}=`],
    ['a byte more', `${signed}A`],
    ['a second signature', `${signed}${signed.slice(43)}`],
    ['a blank before', ` ${signed}`],
    ['a blank behind', `${signed} `],
    ['a line end', `${signed}\n`],
    ['NUL', `${signed}\0`],
    ['another separator', signed.replace('.', ':')],
    ['quotes', `"${signed}"`],
    ['the name of an algorithm before', `none:${signed}`],
    ['the name of no algorithm as the signature', `${id}.none`],
    ['what express-session writes before it', `s:${signed}`],
    ['the id twice', `${id}.${id}`],
    ['zeros', `${id}.${'A'.repeat(43)}`],
  ])('is not %s', (_, value) => {
    expect(signer.verify('shop', value)).toEqual(NOBODY);
  });

  it('is no naughty string', () => {
    for (const text of naughtyStrings) expect(signer.verify('shop', text)).toEqual(NOBODY);
  });

  it('is what was signed and nothing else, whatever comes', () => {
    const unit = fc.constantFrom(...Array.from(signed), '=', '+', '/', ' ', '\0', 'ł');

    fc.assert(
      fc.property(fc.string({ unit, minLength: 80, maxLength: 90 }), (text) => {
        expect(signer.verify('shop', text).id).toBe(text === signed ? id : '');
      }),
    );
  });
});

describe('a list of secrets', () => {
  const both = new Signer(PURPOSE, [NEW, OLD]);

  it('signs with the first', () => {
    expect(both.sign('shop', id)).toBe(signed);
  });

  it('knows what any of them has signed, and says when it was not the first', () => {
    const old = new Signer(PURPOSE, OLD).sign('shop', id);

    expect(both.verify('shop', signed)).toEqual({ id, aged: false });
    expect(both.verify('shop', old)).toEqual({ id, aged: true });
  });

  it('does not know what a secret has signed that was taken out', () => {
    expect(new Signer(PURPOSE, OLD).verify('shop', signed)).toEqual(NOBODY);
    expect(new Signer(PURPOSE, [NEW]).verify('shop', new Signer(PURPOSE, [OLD]).sign('shop', id))).toEqual(
      NOBODY,
    );
  });

  it('equals one with the same secrets in the same order, for the same purpose', () => {
    expect(both.equals(new Signer(PURPOSE, [NEW, OLD]))).toBe(true);
    for (const secrets of [[OLD, NEW], [NEW], [OLD], [NEW, OLD, 'a third one'.repeat(4)]]) {
      expect(both.equals(new Signer(PURPOSE, secrets))).toBe(false);
      expect(new Signer(PURPOSE, secrets).equals(both)).toBe(false);
    }
    expect(both.equals(new Signer('csrf', [NEW, OLD]))).toBe(false);
  });
});

describe('a secret', () => {
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'secret is no string'],
    ['null', null, 'secret is no string'],
    ['a number', 1234567890, 'secret is no string'],
    ['bytes', Buffer.alloc(32, 'x'), 'secret is no string'],
    ['an empty string', '', 'secret has fewer than 32 bytes'],
    ['a word', 'hunter2', 'secret has fewer than 32 bytes'],
    ['31 bytes', 'x'.repeat(31), 'secret has fewer than 32 bytes'],
    ['an empty list', [], 'secret is a list without a secret'],
    ['a short one in a list', [NEW, 'hunter2-hunter2'], 'secret 2 of 2 has fewer than 32 bytes'],
    ['a list in a list', [[NEW]], 'secret is no string'],
    ['one twice', [NEW, OLD, NEW], 'secret 3 of 3 stands in the list before'],
    ['the one of the documentation', EXAMPLE_SECRET, 'secret is the one of the documentation'],
    ['the one of the documentation, as an old one', [NEW, EXAMPLE_SECRET], 'secret 2 of 2 is the one of'],
    ['the one of the documentation, lengthened', `${EXAMPLE_SECRET}!`, 'secret is the one of'],
  ])('is refused when it is %s, in words that do not hold it', (_, secret, message) => {
    const error = thrownBy(() => new Signer(PURPOSE, secret as string));

    expect(error).toBeInstanceOf(SessionError);
    expect(error).toMatchObject({ code: 'BAD_SECRET', message: expect.stringContaining(message) });
    const values = [secret].flat(2).filter((one) => typeof one === 'string' && one !== '');
    for (const value of values) expect(inspect(error)).not.toContain(value);
  });

  it('is counted in bytes', () => {
    expect(() => new Signer(PURPOSE, 'é'.repeat(16))).not.toThrow();
    expect(() => new Signer(PURPOSE, 'é'.repeat(15))).toThrow('fewer than 32 bytes');
    expect(() => new Signer(PURPOSE, 'x'.repeat(32))).not.toThrow();
  });

  it('is not to be seen in a printed signer', () => {
    const printed = inspect(signer, { depth: null, showHidden: true, getters: true });

    expect(printed).not.toContain(NEW);
    expect(JSON.stringify(signer)).toBe('{}');
  });

  it('of our documentation is long enough for nobody to see that it is none', () => {
    expect(Buffer.byteLength(EXAMPLE_SECRET)).toBeGreaterThanOrEqual(32);
  });
});

function thrownBy(make: () => unknown): unknown {
  try {
    return make();
  } catch (error) {
    return error;
  }
}
