import type { Reply } from './reply.js';

/** Where the server's log lines go. Text is written as it is; whoever writes ends a line with `\n`. */
export interface ErrorStream {
  write(text: string): unknown;
}

/**
 * Called once when the response has ended, in whatever way: sent, failed, or the client gone.
 * Callbacks run in reverse order of registration. One that throws is logged and does not stop the others.
 */
export type Finished = (environ: Environ, reply: Reply | undefined, error: unknown) => void | Promise<void>;

/**
 * What an application is called with: one plain object per request, populated in place from the outermost layer inward.
 *
 * CGI names (RFC 3875) hold strings, the gateway's own keys start with `tsgi.`, and layers add keys that start with
 * `web.`. An application says what it reads by intersection: `(environ: Environ & SessionLayer) => …`.
 */
export interface Environ {
  /** Upper case as sent: `GET`. */
  REQUEST_METHOD: string;
  /** The part of the path that led to this application, decoded; '' at the root, never ending in `/`. */
  SCRIPT_NAME: string;
  /** The rest of the path, decoded once; '' or starting with `/`. */
  PATH_INFO: string;
  /** As sent, without the `?`; '' when there is none. */
  QUERY_STRING: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  /** `HTTP/1.1`. */
  SERVER_PROTOCOL: string;
  REMOTE_ADDR?: string | undefined;
  /** The request target as sent, not decoded. */
  REQUEST_URI?: string | undefined;
  CONTENT_TYPE?: string | undefined;
  CONTENT_LENGTH?: string | undefined;
  /** A request header: `HTTP_ACCEPT_LANGUAGE`; undefined when it did not come, whether there is a key or not. A header repeated in the request is joined, cookies by `; `. */
  [header: `HTTP_${string}`]: string | undefined;

  /** The version of this protocol. */
  'tsgi.version': readonly [major: number, minor: number];
  'tsgi.url_scheme': 'http' | 'https';
  /** The request body, to be read once. */
  'tsgi.input': AsyncIterable<Uint8Array>;
  /** True when `tsgi.input` ends by itself, so that it is safe to read to its end. */
  'tsgi.input_terminated': boolean;
  'tsgi.errors': ErrorStream;
  /** True when another process may serve the same application at the same time. */
  'tsgi.multiprocess': boolean;
  /** True when this process serves one request and ends, as a CGI program does: no timers, no sweeper. */
  'tsgi.run_once': boolean;
  'tsgi.finished': Finished[];
}
