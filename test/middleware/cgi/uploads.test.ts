import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Environ } from '../../../src/app/environ.js';
import { type Reply, text } from '../../../src/app/reply.js';
import { cgi, type CgiLayer, type CgiOptions } from '../../../src/middleware/cgi.js';
import { Upload } from '../../../src/middleware/cgi/form.js';
import {
  environFor,
  fieldsOf,
  filePart,
  type FormRequest,
  multipart,
  pieces,
  run,
  textPart,
} from '../../support/forms.js';

describe('cgi, of uploads', () => {
  let uploadDir = '';

  beforeEach(() => {
    uploadDir = mkdtempSync(join(tmpdir(), 'tsgi-test-'));
  });

  afterEach(() => {
    rmSync(uploadDir, { recursive: true });
  });

  it('keeps each in a file that only its owner can read, under a name of its own making', async () => {
    const body = multipart(filePart('a', 'x.txt', 'first'), filePart('b', 'x.txt', 'second'));
    let files: string[] = [];
    const application = () => {
      files = filesIn(uploadDir);
      expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
      expect(readdirSync(uploadDir).map((folder) => statSync(join(uploadDir, folder)).mode & 0o777)).toEqual([
        0o700,
      ]);
      return text('');
    };

    await run(cgi(application, { uploadDir }), environFor({ body }));

    expect(files).toHaveLength(2);
    expect(files.join()).not.toMatch('x.txt');
  });

  it('makes no folder when no file has content', async () => {
    const application = () => text(readdirSync(uploadDir).join());

    const body = multipart(textPart('a', 'text'), filePart('b', '', ''));

    expect(await run(cgi(application, { uploadDir }), environFor({ body }))).toMatchObject({ body: '' });
  });

  it('reads one as often as wanted', async () => {
    const read = withUpload(async (upload) => {
      const twice = [await upload.text(), await upload.text(), await bytesOf(upload), await bytesOf(upload)];
      return text(twice.join());
    });

    const reply = await run(
      cgi(read, { uploadDir }),
      environFor({ body: multipart(filePart('f', 'x', 'ä')) }),
    );

    expect(reply.body).toBe('ä,ä,ä,ä');
  });

  it('reads one that is empty', async () => {
    const read = withUpload(async (upload) => text(`${await upload.text()}${await bytesOf(upload)}.`));

    const reply = await run(
      cgi(read, { uploadDir }),
      environFor({ body: multipart(filePart('f', 'x', '')) }),
    );

    expect(reply.body).toBe('.');
  });

  it('tells an upload from a text field, and both have a value', async () => {
    const body = multipart(textPart('a', 'x'), filePart('b', 'x', 'y'));
    const application = ({ 'web.cgi': form }: Environ & CgiLayer) =>
      text([...form].map(([name, field]) => `${name} ${field.value} ${field instanceof Upload}`).join());

    const reply = await run(cgi(application, { uploadDir }), environFor({ body }));

    expect(reply.body).toBe('a x false,b x true');
  });

  it('may be the body of the reply, which is sent before the file goes', async () => {
    const echo = withUpload((upload) => ({ status: '200 OK', headers: [], body: upload.stream() }));
    const environ = environFor({ body: multipart(filePart('f', 'x', 'content')) });

    const { body } = await cgi(echo, { uploadDir })(environ);
    const sent: Buffer[] = [];
    for await (const chunk of body as AsyncIterable<Uint8Array>) sent.push(Buffer.from(chunk));
    await end(environ);

    expect(Buffer.concat(sent).toString()).toBe('content');
    expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
  });

  it('brings back a large one in pieces of any size', async () => {
    const content = Buffer.alloc(3_000_000, 'near \r\n--limi the boundary ');
    const body = multipart(filePart('f', 'x', content.toString()));

    const fields = await fieldsOf({ body: pieces(body, 65_536, 1, 17, 65_536) }, { uploadDir });

    expect(fields).toEqual([['f', expect.objectContaining({ size: 3_000_000, text: content.toString() })]]);
  });

  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['Ünïcødé 写真.jpg', 'Ünïcødé 写真.jpg'],
    ['/etc/passwd', 'passwd'],
    ['../../x', 'x'],
    ['..\\..\\x', 'x'],
    ['C:\\dir\\x', 'x'],
    ['C:x', 'x'],
    ['\\\\server\\share\\x', 'x'],
    ['a/b\\c', 'c'],
    ['..', ''],
    ['.', ''],
    ['C:..', ''],
    ['x/..', ''],
    ['x/', ''],
    ['/', ''],
    ['..\0', ''],
    ['.\0.', ''],
    ['x\0.txt', 'x.txt'],
    ['x\t\x1b[31m\x7f\x85', 'x[31m'],
    ['x%0D%0Ay', 'xy'],
    ['%2e%2e%2fx', '%2e%2e%2fx'],
    ['.htaccess', '.htaccess'],
    ['__proto__', '__proto__'],
    ['x'.repeat(300), 'x'.repeat(300)],
  ])('reduces the file name %j to %j', async (sent, filename) => {
    const fields = await fieldsOf({ body: multipart(filePart('f', sent, 'y')) }, { uploadDir });

    expect(fields).toEqual([['f', expect.objectContaining({ filename, text: 'y' })]]);
  });

  describe('leaves no file and no descriptor', () => {
    const upload = filePart('f', 'x', 'content'.repeat(100));

    it('when the response has ended', async () => {
      await fieldsOf({ body: multipart(upload, upload) }, { uploadDir });

      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
    });

    it('when the application throws', async () => {
      const application = () => {
        expect(filesIn(uploadDir)).toHaveLength(1);
        throw new Error('broken');
      };

      const failing = run(cgi(application, { uploadDir }), environFor({ body: multipart(upload) }));

      await expect(failing).rejects.toThrow('broken');
      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
    });

    it('when a stream of it was not read to its end, or not at all', async () => {
      const application = withUpload(async (file) => {
        file.stream();
        for await (const chunk of file.stream()) return text(String(chunk.length));
        return text('');
      });

      const reply = await run(cgi(application, { uploadDir }), environFor({ body: multipart(upload) }));

      expect(reply.body).toBe('700');
      await until(() => openIn(uploadDir).length === 0);
      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
    });

    it.each<[what: string, request: FormRequest, options?: CgiOptions]>([
      ['a file is too large', { body: multipart(upload, `${upload}1`) }, { fileBytes: 700 }],
      ['there are too many', { body: multipart(upload, upload) }, { files: 1 }],
      ['there are too many parts', { body: multipart(upload, upload) }, { parts: 1 }],
      ['a text is too long', { body: multipart(upload, textPart('a', '12')) }, { fieldBytes: 1 }],
      ['the body is too long', { body: pieces(multipart(upload), 300) }, { bodyBytes: 700 }],
      ['a later part is malformed', { body: multipart(upload, 'broken\r\n\r\n') }],
      ['the last boundary is missing', { body: multipart(upload, upload).subarray(0, -100) }],
      [
        'the body is shorter than promised',
        { body: pieces(multipart(upload).subarray(0, -100), 1), length: '9999' },
      ],
      ['the input fails', { body: goneAfter(multipart(upload, upload).subarray(0, -100)) }],
    ])('at once when %s', async (_, request, options = {}) => {
      const environ = environFor(request);
      const application = () => text('not reached');

      await expect(Promise.resolve(cgi(application, { uploadDir, ...options })(environ))).rejects.toThrow();

      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
      await end(environ);
    });

    it('when the client goes in the middle of an upload', async () => {
      const application = cgi(() => text('not reached'), { uploadDir });
      const { server, settled } = await serveOnce(async (input) => {
        await application(environFor({ body: input }));
      });
      const { port } = server.address() as AddressInfo;
      const client = httpRequest({
        port,
        host: '127.0.0.1',
        method: 'POST',
        headers: { 'Content-Length': '9999' },
      });
      client.on('error', () => undefined);

      client.write(multipart(upload, upload).subarray(0, -200));
      await until(() => filesIn(uploadDir).length === 2);
      client.destroy();

      await expect(settled).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
      server.close();
    });

    it('when the response ends while the form is still being read', async () => {
      const environ = environFor({ body: endingThen(() => end(environ)) });
      async function* endingThen(endResponse: () => Promise<void>): AsyncGenerator<Uint8Array> {
        yield multipart(upload, upload).subarray(0, -200);
        await endResponse();
        expect(filesIn(uploadDir)).toEqual([]);
        yield multipart(upload, upload, upload).subarray(multipart(upload, upload).length - 200);
      }

      const late = cgi(() => text('not reached'), { uploadDir })(environ);

      await expect(late).rejects.toMatchObject({ code: 'RESPONSE_ENDED' });
      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
    });

    it('after 300 uploads that were cut off anywhere', async () => {
      const body = multipart(upload, textPart('a', '1'), upload);
      const application = cgi(() => text('not reached'), { uploadDir });

      const cutOff = Array.from({ length: 300 }, async (_, i) => {
        const start = body.subarray(0, (i * 31) % (body.length - 4));
        await expect(run(application, environFor({ body: goneAfter(start) }))).rejects.toThrow('client gone');
      });
      await Promise.all(cutOff);

      expect(leftIn(uploadDir)).toEqual({ entries: [], open: [] });
    });
  });

  it('fails with a sentence when there is no place for it', async () => {
    const missing = join(uploadDir, 'missing');

    const failing = fieldsOf({ body: multipart(filePart('f', 'x', 'y')) }, { uploadDir: missing });

    await expect(failing).rejects.toMatchObject({ code: 'UPLOAD_DIR', status: 500 });
    await expect(failing).rejects.toThrow(`below ${missing} (ENOENT)`);
  });

  it('uses the folder for temporary files of the system when none is given', async () => {
    const before = new Set(readdirSync(tmpdir()));
    const application = () =>
      text(
        readdirSync(tmpdir())
          .filter((name) => !before.has(name))
          .join(),
      );

    const reply = await run(cgi(application), environFor({ body: multipart(filePart('f', 'x', 'y')) }));

    expect(reply.body).toMatch(/tsgi-\w{6}/);
  });
});

/** An application that answers with the upload in field f. */
function withUpload(answer: (upload: Upload) => Reply | Promise<Reply>) {
  return ({ 'web.cgi': form }: Environ & CgiLayer) => {
    const field = form.get('f');
    if (!(field instanceof Upload)) throw new Error('there is no upload f');
    return answer(field);
  };
}

async function bytesOf(upload: Upload): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of upload.stream()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Ends a response, as a gateway does. */
async function end(environ: Environ): Promise<void> {
  await run(() => text(''), environ);
}

/** An input of a client that goes away. */
async function* goneAfter(start: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* pieces(start, 100);
  throw new Error('client gone');
}

/** A server for one request; `settled` is what becomes of its handler. */
async function serveOnce(handler: (input: AsyncIterable<Uint8Array>) => Promise<void>) {
  const server = createServer();
  const settled = once(server, 'request').then(([request]) => handler(request as IncomingMessage));
  settled.catch(() => undefined); // it may fail before anyone awaits it
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, settled };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What is left below a folder, and what this process holds open there. */
function leftIn(folder: string): { entries: string[]; open: string[] } {
  return { entries: readdirSync(folder), open: openIn(folder) };
}

/** Where there is no /proc, descriptors are not counted. */
function openIn(folder: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd')
    .map(linkOf)
    .filter((path) => path.startsWith(folder));
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return ''; // the one that listed the others
  }
}
