import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { atEndOfTurn } from '../../../src/app/turn.js';
import { toListener } from '../../../src/gateways/node.js';
import {
  type Application,
  database,
  type DatabaseLayer,
  type Environ,
  environment,
  error,
  session,
  type SessionLayer,
  text,
} from '../../../src/index.js';
import { exchange, Gate, RawClient } from '../../support/http.js';
import { temporaryFolder } from '../../support/processes.js';
import { Servers } from '../../support/servers.js';

const servers = new Servers();

afterEach(() => servers.close());

function get(...paths: readonly string[]): string {
  return paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join('');
}

function bodies(received: string): string[] {
  return received.split(/HTTP\/1\.1 .*\r\n/).flatMap((reply) => reply.split('\r\n\r\n')[1] ?? []);
}

type Inside = Environ & DatabaseLayer & SessionLayer;

function withSession(
  file: string,
  verbose: ((sql: unknown) => void) | undefined,
  application: Application<Inside>,
): Application {
  return error(
    database(
      environment(session(application, { app: 'counter', setupEnvironment: true, sweep: false }), {
        name: 'testEnv',
      }),
      { database: file, autoCreate: true, ...(verbose && { verbose }) },
    ),
  );
}

/** Each visitor counts his own visits. */
function counter(file: string, verbose: (sql: unknown) => void): Application {
  return withSession(file, verbose, (environ) =>
    text(`visit ${environ['web.session.store'].increment('n')} of ${environ.PATH_INFO}`),
  );
}

describe('requests that arrive together', () => {
  it('are answered in their order, the first by itself and the others in one turn', async () => {
    let turns = 0;
    const application: Application = ({ PATH_INFO }) => {
      const turn = turns;
      atEndOfTurn(() => (turns = turn + 1));
      return text(`${PATH_INFO} in turn ${turn}`);
    };
    const server = await servers.start(application);

    const client = new RawClient(server.port).send(get('/1', '/2', '/3'));
    const received = await client.until('/3');
    client.leave();

    expect(bodies(received)).toEqual(['/1 in turn 0', '/2 in turn 1', '/3 in turn 1']);
  });

  it('share one commit', async () => {
    const folder = temporaryFolder();
    const said: unknown[] = [];
    const server = await servers.start(counter(folder.file('sessions.db'), (sql) => said.push(sql)));
    said.splice(0);

    const client = new RawClient(server.port).send(get('/1', '/2', '/3', '/4'));
    const received = await client.until('visit 1 of /4');
    client.leave();
    await servers.close();
    folder.remove();

    expect(received.match(/Set-Cookie/g)).toHaveLength(4);
    expect(said.filter((sql) => sql === 'BEGIN IMMEDIATE')).toHaveLength(1);
  });

  it('do not keep each other from an answer when one of them fails or is refused', async () => {
    const application: Application = ({ PATH_INFO }) => {
      if (PATH_INFO === '/bad') throw new Error('broken');
      return text(PATH_INFO);
    };
    const server = await servers.start(application);

    const client = new RawClient(server.port).send(get('/1', '/bad', '/3'));
    const received = await client.until('/3');
    client.leave();

    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 500', 'HTTP/1.1 200']);
  });

  it('are answered although the server closes meanwhile, up to the one that says so', async () => {
    const gate = new Gate();
    const application: Application = ({ PATH_INFO }) => {
      gate.open();
      return text(PATH_INFO);
    };
    const server = await servers.start(application);

    const client = new RawClient(server.port).send(get('/1', '/2', '/3'));
    await gate.opened;
    await server.close();

    expect(bodies(await client.ended)).toEqual(['/1', '/2']);
  });

  it('keep what AsyncLocalStorage has for each', async () => {
    const storage = new AsyncLocalStorage<string>();
    const application: Application = ({ PATH_INFO, 'tsgi.finished': finished }) => {
      const came = storage.getStore() ?? 'nothing';
      storage.enterWith(`entered by ${PATH_INFO}`);
      finished.push(() => void left.push(`${PATH_INFO}: ${storage.getStore() ?? 'nothing'}`));
      return text(`${PATH_INFO} came with ${came}`);
    };
    const left: string[] = [];
    const listener = toListener(application, { errors: servers.log });
    const server = createServer((request, response) => {
      if (request.url === '/4') listener(request, response);
      else
        storage.run(`given to ${request.url ?? ''}`, () => {
          listener(request, response);
        });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await exchange(port, get('/0').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')); // opens the application
    left.splice(0);

    const client = new RawClient(port).send(get('/1', '/2', '/3', '/4'));
    const received = await client.until('/4 came');
    client.leave();
    await new Promise((resolve) => server.close(resolve));
    await listener.close();

    expect(bodies(received)).toEqual([
      '/1 came with given to /1',
      '/2 came with given to /2',
      '/3 came with given to /3',
      '/4 came with nothing',
    ]);
    expect(left.sort()).toEqual(['/1', '/2', '/3', '/4'].map((path) => `${path}: entered by ${path}`));
  });

  it('may use SQL before their session, and beside that of another', async () => {
    const folder = temporaryFolder();
    const application = withSession(folder.file('sessions.db'), undefined, async (environ) => {
      if (environ.PATH_INFO !== '/session') environ['web.database.connection'].execute('SELECT 1');
      await Promise.resolve();
      return text(`visit ${environ['web.session.store'].increment('n')} of ${environ.PATH_INFO}`);
    });
    const server = await servers.start(application);
    const first = new RawClient(server.port).send(get('/first'));
    const cookie = /Set-Cookie: ([^;]*)/.exec(await first.until('visit 1'))?.[1] ?? '';
    first.leave();

    const paths = ['/sql', '/sql', '/session', '/sql'];
    const client = new RawClient(server.port).send(
      get(...paths).replaceAll('Host: x', `Host: x\r\nCookie: ${cookie}`),
    );
    const received = await client.until(/(?:visit.*[^]*){4}/);
    client.leave();
    await servers.close();
    folder.remove();

    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(4).fill('HTTP/1.1 200'));
  });

  it('are not handled any more when their client has left meanwhile', async () => {
    const called: string[] = [];
    const application: Application = ({ PATH_INFO }) => {
      called.push(PATH_INFO);
      return text(PATH_INFO);
    };
    const server = createServer((request, response) => {
      listener(request, response);
      if (request.url === '/2') request.socket.destroy();
    });
    const listener = toListener(application, { errors: servers.log });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await exchange(port, get('/0').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));

    await new RawClient(port).send(get('/1', '/2')).ended;
    await new Promise((resolve) => server.close(resolve));
    await listener.close();

    expect(called).toEqual(['/0', '/1']);
    expect(servers.log.text).toBe('');
  });
});
