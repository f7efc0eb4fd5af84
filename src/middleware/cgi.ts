import { tmpdir } from 'node:os';
import { inspect } from 'node:util';
import type { Environ } from '../app/environ.js';
import { TsgiError } from '../app/errors.js';
import { layer, type Layer } from '../app/layer.js';
import {
  checkLimit,
  Count,
  countFields,
  type Field,
  Form,
  type FormBody,
  type FormLimits,
  malformed,
  mediaType,
  readUrlencoded,
} from './cgi/form.js';
import { readMultipart, TemporaryFolder } from './cgi/multipart.js';

/** What `cgi()` sets. */
export interface CgiLayer {
  /** The fields of the query and of the form. */
  'web.cgi': Form;
}

/** How much a form may hold, and where its uploads are kept. */
export interface CgiOptions extends Partial<FormLimits> {
  /** Folder below which uploads are kept until the response has ended. Default: the system's for temporary files. */
  uploadDir?: string;
}

/**
 * Gives the application the fields of the query and, when the body is a form, of the body. PythonWeb's CGI layer.
 *
 * A body that is urlencoded or multipart form data is read before the application runs, whatever the method; any other
 * is left unread in `tsgi.input`. Inside another cgi layer it passes on the form of that one.
 *
 * A request is refused with TsgiError `FORM_TOO_LARGE` (413) when its form is over a limit, and with `BAD_FORM` (400)
 * when it is malformed. A query over a limit is refused when the application looks at the form.
 * @throws TsgiError `BAD_OPTION` when the layer is made, for a limit that is not a whole number or a bad `uploadDir`.
 */
export const cgi: Layer<'cgi', CgiLayer, unknown, never, [options?: CgiOptions]> = layer(
  'cgi',
  { sets: ['web.cgi'] },
  (application, options: CgiOptions = {}) => {
    const settings = checkOptions(options);

    const enter = (environ: Environ, body?: readonly Field[]) => {
      const inside = environ as Environ & CgiLayer;
      inside['web.cgi'] = new Form(environ.QUERY_STRING, settings, body);
      return application(inside);
    };

    return (environ) => {
      const outer = environ as Environ & Partial<CgiLayer>;
      if (outer['web.cgi'] !== undefined) return application(environ as Environ & CgiLayer);
      const reading = readBody(environ, settings);
      return reading === undefined ? enter(environ) : reading.then((body) => enter(environ, body));
    };
  },
);

type Settings = Required<CgiOptions>;

const MIB = 1024 * 1024;

const LIMITS: FormLimits = {
  bodyBytes: 32 * MIB,
  textBytes: 2 * MIB,
  fields: 1000,
  fieldBytes: MIB,
  nameBytes: 256,
  files: 20,
  fileBytes: 16 * MIB,
  parts: 1000,
  headerPairs: 16,
  headerBytes: 8 * 1024,
  boundaryBytes: 70,
};

/** The parser takes no longer ones. */
const LONGEST_BOUNDARY = 252;

function checkOptions({ uploadDir = tmpdir(), ...given }: CgiOptions): Settings {
  if (typeof uploadDir !== 'string' || uploadDir === '') {
    throw badOption('uploadDir', uploadDir, 'the path of a folder');
  }
  const limits = { ...LIMITS };
  for (const name of Object.keys(LIMITS) as (keyof FormLimits)[]) {
    const limit = given[name] ?? LIMITS[name];
    if (!Number.isSafeInteger(limit) || limit < 0) throw badOption(name, limit, 'a whole number, 0 or more');
    limits[name] = limit;
  }
  if (limits.boundaryBytes > LONGEST_BOUNDARY) {
    throw badOption('boundaryBytes', limits.boundaryBytes, `at most ${LONGEST_BOUNDARY}`);
  }
  return { uploadDir, ...limits };
}

function badOption(name: string, found: unknown, expected: string): TsgiError {
  return new TsgiError('BAD_OPTION', `cgi() got ${name}: ${inspect(found)}. It must be ${expected}.`);
}

/** The fields of the body. Undefined, with nothing read, when there is no body or it is no form. */
function readBody(environ: Environ, settings: Settings): Promise<Field[]> | undefined {
  if (environ.CONTENT_TYPE === undefined || !hasBody(environ)) return undefined;
  switch (mediaType(environ.CONTENT_TYPE)) {
    case 'application/x-www-form-urlencoded':
      return readUrlencoded(bodyOf(environ, settings));
    case 'multipart/form-data':
      return readMultipart(bodyOf(environ, settings), folderFor(environ, settings));
    default:
      return undefined;
  }
}

function hasBody(environ: Environ): boolean {
  if (environ.CONTENT_LENGTH === undefined) return environ['tsgi.input_terminated'];
  return environ.CONTENT_LENGTH !== '0';
}

function bodyOf(environ: Environ, limits: FormLimits): FormBody {
  const length = lengthOf(environ);
  checkLimit('bodyBytes', length, limits);
  const fields = new Count('fields', limits);
  fields.add(countFields(environ.QUERY_STRING));
  return {
    contentType: environ.CONTENT_TYPE ?? '',
    chunks: chunksOf(environ, length, limits),
    limits,
    fields,
  };
}

/** What Content-Length promises; 0 when there is none. */
function lengthOf({ CONTENT_LENGTH: length }: Environ): number {
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw malformed('its Content-Length is not a number of bytes');
  return Number(length);
}

async function* chunksOf(
  environ: Environ,
  length: number,
  limits: FormLimits,
): AsyncGenerator<Uint8Array, void, void> {
  // No for-await: to leave that closes the input, and with it the connection on which the reason has yet to be told.
  const input = environ['tsgi.input'][Symbol.asyncIterator]();
  let read = 0;
  while (environ['tsgi.input_terminated'] || read < length) {
    const next = await input.next();
    if (next.done === true) break;
    read += next.value.length;
    checkLimit('bodyBytes', read, limits);
    yield next.value;
  }
  if (read < length) {
    throw malformed(`it ends after ${read} of the ${length} bytes that its Content-Length promised`);
  }
}

function folderFor(environ: Environ, { uploadDir }: Settings): TemporaryFolder {
  const folder = new TemporaryFolder(uploadDir);
  environ['tsgi.finished'].push(() => folder.remove());
  return folder;
}
