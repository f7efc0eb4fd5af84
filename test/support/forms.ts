import type { Application } from '../../src/app/application.js';
import type { Environ } from '../../src/app/environ.js';
import { codeOfError, isError, statusOfError } from '../../src/app/errors.js';
import { type Reply, text } from '../../src/app/reply.js';
import { cgi, type CgiLayer, type CgiOptions } from '../../src/middleware/cgi.js';
import { type Field, Upload } from '../../src/middleware/cgi/form.js';

export const BOUNDARY = 'limit';

/** What may stand for the body: pieces that come as they are, or bytes that come at once. */
export type FormInput = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface FormRequest {
  method?: string;
  query?: string;
  type?: string;
  body?: FormInput;
  /** Content-Length; none by default, as with chunked bodies. */
  length?: string;
}

/** A POST with a body; multipart when no type is given. */
export function environFor({ method = 'POST', query = '', type, body = '', length }: FormRequest): Environ {
  return {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: '/form',
    QUERY_STRING: query,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    CONTENT_TYPE: type ?? `multipart/form-data; boundary=${BOUNDARY}`,
    CONTENT_LENGTH: length,
    'tsgi.version': [1, 0],
    'tsgi.url_scheme': 'http',
    'tsgi.input': inputOf(body),
    'tsgi.input_terminated': true,
    'tsgi.errors': { write: () => undefined },
    'tsgi.multiprocess': false,
    'tsgi.run_once': false,
    'tsgi.finished': [],
  };
}

/** Runs an application as a gateway does: what `tsgi.finished` holds has run when this settles. */
export async function run(application: Application, environ: Environ): Promise<Reply> {
  try {
    return await application(environ);
  } finally {
    for (const callback of environ['tsgi.finished'].reverse()) await callback(environ, undefined, undefined);
  }
}

/** A field as plain data. */
export type Shown = [name: string, value: string] | [name: string, file: ShownFile];

export interface ShownFile {
  filename: string;
  type: string;
  size: number;
  text: string;
}

/** All fields that an application finds behind a cgi layer. */
export async function fieldsOf(request: FormRequest, options?: CgiOptions): Promise<Shown[]> {
  const shown: Shown[] = [];
  const application = async (environ: Environ & CgiLayer) => {
    for (const [, field] of environ['web.cgi']) shown.push(await show(field));
    return text('');
  };
  await run(cgi(application, options), environFor(request));
  return shown;
}

/** How a request fails behind a cgi layer: `413 FORM_TOO_LARGE: …`. */
export async function refusalOf(request: FormRequest, options?: CgiOptions): Promise<string> {
  try {
    return `none: ${JSON.stringify(await fieldsOf(request, options))}`;
  } catch (error) {
    return `${statusOfError(error)} ${codeOfError(error) ?? ''}: ${isError(error) ? error.message : ''}`;
  }
}

/** A multipart body of parts, each its headers, an empty line and its content. */
export function multipart(...parts: readonly string[]): Buffer {
  return Buffer.from(
    [...parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`), `--${BOUNDARY}--\r\n`].join(''),
  );
}

export function textPart(name: string, value: string): string {
  return `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
}

export function filePart(name: string, filename: string, content: string, type = 'text/plain'): string {
  return `Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: ${type}\r\n\r\n${content}`;
}

/** The bytes in pieces of these sizes, the last one repeated. */
export async function* pieces(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let start = 0, i = 0; start < bytes.length; i += 1) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? bytes.length;
    yield await Promise.resolve(bytes.subarray(start, start + size));
    start += size;
  }
}

function inputOf(body: FormInput): AsyncIterable<Uint8Array> {
  if (typeof body === 'string') return pieces(Buffer.from(body));
  return body instanceof Uint8Array || Buffer.isBuffer(body) ? pieces(body) : body;
}

async function show(field: Field): Promise<Shown> {
  if (!(field instanceof Upload)) return [field.name, field.value];
  const { name, filename, type, size } = field;
  return [name, { filename, type, size, text: await field.text() }];
}
