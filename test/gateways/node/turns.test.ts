import { afterEach, describe, expect, it } from '@jest/globals';
import { atEndOfTurn } from '../../../src/app/turn.js';
import { type Application, database, environment, error, session, text } from '../../../src/index.js';
import { Gate, RawClient } from '../../support/http.js';
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

/** Each visitor counts his own visits: the first statement of each is in the commit. */
function counter(file: string, verbose: (sql: unknown) => void): Application {
  return error(
    database(
      environment(
        session(
          (environ) => text(`visit ${environ['web.session.store'].increment('n')} of ${environ.PATH_INFO}`),
          { app: 'counter', setupEnvironment: true, sweep: false },
        ),
        { name: 'testEnv' },
      ),
      { database: file, autoCreate: true, verbose },
    ),
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
});
