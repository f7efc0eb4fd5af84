import { request as httpRequest, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { ErrorStream } from '../../src/app/environ.js';

/** What a client of node:http has read of a response. */
export interface HttpResponse {
  readonly status: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  header(name: string): string | undefined;
  readonly body: string;
}

/** One request on a connection of its own, answered when the whole response is there. */
export function request(
  url: string,
  options: RequestOptions & { body?: string } = {},
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: `${response.statusCode ?? 0} ${response.statusMessage ?? ''}`,
          rawHeaders: response.rawHeaders,
          header: (name) => [response.headers[name.toLowerCase()]].flat()[0],
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** A client that sends what it is told, byte for byte, and keeps all that comes back, as Latin-1. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  /** Whether the connection ended with an error: it was reset. */
  reset = false;
  /** Everything received, once the connection has ended, in whatever way. */
  readonly ended: Promise<string>;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
    this.socket.on('error', () => (this.reset = true));
    this.ended = new Promise((resolve) => {
      this.socket.once('close', () => {
        resolve(this.received);
      });
    });
  }

  send(text: string | Uint8Array): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    return this;
  }

  /** Waits until what was received has it; throws with what was received when the connection ends before. */
  async until(expected: string | RegExp): Promise<string> {
    const found = () =>
      typeof expected === 'string' ? this.received.includes(expected) : expected.test(this.received);
    while (!found()) {
      const event = await Promise.race([once(this.socket, 'data'), this.ended.then(() => 'ended')]);
      if (event === 'ended' && !found())
        throw new Error(`Waited for ${String(expected)}, got: ${this.received}`);
    }
    return this.received;
  }

  /** Waits until all that was sent has left. */
  written(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write('', () => {
        resolve();
      });
    });
  }

  /** Leaves at once. */
  leave(): void {
    this.socket.destroy();
  }
}

/** Sends one text and answers all that came until the connection ended. */
export function exchange(port: number, text: string | Uint8Array): Promise<string> {
  return new RawClient(port).send(text).ended;
}

/** Something to wait for. */
export class Gate {
  readonly opened: Promise<void>;
  open = (): void => undefined;

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}

/** A log that keeps what is written. */
export class Log implements ErrorStream {
  text = '';

  write(text: string): void {
    this.text += text;
  }
}

function once(socket: Socket, event: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once(event, () => {
      resolve(event);
    });
  });
}
