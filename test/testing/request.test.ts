import { describe, expect, it } from '@jest/globals';
import { encodeBody, type RequestBody } from '../../src/testing/request.js';

describe('encodeBody', () => {
  it.each<[string, RequestBody, string, Record<string, string>]>([
    ['nothing', {}, '', {}],
    [
      'a form',
      { form: { name: 'Ada & Bob', tag: ['a', 'ü'], empty: '' } },
      'name=Ada+%26+Bob&tag=a&tag=%C3%BC&empty=',
      { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '40' },
    ],
    [
      'a form with a field named __proto__',
      { form: { ['__proto__']: 'x' } },
      '__proto__=x',
      { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '11' },
    ],
    [
      'JSON',
      { json: { a: 'ü' } },
      '{"a":"ü"}',
      { 'Content-Type': 'application/json', 'Content-Length': '10' },
    ],
    ['null as JSON', { json: null }, 'null', { 'Content-Type': 'application/json', 'Content-Length': '4' }],
    ['text', { body: 'ü' }, 'ü', { 'Content-Length': '2' }],
    ['bytes', { body: Buffer.from('abc') }, 'abc', { 'Content-Length': '3' }],
    ['pieces', { body: pieces('ab', 'c') }, 'abc', { 'Transfer-Encoding': 'chunked' }],
  ])('encodes %s', async (_, body, expected, headers) => {
    const encoded = await encodeBody(body);

    expect(await textOf(encoded.content)).toBe(expected);
    expect(encoded.headers).toEqual(headers);
  });

  it('encodes fields and uploads as a browser does', async () => {
    const { content, headers } = await encodeBody({
      multipart: {
        note: 'one\ntwo',
        tag: ['a', 'b'],
        file: { filename: 'naïve "name".txt', type: 'text/plain', content: 'héllo' },
        raw: { filename: 'raw', content: Uint8Array.of(0x31, 0x0a) },
      },
    });

    const text = await textOf(content);
    const boundary = text.slice(2, text.indexOf('\r\n'));
    expect(headers).toEqual({
      'Content-Type': `multipart/form-data; boundary=${boundary}`,
      'Content-Length': String(Buffer.byteLength(text)),
    });
    expect(text.split(`--${boundary}`)).toEqual([
      '',
      '\r\nContent-Disposition: form-data; name="note"\r\n\r\none\r\ntwo\r\n',
      '\r\nContent-Disposition: form-data; name="tag"\r\n\r\na\r\n',
      '\r\nContent-Disposition: form-data; name="tag"\r\n\r\nb\r\n',
      '\r\nContent-Disposition: form-data; name="file"; filename="naïve %22name%22.txt"\r\n' +
        'Content-Type: text/plain\r\n\r\nhéllo\r\n',
      '\r\nContent-Disposition: form-data; name="raw"; filename="raw"\r\n' +
        'Content-Type: application/octet-stream\r\n\r\n1\n\r\n',
      '--\r\n',
    ]);
  });

  it('refuses two bodies and names them', async () => {
    await expect(encodeBody({ form: {}, json: null })).rejects.toMatchObject({
      code: 'TWO_BODIES',
      message: 'A request got form and json. It has one body: give one of them.',
    });
  });
});

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

async function textOf(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
  if (!(Symbol.asyncIterator in content)) return Buffer.from(content).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
