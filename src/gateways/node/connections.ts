import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server: watched from their first moment, and ended in order. */
export class Connections {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `silence` is how long a new connection may send nothing, in seconds: Node's own limits begin with the first byte. */
  constructor(server: Server, silence: number) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#watch(socket, silence);
    });
  }

  /** Takes no new ones, ends those that nothing was asked on, and resolves when the others have ended too. */
  async close(): Promise<void> {
    const idle = setInterval(() => {
      this.#server.closeIdleConnections();
    }, IDLE_CHECK);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) endUnused(socket); // Node takes them for busy
    await closed;
    clearInterval(idle);
    for (const socket of this.#sockets) await closeOf(socket); // the server hears of it before them
  }

  /** Ends what is left, whatever it is doing. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #watch(socket: Socket, silence: number): void {
    const silent = setTimeout(endUnused, silence * 1000, socket).unref();
    this.#sockets.add(socket);
    socket.once('close', () => {
      clearTimeout(silent);
      this.#sockets.delete(socket);
    });
  }
}

/** Milliseconds. A reply that began before the close did not announce it: its connection is idle when it has been sent. */
const IDLE_CHECK = 50;

function closeOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

function endUnused(socket: Socket): void {
  if (socket.bytesRead === 0) socket.destroy();
}
