import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dicer } from '@fastify/busboy';
import { codeOfError, TsgiError } from '../../app/errors.js';
import {
  Bytes,
  checkLimit,
  Count,
  type Field,
  type FormBody,
  type FormLimits,
  malformed,
  mediaType,
  Upload,
} from './form.js';

/**
 * Reads a `multipart/form-data` body (RFC 7578): text into memory, files into the folder, in pieces as they come. When
 * that fails, for whatever reason, no file is left and none is open.
 *
 * All text is UTF-8. `filename*` and Content-Transfer-Encoding are ignored (RFC 7578 4.2, 4.7), and so is what follows a
 * line without a colon in the headers of a part.
 * @throws TsgiError `BAD_FORM` (400) when it is malformed, `FORM_TOO_LARGE` (413) when it is over a limit.
 */
export async function readMultipart(body: FormBody, folder: TemporaryFolder): Promise<Field[]> {
  const reader = new MultipartReader(await dicerFor(body), body, folder);
  try {
    return await reader.read(body.chunks);
  } catch (error) {
    await reader.abandon();
    await folder.remove();
    throw error;
  }
}

/** A folder for the uploads of one request, made when the first one comes. */
export class TemporaryFolder {
  readonly #parent: string;
  #path: Promise<string> | undefined;
  #removed = false;

  constructor(parent: string) {
    this.#parent = parent;
  }

  /**
   * A new file that only this user can read, under a name that nobody can guess.
   * @throws TsgiError `UPLOAD_DIR` when there can be none, `RESPONSE_ENDED` when the folder was removed.
   */
  async create(): Promise<{ path: string; handle: FileHandle }> {
    if (this.#removed) {
      throw new TsgiError('RESPONSE_ENDED', 'The response ended before the form was read to its end.');
    }
    this.#path ??= mkdtemp(join(this.#parent, 'tsgi-'));
    try {
      const path = join(await this.#path, randomUUID());
      return { path, handle: await open(path, 'wx', 0o600) };
    } catch (cause) {
      throw new TsgiError(
        'UPLOAD_DIR',
        `No upload can be written below ${this.#parent} (${codeOfError(cause) ?? 'unknown'}). Give cgi() an uploadDir where files can be made.`,
        { cause },
      );
    }
  }

  /** Removes the folder and its files. There are no new ones after this. */
  async remove(): Promise<void> {
    this.#removed = true;
    const path = await this.#path?.catch(() => undefined);
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  }
}

/** What stands between two boundaries. It has nowhere to go until its headers were read. */
interface Part {
  readonly bytes: Dicer.PartStream;
  sink?: Sink;
}

/** Where the bytes of a field go. */
interface Sink {
  write(bytes: Uint8Array): void | Promise<void>;
  /** The field, with all that was written. */
  end(): Field | Promise<Field>;
  /** Lets go of what is open. */
  abandon?(): Promise<void>;
}

class MultipartReader {
  readonly #limits: FormLimits;
  readonly #folder: TemporaryFolder;
  readonly #dicer: Dicer;
  readonly #count: Readonly<Record<'parts' | 'fields' | 'textBytes' | 'files', Count>>;
  /** In order. All but the last are complete, and wait to be taken. */
  readonly #parts: Part[] = [];
  readonly #fields: Field[] = [];

  constructor(dicer: Dicer, { limits, fields }: FormBody, folder: TemporaryFolder) {
    this.#limits = limits;
    this.#folder = folder;
    this.#dicer = dicer;
    this.#dicer.on('part', (bytes) => {
      this.#begin(bytes);
    });
    this.#count = {
      parts: new Count('parts', limits),
      fields,
      textBytes: new Count('textBytes', limits),
      files: new Count('files', limits),
    };
  }

  async read(chunks: AsyncIterable<Uint8Array>): Promise<Field[]> {
    const closed = once(this.#dicer, 'finish');
    for await (const chunk of chunks) await this.#feed(chunk);
    this.#dicer.end();
    await closed.catch((cause: unknown) => {
      throw malformed('it ends before its last boundary', cause);
    });
    for (const part of this.#parts) await this.#end(part);
    return this.#fields;
  }

  async abandon(): Promise<void> {
    for (const { sink } of this.#parts) await sink?.abandon?.();
  }

  async #feed(chunk: Uint8Array): Promise<void> {
    try {
      this.#dicer.write(chunk);
    } finally {
      await this.#take(); // fails instead when it does: what comes first in the body, whatever the chunks are
    }
  }

  /** What is thrown here, or on a header, rises from `Dicer.write`. */
  #begin(bytes: Dicer.PartStream): void {
    this.#count.parts.add(1);
    const part: Part = { bytes };
    this.#parts.push(part);
    bytes.on('error', ignore); // the dicer tells the same
    bytes.on('header', (headers) => {
      part.sink = this.#sinkFor(describePart(headers as PartHeaders, this.#limits));
    });
  }

  /** Takes what the dicer holds, so that it never holds more than one chunk. */
  async #take(): Promise<void> {
    for (const part of [...this.#parts]) {
      const bytes = part.bytes.read() as Buffer | null;
      if (bytes !== null) await part.sink?.write(bytes);
      if (part === this.#parts.at(-1)) return;
      await this.#end(part);
      this.#parts.shift();
    }
  }

  async #end({ sink }: Part): Promise<void> {
    if (sink === undefined) throw malformed('a part has no end of its headers');
    this.#fields.push(await sink.end());
  }

  #sinkFor(part: PartDescription): Sink {
    if (part.filename === undefined && part.type !== BYTES) {
      this.#count.fields.add(1);
      return new TextSink(part.name, this.#count.textBytes, this.#limits);
    }
    this.#count.files.add(1);
    return new FileSink(part, this.#folder, this.#limits);
  }
}

class TextSink implements Sink {
  readonly #name: string;
  readonly #bytes = new Bytes();
  readonly #counts: readonly Count[];

  constructor(name: string, textBytes: Count, limits: FormLimits) {
    this.#name = name;
    this.#counts = [new Count('fieldBytes', limits), textBytes];
  }

  write(bytes: Uint8Array): void {
    for (const count of this.#counts) count.add(bytes.length);
    this.#bytes.append(bytes);
  }

  end(): Field {
    return { name: this.#name, value: this.#bytes.toString('utf8') };
  }
}

class FileSink implements Sink {
  readonly #part: PartDescription;
  readonly #folder: TemporaryFolder;
  readonly #count: Count;
  #file: { path: string; handle: FileHandle } | undefined;
  #size = 0;

  constructor(part: PartDescription, folder: TemporaryFolder, limits: FormLimits) {
    this.#part = part;
    this.#folder = folder;
    this.#count = new Count('fileBytes', limits);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#count.add(bytes.length);
    this.#size += bytes.length;
    this.#file ??= await this.#folder.create();
    await this.#file.handle.appendFile(bytes);
  }

  async end(): Promise<Field> {
    await this.abandon();
    const { name, filename = '', type = BYTES } = this.#part;
    return new Upload({ name, filename, type, size: this.#size, path: this.#file?.path });
  }

  async abandon(): Promise<void> {
    await this.#file?.handle.close();
  }
}

const BYTES = 'application/octet-stream';

/** Its package is loaded for the first form that needs it: programs without uploads start sooner. */
async function dicerFor({ contentType, limits }: FormBody): Promise<Dicer> {
  const { Dicer } = await import('@fastify/busboy');
  return new Dicer(dicerConfig(boundaryOf(contentType, limits), limits));
}

/** Dicer cuts off longer headers without a word, so its limits lie beyond ours. */
function dicerConfig(boundary: string, { headerPairs, headerBytes }: FormLimits) {
  return {
    boundary,
    maxHeaderPairs: headerPairs + 1,
    // it counts the folds (3 bytes for 1 that is kept) and what stands between and around the names and values
    maxHeaderSize: 3 * headerBytes + 4 * (headerPairs + 2),
    partHwm: Number.MAX_SAFE_INTEGER, // read after every chunk; a dicer that waits for its reader may wait for ever
  };
}

/** RFC 2046 5.1.1: these, and no space in last place. */
const BOUNDARY = /^[\w'()+,\-./:=? ]*[\w'()+,\-./:=?]$/;

function boundaryOf(contentType: string, limits: FormLimits): string {
  const boundary = parseHeader(contentType)?.parameters.get('boundary');
  if (boundary === undefined) throw malformed('its Content-Type does not have exactly one boundary');
  checkLimit('boundaryBytes', boundary.length, limits);
  if (!BOUNDARY.test(boundary))
    throw malformed('its boundary is empty or has characters that no boundary has');
  return boundary;
}

interface PartDescription {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string | undefined;
}

/** By name in lower case; a character for each byte. */
type PartHeaders = Readonly<Record<string, readonly string[]>>;

function describePart(headers: PartHeaders, limits: FormLimits): PartDescription {
  checkSize(headers, limits);
  const [disposition = '', ...more] = headers['content-disposition'] ?? [];
  const { value, parameters } = parseHeader(disposition) ?? {};
  const name = parameters?.get('name');
  if (value !== 'form-data' || name === undefined || more.length > 0) {
    throw malformed('a part does not have exactly one Content-Disposition that is form-data with a name');
  }
  checkLimit('nameBytes', Buffer.byteLength(name), limits);
  return { name, filename: baseName(parameters?.get('filename')), type: typeOf(headers) };
}

function checkSize(headers: PartHeaders, limits: FormLimits): void {
  const sizes = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => name.length + value.length),
  );
  checkLimit('headerPairs', sizes.length, limits);
  checkLimit(
    'headerBytes',
    sizes.reduce((sum, size) => sum + size, 0),
    limits,
  );
}

/** Without folders, drive letter and control characters, whatever system the name comes from. */
function baseName(path: string | undefined): string | undefined {
  const name = path
    ?.replace(/\p{Cc}/gu, '')
    .replace(/^.*[/\\]/s, '')
    .replace(/^[a-z]:/i, '');
  return name === '.' || name === '..' ? '' : name;
}

function typeOf(headers: PartHeaders): string | undefined {
  const type = mediaType(headers['content-type']?.[0] ?? '');
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type) ? type : undefined;
}

interface ParsedHeader {
  /** In lower case. */
  readonly value: string;
  /** By name in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * `; name="value"`. Browsers send a backslash as it is (HTML, "multipart/form-data"), others put one before a quote: a
 * quote after a backslash ends the value where a value can end, and belongs to it elsewhere.
 */
const PARAMETER = /[ \t]*;[ \t]*([^\s;="]+)=(?:"((?:[^"\\]|\\"(?![ \t]*(?:;|$))|\\)*)"|([^\s;"]*))/gy;

/** Undefined when it is malformed or a parameter stands twice. */
function parseHeader(header: string): ParsedHeader | undefined {
  const value = mediaType(header);
  const rest = header.includes(';') ? header.slice(header.indexOf(';')) : '';
  const matches = [...rest.matchAll(PARAMETER)];
  const parameters = new Map(
    matches.map(([, name = '', quoted, token = '']) => [name.toLowerCase(), decodeText(quoted ?? token)]),
  );
  const length = matches.reduce((sum, [match]) => sum + match.length, 0);
  const understood = parameters.size === matches.length && /^[ \t]*;?[ \t]*$/.test(rest.slice(length));
  return understood ? { value, parameters } : undefined;
}

/** Browsers send `"`, CR and LF percent-encoded, and nothing else (HTML, "multipart/form-data"). */
function decodeText(value: string): string {
  const text = Buffer.from(value.replaceAll('\\"', '"'), 'latin1').toString('utf8');
  return text.replace(/%(?:22|0d|0a)/gi, (escaped) => decodeURIComponent(escaped));
}

function ignore(): void {
  // nothing to do
}
