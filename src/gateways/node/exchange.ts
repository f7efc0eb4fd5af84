import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import type { Application } from '../../app/application.js';
import type { Environ, Finished } from '../../app/environ.js';
import { codeOfError } from '../../app/errors.js';
import { isPromise } from '../../app/promise.js';
import type { Chunk, Reply } from '../../app/reply.js';
import { logFailure } from '../../app/log.js';
import { failureReply } from '../common/failure.js';
import { runFinished } from '../../app/finished.js';
import { clientGone, drain, NO_INPUT } from './input.js';
import { abort, drained, whenEnded, writeHead } from './response.js';
import { badReply, isChunk, isPieced, type Outgoing, outgoingOf } from '../common/outgoing.js';
import { Pieces } from '../common/pieces.js';

/** What the exchanges of one gateway share. */
export interface Exchanges {
  /** True when no connection is to be used again. */
  readonly closing: boolean;
}

/** Refuses a request for which no environ could be made. What follows it on the connection is not read. */
export function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return; // by whoever stands in front of us
  const outgoing = failureOf(error);
  const body = outgoing.body as string;
  outgoing.fields.push('Content-Length', String(Buffer.byteLength(body)), 'Connection', 'close');
  writeHead(response, outgoing);
  response.end(body);
}

/**
 * Calls the application for one request, then sends what it answers. A reply that is there at once, with its whole body, and
 * with nobody waiting for its end, is sent without a promise or a listener.
 */
export class Exchange {
  readonly #environ: Environ;
  readonly #response: ServerResponse;
  readonly #exchanges: Exchanges;
  readonly #finished: Finished[];
  readonly #hasInput: boolean;
  /** For AsyncLocalStorage: the request's own, although it may be handled in a callback that another has asked for. */
  readonly #scope = new AsyncResource('TSGI_EXCHANGE');
  #answer: Answer;
  #failure: { readonly error: unknown } | undefined;
  #reply: Reply | undefined;
  #begun = false;
  #sent: Promise<boolean> | undefined;

  constructor(environ: Environ, response: ServerResponse, exchanges: Exchanges) {
    this.#environ = environ;
    this.#response = response;
    this.#exchanges = exchanges;
    this.#finished = environ['tsgi.finished'];
    this.#hasInput = environ['tsgi.input'] !== NO_INPUT;
  }

  /** Never throws: what the application throws is sent. For a client that has left meanwhile it is not called. */
  call(application: Application): void {
    this.#scope.runInAsyncScope(this.#call, this, application);
  }

  /** What is left to do is answered as a promise, which never rejects. */
  send(): Promise<void> | undefined {
    if (this.#endsNow) return this.#sendAnswer();
    return this.#scope.runInAsyncScope(this.#sendAnswer, this);
  }

  /** Whether no code of the application runs any more. */
  get #endsNow(): boolean {
    return this.#finished.length === 0 && isChunk((this.#answer as Partial<Reply> | undefined)?.body);
  }

  #call(application: Application): void {
    try {
      if (!this.#reachable) throw clientGone('The connection ended before the request was looked at.');
      this.#answer = application(this.#environ);
    } catch (error) {
      this.#failure = { error };
    }
  }

  #sendAnswer(): Promise<void> | undefined {
    const answer = this.#answer;
    try {
      if (this.#failure !== undefined) return this.#fail(this.#failure.error);
      return answer && isPromise(answer) ? this.#sendLater(answer) : this.#send(answer);
    } catch (error) {
      return this.#fail(error);
    }
  }

  async #sendLater(answer: Promise<Reply>): Promise<void> {
    try {
      const rest = this.#send(await answer);
      if (rest !== undefined) await rest;
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Throws only what can still be answered with a failure. */
  #send(answer: unknown): Promise<void> | undefined {
    const outgoing = this.#checked(answer);
    const { reply, body, length, hasBody } = outgoing;
    this.#reply = reply;
    if (isChunk(body)) return this.#reachable ? this.#sendWhole(outgoing, body) : this.#finish();
    const pieces = new Pieces(body, length);
    if (!this.#reachable) return this.#drop(pieces);
    return hasBody && !this.#isHead ? this.#sendPieces(outgoing, pieces) : this.#sendHead(outgoing, pieces);
  }

  #checked(answer: unknown): Outgoing {
    try {
      return outgoingOf(answer);
    } catch (error) {
      const body = (answer as Partial<Reply> | null | undefined)?.body;
      if (isPieced(body)) void this.#stop(new Pieces(body));
      throw error;
    }
  }

  #sendWhole(outgoing: Outgoing, body: Chunk, error?: unknown): Promise<void> | undefined {
    const { fields, length, hasBody } = outgoing;
    const actual = Buffer.byteLength(body);
    if (length === undefined) {
      if (hasBody) fields.push('Content-Length', String(actual));
    } else if (length !== actual && hasBody && !this.#isHead) {
      throw badReply(`its Content-Length is ${length} and its body has ${actual} bytes.`);
    }
    this.#begin(outgoing);
    this.#end(encoded(outgoing, body));
    return this.#finished.length === 0 ? undefined : this.#finish(error);
  }

  async #sendHead(outgoing: Outgoing, pieces: Pieces): Promise<void> {
    this.#begin(outgoing);
    this.#end();
    await this.#drop(pieces);
  }

  async #sendPieces(outgoing: Outgoing, pieces: Pieces): Promise<void> {
    try {
      await Promise.race([this.#copy(outgoing, pieces), this.#ended]);
    } catch (error) {
      await this.#stop(pieces);
      await this.#fail(error);
      return;
    }
    await this.#drop(pieces);
  }

  /** The head leaves with the first piece: until then an error can still be answered. */
  async #copy(outgoing: Outgoing, pieces: Pieces): Promise<void> {
    let chunk = await pieces.next();
    if (!this.#reachable) return;
    if (chunk === undefined && outgoing.length === undefined) outgoing.fields.push('Content-Length', '0');
    this.#begin(outgoing);
    for (; chunk !== undefined; chunk = await pieces.next()) {
      if (!this.#response.write(encoded(outgoing, chunk))) await drained(this.#response);
    }
    this.#end();
  }

  /** Ends a body of which no more is sent, or nothing is left. */
  async #drop(pieces: Pieces): Promise<void> {
    await this.#stop(pieces);
    await this.#finish();
  }

  async #stop(pieces: Pieces): Promise<void> {
    await pieces.stop((error) => {
      this.#log(error);
    });
  }

  #fail(error: unknown): Promise<void> | undefined {
    if (this.#reachable || codeOfError(error) !== 'CLIENT_GONE') this.#log(error);
    if (this.#reachable) return this.#sendFailure(error);
    if (this.#begun) abort(this.#response);
    return this.#finish(error);
  }

  #sendFailure(error: unknown): Promise<void> | undefined {
    const outgoing = failureOf(error);
    return this.#sendWhole(outgoing, outgoing.body as Chunk, error);
  }

  #begin(outgoing: Outgoing): void {
    this.#begun = true;
    if (this.#exchanges.closing) outgoing.fields.push('Connection', 'close');
    writeHead(this.#response, outgoing);
  }

  #end(body?: Chunk): void {
    this.#response.end(body);
    if (this.#hasInput) drain(this.#response.req);
  }

  async #finish(error?: unknown): Promise<void> {
    const sent = await this.#ended;
    const failure =
      error ?? (sent ? undefined : clientGone('The connection ended before the whole reply had left.'));
    await runFinished(this.#finished, this.#environ, this.#reply, failure);
  }

  #log(error: unknown): void {
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO } = this.#environ;
    logFailure(this.#environ['tsgi.errors'], `${REQUEST_METHOD} ${SCRIPT_NAME}${PATH_INFO}`, error);
  }

  /** Whether a reply can still be sent: the client is there, and has got none. */
  get #reachable(): boolean {
    return this.#response.req.socket.writable && !this.#response.headersSent;
  }

  get #isHead(): boolean {
    return this.#response.req.method === 'HEAD';
  }

  get #ended(): Promise<boolean> {
    return (this.#sent ??= whenEnded(this.#response));
  }
}

/** What an application answers that no compiler has checked. */
type Answer = Reply | Promise<Reply> | null | undefined;

function failureOf(error: unknown): Outgoing {
  try {
    return outgoingOf(failureReply(error));
  } catch {
    return outgoingOf(failureReply(undefined)); // the error asks for headers that cannot be sent
  }
}

/** Node writes a head beyond ASCII in the encoding of the body that follows; bytes leave it as it is. */
function encoded({ latin1 }: Outgoing, chunk: Chunk): Chunk {
  return latin1 && typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
