import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Environ } from '../../src/app/environ.js';
import { layersOf } from '../../src/app/layer.js';
import { text } from '../../src/app/reply.js';
import { cgi, type CgiLayer, type CgiOptions } from '../../src/middleware/cgi.js';
import type { Form } from '../../src/middleware/cgi/form.js';
import { environFor, fieldsOf, type FormRequest, pieces, refusalOf, run } from '../support/forms.js';

const URLENCODED = 'application/x-www-form-urlencoded';

describe('cgi', () => {
  describe('the form', () => {
    it('has the conventions of FormData', () => {
      const form = formOf('a=1&b=2&a=3');

      expect(form.get('a')?.value).toBe('1');
      expect(form.getAll('a').map(({ value }) => value)).toEqual(['1', '3']);
      expect([form.has('b'), form.has('c')]).toEqual([true, false]);
      expect([...form.keys()]).toEqual(['a', 'b']);
      expect([...form].map(([name, { value }]) => name + value)).toEqual(['a1', 'b2', 'a3']);
    });

    it('answers nothing for what is not there', () => {
      const form = formOf('a=1');

      expect(form.get('b')).toBeUndefined();
      expect(form.getAll('b')).toEqual([]);
      expect(form.get('b')?.value === 'True').toBe(false);
    });

    it('is not changed by what is done to a list it answered', () => {
      const form = formOf('a=1');

      form.getAll('a').pop();

      expect(form.getAll('a')).toHaveLength(1);
    });

    it('keeps blank values', () => {
      const form = formOf('a&b=&=c');

      expect([...form].map(([, field]) => field)).toEqual([
        { name: 'a', value: '' },
        { name: 'b', value: '' },
        { name: '', value: 'c' },
      ]);
    });

    it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
      'takes %s for an ordinary name',
      (name) => {
        expect(formOf('a=1').has(name)).toBe(false);
        expect(formOf('a=1').get(name)).toBeUndefined();
        expect(formOf(`${name}=x`).get(name)?.value).toBe('x');
        expect(({} as Record<string, unknown>)['x']).toBeUndefined();
      },
    );

    it('knows neither brackets nor semicolons', () => {
      const form = formOf('a[]=1&a[b]=2&c=3;d=4');

      expect([...form.keys()]).toEqual(['a[]', 'a[b]', 'c']);
      expect(form.get('c')?.value).toBe('3;d=4');
    });

    it('reads a query that was sent without percent-encoding', () => {
      const asSent = Buffer.from('name=Müller&%C3%A4=ö').toString('latin1');

      const form = formOf(asSent);

      expect(form.get('name')?.value).toBe('Müller');
      expect(form.get('ä')?.value).toBe('ö');
    });

    it('keeps a question mark at the beginning of a query', () => {
      expect(formOf('?a=1').get('?a')?.value).toBe('1');
    });
  });

  describe('a request without a form in its body', () => {
    it('is answered synchronously, and nothing of it is read', () => {
      const environ = untouched({ query: 'a=1' });
      delete environ.CONTENT_TYPE;

      const reply = cgi(() => text('hello'))(environ);

      expect(reply).toMatchObject({ body: 'hello' });
      expect(environ['tsgi.finished']).toEqual([]);
    });

    it('has its query parsed when the application looks at it, and not before', async () => {
      const request = { query: 'a&b&c', type: 'text/plain' };
      const layered = cgi(() => text('not looked at'), { fields: 2 });

      const unseen = await run(layered, environFor(request));

      expect(unseen.body).toBe('not looked at');
      expect(await refusalOf(request, { fields: 2 })).toMatch('413 FORM_TOO_LARGE');
    });

    it('sees the same refusal at every look', () => {
      const form = formOf('a&b&c', { fields: 2 });
      const looks = [() => form.get('a'), () => form.has('a'), () => form.keys(), () => [...form]];

      for (const look of looks) expect(look).toThrow('more than 2 fields');
      for (const look of looks) expect(look).toThrow('more than 2 fields');
    });

    it.each(['application/json', 'text/plain', 'multipart/mixed; boundary=x', 'application/x-www-form', ''])(
      'leaves a body of type "%s" to the application',
      async (type) => {
        const application = async (environ: Environ & CgiLayer) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of environ['tsgi.input']) chunks.push(chunk);
          return text(Buffer.concat(chunks).toString() + (environ['web.cgi'].get('a')?.value ?? ''));
        };

        const reply = await run(cgi(application), environFor({ query: 'a=1', type, body: '{"b":2}' }));

        expect(reply.body).toBe('{"b":2}1');
      },
    );

    it.each(['multipart/form-data; boundary=x', URLENCODED])('may have the type %s all the same', (type) => {
      const empty = untouched({ type, query: 'a=1', length: '0' });
      const endless = Object.assign(untouched({ type, query: 'a=1' }), { 'tsgi.input_terminated': false });

      for (const environ of [empty, endless]) expect(cgi(showFirst)(environ)).toMatchObject({ body: 'a=1' });
    });
  });

  describe('inside another one', () => {
    it('passes on the form that was read there', async () => {
      const seen: Form[] = [];
      const see = (environ: Environ & CgiLayer) => {
        seen.push(environ['web.cgi']);
        return text([...environ['web.cgi']].map(([name]) => name).join());
      };
      const inner = cgi(see);

      const outer = cgi(async (environ: Environ & CgiLayer) => {
        see(environ);
        return inner(environ);
      });
      const reply = await run(outer, environFor({ type: URLENCODED, query: 'a=1', body: 'b=2' }));

      expect(reply.body).toBe('a,b');
      expect(seen[0]).toBe(seen[1]);
    });

    it('is named in the list of layers', () => {
      expect(layersOf(cgi(() => text('')))).toEqual(['cgi']);
    });
  });

  describe('an urlencoded body', () => {
    it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])(
      'is read with %s, and comes after the query',
      async (method) => {
        const request = { method, query: 'a=1&b=2', type: URLENCODED, body: 'a=3&c=4' };

        expect(await fieldsOf(request)).toEqual([
          ['a', '1'],
          ['b', '2'],
          ['a', '3'],
          ['c', '4'],
        ]);
      },
    );

    it.each([
      'Application/X-WWW-Form-URLencoded',
      `${URLENCODED};charset=UTF-8`,
      `${URLENCODED} ; charset=latin1`,
      ` ${URLENCODED}`,
    ])('is known by its type "%s", and is UTF-8', async (type) => {
      expect(await fieldsOf({ type, body: 'a=%C3%A4' })).toEqual([['a', 'ä']]);
    });

    it.each([
      ['a=%FF', '\ufffd'],
      ['a=%C3', '\ufffd'],
      ['a=%', '%'],
      ['a=%zz', '%zz'],
      ['a=%4', '%4'],
      ['a=+%2B', ' +'],
      ['a=%00', '\0'],
    ])('has what WHATWG says for %s', async (body, value) => {
      expect(await fieldsOf({ type: URLENCODED, body })).toEqual([['a', value]]);
    });

    it('may have bytes that are not percent-encoded, whole characters or not', async () => {
      const body = Buffer.from([...Buffer.from('ä=ö&b='), 0xc3, ...Buffer.from('%A4&c='), 0xff]);

      expect(await fieldsOf({ type: URLENCODED, body })).toEqual([
        ['ä', 'ö'],
        ['b', 'ä'],
        ['c', '\ufffd'],
      ]);
    });

    it('brings back what was encoded, however it arrives', async () => {
      await fc.assert(
        fc.asyncProperty(pairs(), pairs(), sizes(), async (query, body, cuts) => {
          const encoded = Buffer.from(new URLSearchParams(body).toString());
          const request = { query: new URLSearchParams(query).toString(), type: URLENCODED };

          for (const input of [encoded, pieces(encoded, 1), pieces(encoded, ...cuts)]) {
            expect(await fieldsOf({ ...request, body: input })).toEqual([...query, ...body]);
          }
        }),
        { numRuns: 100 },
      );
    });

    it('fails as its input fails', async () => {
      const gone = new Error('client gone');

      const failing = fieldsOf({ type: URLENCODED, body: failingAfter('a=1', gone) });

      await expect(failing).rejects.toBe(gone);
    });

    it('is read to its Content-Length when the input does not end by itself', async () => {
      const environ = environFor({ type: URLENCODED, body: endlessAfter('a=1'), length: '3' });
      environ['tsgi.input_terminated'] = false;

      expect(await run(cgi(showFirst), environ)).toMatchObject({ body: 'a=1' });
    });

    it.each([
      ['4', 'it ends after 3 of the 4 bytes'],
      ['x', 'its Content-Length is not a number'],
      ['-3', 'its Content-Length is not a number'],
      ['', 'its Content-Length is not a number'],
      ['3, 3', 'its Content-Length is not a number'],
      ['9'.repeat(30), 'its Content-Length is not a number'],
    ])('is refused when it has 3 bytes and a Content-Length of "%s"', async (length, sentence) => {
      const refusal = await refusalOf({ type: URLENCODED, body: 'a=1', length });

      expect(refusal).toMatch(`400 BAD_FORM: The form cannot be read: ${sentence}`);
    });
  });

  describe('limits', () => {
    it.each<[keyof CgiOptions, number, within: FormRequest, beyond: FormRequest]>([
      ['bodyBytes', 8, { body: 'a=123456' }, { body: 'a=1234567' }],
      ['textBytes', 8, { body: 'a=12&b=3' }, { body: 'a=12&b=34' }],
      ['fields', 3, { body: 'a&b&c&' }, { body: 'a&b&c&d' }],
      ['fields', 3, { query: 'a&b', body: 'c' }, { query: 'a&b', body: 'c&d' }],
      ['fields', 3, { query: 'a&b&&c', type: 'text/plain' }, { query: 'a&b&c&d', type: 'text/plain' }],
      ['fields', 0, { query: '&&', body: '' }, { body: 'a' }],
      ['fieldBytes', 4, { body: 'a=1234' }, { body: 'a=12345' }],
      ['fieldBytes', 4, { body: 'a=%C3%A4%C3%A4' }, { body: 'a=%C3%A4%C3%A41' }],
      ['fieldBytes', 4, { query: 'a=1234' }, { query: 'a=12345' }],
      ['nameBytes', 2, { body: '%C3%A4=1' }, { body: '%C3%A41=1' }],
      ['nameBytes', 2, { query: 'aa=1' }, { query: 'aaa=1' }],
    ])('%s of %d lets %j pass and refuses %j', async (option, limit, within, beyond) => {
      const accepted = await refusalOf({ type: URLENCODED, ...within }, { [option]: limit });
      const refused = await refusalOf({ type: URLENCODED, ...beyond }, { [option]: limit });

      expect(accepted).toMatch('none');
      expect(refused).toMatch(`413 FORM_TOO_LARGE: The form has more than ${limit} `);
      expect(refused).toMatch(`the option ${option} of cgi() raises the limit`);
    });

    it('hold for bodies that come byte by byte, without a Content-Length', async () => {
      const body = pieces(Buffer.from('a=1234567'), 1);

      expect(await refusalOf({ type: URLENCODED, body }, { bodyBytes: 8 })).toMatch('413');
    });

    it('refuse a Content-Length that is too large before anything is read', async () => {
      const environ = untouched({ type: URLENCODED, length: '9' });

      await expect(run(cgi(showFirst, { bodyBytes: 8 }), environ)).rejects.toMatchObject({ status: 413 });
    });

    it('refuse a body without closing the input, on whose connection the answer leaves', async () => {
      let closed = false;
      const next = () => Promise.resolve({ done: false as const, value: Buffer.from('a=1&') });
      const input = { next, return: () => Promise.reject(new Error(`closed: ${(closed = true)}`)) };
      const environ = environFor({ type: URLENCODED, body: { [Symbol.asyncIterator]: () => input } });

      await expect(run(cgi(showFirst, { bodyBytes: 8 }), environ)).rejects.toMatchObject({ status: 413 });

      expect(closed).toBe(false);
    });

    it.each(['a=&', '&a', 'a&&'])('are reached by 100,000 times "%s" at their defaults', async (many) => {
      expect(await refusalOf({ type: URLENCODED, body: many.repeat(100_000) })).toMatch(
        'more than 1000 fields',
      );
    });

    it('let 1000 fields and any number of separators pass at their defaults', async () => {
      const body = '&'.repeat(100_000) + 'a=1&'.repeat(1000);

      expect(await fieldsOf({ type: URLENCODED, body })).toHaveLength(1000);
    });
  });

  describe('options', () => {
    const limits: (keyof CgiOptions)[] = [
      'bodyBytes',
      'textBytes',
      'fields',
      'fieldBytes',
      'nameBytes',
      'files',
      'fileBytes',
      'parts',
      'headerPairs',
      'headerBytes',
      'boundaryBytes',
    ];

    it.each(limits)('%s is a whole number, which is checked when the layer is made', (name) => {
      for (const wrong of [-1, 1.5, NaN, Infinity, '5', true]) {
        expect(() => cgi(showFirst, { [name]: wrong })).toThrow(
          expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(name) }),
        );
      }
      for (const right of [0, 1, undefined]) cgi(showFirst, { [name]: right });
    });

    it('boundaryBytes is not more than the parser takes', () => {
      expect(() => cgi(showFirst, { boundaryBytes: 253 })).toThrow('It must be at most 252');
    });

    it.each(['', 5, null])('uploadDir is not %j', (uploadDir) => {
      expect(() => cgi(showFirst, { uploadDir } as CgiOptions)).toThrow('the path of a folder');
    });
  });
});

/** The form of a GET request, as an application sees it. */
function formOf(query: string, options?: CgiOptions): Form {
  let form: Form | undefined;
  const application = (environ: Environ & CgiLayer) => {
    form = environ['web.cgi'];
    return text('');
  };
  void cgi(application, options)(untouched({ query, type: 'text/plain' }));
  if (form === undefined) throw new Error('the application did not run at once');
  return form;
}

/** A request whose input must not be looked at. */
function untouched(request: FormRequest): Environ {
  const body = {
    [Symbol.asyncIterator]: () => {
      throw new Error('the input was read');
    },
  };
  return environFor({ ...request, body });
}

function showFirst(environ: Environ & CgiLayer) {
  const [first] = environ['web.cgi'];
  return text(first === undefined ? '' : `${first[0]}=${first[1].value}`);
}

async function* failingAfter(body: string, error: Error): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(body));
  throw error;
}

/** An input that would wait for ever. */
async function* endlessAfter(body: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(body);
  await new Promise(() => undefined);
}

function pairs(): fc.Arbitrary<[name: string, value: string][]> {
  const unicode = fc.string({ unit: 'binary', maxLength: 20 });
  return fc.array(fc.tuple(unicode, unicode), { maxLength: 8 });
}

function sizes(): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
}
