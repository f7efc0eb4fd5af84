import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { TsgiError } from '../../app/errors.js';

/** A field of a form: text, or an uploaded file (`field instanceof Upload`). */
export type Field = TextField | Upload;

export interface TextField {
  readonly name: string;
  readonly value: string;
}

/** What is known of an uploaded file, and where its bytes are: nowhere when there are none. */
interface UploadedFile {
  readonly name: string;
  readonly filename: string;
  readonly type: string;
  readonly size: number;
  readonly path?: string | undefined;
}

/**
 * An uploaded file, kept in a temporary file until the response has ended. A file field that was left empty is an
 * upload without a file name and of size 0.
 */
export class Upload {
  /** The name of the field. */
  readonly name: string;
  /** As the browser calls the file: a base name, never a path, and without control characters. May be ''. Not unique. */
  readonly filename: string;
  /** The media type the browser claims, without parameters; `application/octet-stream` when it claims none. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  readonly #path: string | undefined;

  constructor({ name, filename, type, size, path }: UploadedFile) {
    this.name = name;
    this.filename = filename;
    this.type = type;
    this.size = size;
    this.#path = path;
  }

  /** The file name: what a form that is not multipart sends for a file (HTML, "application/x-www-form-urlencoded"). */
  get value(): string {
    return this.filename;
  }

  /** The bytes, read anew at each call: a reply's body, or `pipeline(upload.stream(), …)`. */
  async *stream(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#path !== undefined) yield* createReadStream(this.#path);
  }

  /** The file as text in UTF-8. */
  async text(): Promise<string> {
    return this.#path === undefined ? '' : readFile(this.#path, 'utf8');
  }
}

/**
 * The fields of a request, those of the query first, with the conventions of the web's FormData. Blank values are kept.
 * The query is parsed when the form is first looked at.
 *
 * Any look may throw TsgiError `FORM_TOO_LARGE` (413) when the query is over a limit.
 */
export class Form implements Iterable<[name: string, field: Field]> {
  readonly #query: string;
  readonly #limits: FormLimits;
  readonly #body: readonly Field[];
  #fields: readonly Field[] | undefined;
  #byName: Map<string, Field[]> | undefined;

  /** `query` as sent, a character for each byte; `body`: the fields that came in the body. */
  constructor(query: string, limits: FormLimits, body: readonly Field[] = NONE) {
    this.#query = query;
    this.#limits = limits;
    this.#body = body;
  }

  /** The first field of that name. */
  get(name: string): Field | undefined {
    return this.#named().get(name)?.[0];
  }

  /** All fields of that name, in order. */
  getAll(name: string): Field[] {
    return [...(this.#named().get(name) ?? NONE)];
  }

  has(name: string): boolean {
    return this.#named().has(name);
  }

  /** Each name once, in order of first appearance. */
  keys(): IterableIterator<string> {
    return this.#named().keys();
  }

  /** Every field with its name, in order. */
  *[Symbol.iterator](): Generator<[name: string, field: Field], void, void> {
    for (const field of this.#all()) yield [field.name, field];
  }

  #all(): readonly Field[] {
    this.#fields ??= [
      ...parseUrlencoded(this.#query, this.#limits, new Count('fields', this.#limits)),
      ...this.#body,
    ];
    return this.#fields;
  }

  #named(): Map<string, Field[]> {
    this.#byName ??= groupByName(this.#all());
    return this.#byName;
  }
}

/** How much of a form is accepted. Whole numbers; what is over a limit is answered with 413. */
export interface FormLimits {
  /** Bytes of the body of a form. Default 32 MiB. */
  bodyBytes: number;
  /**
   * Bytes of all text fields of a body together, which are kept in memory. An urlencoded body counts as it was sent.
   * Default 2 MiB.
   */
  textBytes: number;
  /** Text fields in query and body together. Default 1000. */
  fields: number;
  /** Bytes of the value of one text field. Default 1 MiB. */
  fieldBytes: number;
  /** Bytes of the name of one field. Default 256. */
  nameBytes: number;
  /** Uploaded files, file fields that were left empty included. Default 20. */
  files: number;
  /** Bytes of one uploaded file. Default 16 MiB. */
  fileBytes: number;
  /** Parts of a multipart body: text fields and files. Default 1000. */
  parts: number;
  /** Headers of one part; browsers send two. Default 16. */
  headerPairs: number;
  /** Bytes of the names and values of one part's headers. Default 8 KiB. */
  headerBytes: number;
  /** Bytes of the boundary between parts. Default 70, the most that RFC 2046 allows; at most 252. */
  boundaryBytes: number;
}

/** The body of a form, about to be read. */
export interface FormBody {
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly limits: FormLimits;
  /** Counts text fields; those of the query are in it. */
  readonly fields: Count;
}

/** Counts up to a limit, and throws TsgiError `FORM_TOO_LARGE` (413) beyond it. */
export class Count {
  readonly #limit: keyof FormLimits;
  readonly #limits: FormLimits;
  #count = 0;

  constructor(limit: keyof FormLimits, limits: FormLimits) {
    this.#limit = limit;
    this.#limits = limits;
  }

  add(count: number): void {
    this.#count += count;
    checkLimit(this.#limit, this.#count, this.#limits);
  }
}

/** @throws TsgiError `FORM_TOO_LARGE` (413), which names the limit and the option that raises it. */
export function checkLimit(limit: keyof FormLimits, found: number, limits: FormLimits): void {
  if (found <= limits[limit]) return;
  throw new TsgiError(
    'FORM_TOO_LARGE',
    `The form has more than ${limits[limit]} ${WHAT[limit]}. Send less; the option ${limit} of cgi() raises the limit.`,
    { status: 413 },
  );
}

/**
 * Fields in `application/x-www-form-urlencoded`, by the rules of WHATWG URL: `&` separates, nothing is malformed, what
 * is not UTF-8 becomes U+FFFD. `text` has a character for each byte; `fields` counts before anything is decoded.
 */
function parseUrlencoded(text: string, limits: FormLimits, fields: Count): TextField[] {
  const count = countFields(text);
  fields.add(count);
  if (count === 0) return [];
  const encoded = text.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  const pairs = new URLSearchParams(`&${encoded}`); // a `?` in first place would be dropped, and it belongs to the name
  return Array.from(pairs, ([name, value]) => {
    checkLimit('nameBytes', Buffer.byteLength(name), limits);
    checkLimit('fieldBytes', Buffer.byteLength(value), limits);
    return { name, value };
  });
}

/** How many fields an urlencoded text has: `a&&b&` has two. */
export function countFields(text: string): number {
  let count = 0;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('&', start);
    const next = end === -1 ? text.length : end;
    if (next > start) count += 1;
    start = next + 1;
  }
  return count;
}

/** Reads an `application/x-www-form-urlencoded` body. */
export async function readUrlencoded({ chunks, limits, fields }: FormBody): Promise<Field[]> {
  const bytes = new Bytes();
  const textBytes = new Count('textBytes', limits);
  for await (const chunk of chunks) {
    textBytes.add(chunk.length);
    bytes.append(chunk);
  }
  return parseUrlencoded(bytes.toString('latin1'), limits, fields);
}

/** The type in a Content-Type, in lower case and without parameters. */
export function mediaType(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** The error of a form that breaks the rules of its own format. */
export function malformed(problem: string, cause?: unknown): TsgiError {
  return new TsgiError('BAD_FORM', `The form cannot be read: ${problem}.`, { status: 400, cause });
}

/** Bytes that come in pieces, in one buffer: a stranger may send each byte alone. */
export class Bytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) this.#grow(length);
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  toString(encoding: 'latin1' | 'utf8'): string {
    return this.#buffer.toString(encoding, 0, this.#length);
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#length));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

const NONE: readonly Field[] = [];

const WHAT: Readonly<Record<keyof FormLimits, string>> = {
  bodyBytes: 'bytes in its body',
  textBytes: 'bytes in its text fields together',
  fields: 'fields in query and body together',
  fieldBytes: 'bytes in one field',
  nameBytes: 'bytes in the name of a field',
  files: 'files',
  fileBytes: 'bytes in one file',
  parts: 'parts',
  headerPairs: 'headers in one part',
  headerBytes: 'bytes in the headers of one part',
  boundaryBytes: 'bytes in its boundary',
};

function groupByName(fields: readonly Field[]): Map<string, Field[]> {
  const groups = new Map<string, Field[]>();
  for (const field of fields) {
    const group = groups.get(field.name);
    if (group === undefined) groups.set(field.name, [field]);
    else group.push(field);
  }
  return groups;
}
