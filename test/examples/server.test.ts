import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, describe, expect, it } from '@jest/globals';
import { runExample, serveExample } from '../support/examples.js';
import { temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder();
const cwd = folder.path;

afterAll(() => {
  folder.remove();
});

describe('npm start', () => {
  it('serves the examples at the address it prints, and ends with code 0 when it is told to', async () => {
    const server = await serveExample('server.ts', { cwd });

    const response = await fetch(server.url);

    expect(await response.text()).toContain('<h1>Examples</h1>');
    expect(await server.stop('SIGINT')).toBe(0);
  }, 30_000);

  it('takes the port from --port before PORT', async () => {
    const server = await serveExample('server.ts', { cwd, args: ['--port', '0'], env: { PORT: 'none' } });

    await server.stop();

    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  }, 30_000);

  it('shows its options with --help', async () => {
    const { code, output } = await runExample('server.ts', { cwd, args: ['--help'] });

    expect(code).toBe(0);
    expect(output).toMatch(/--port PORT[^]*--database FILE[^]*--help/);
  }, 30_000);

  it('says that its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    const { port } = other.address() as { port: number };

    const { code, errors } = await runExample('server.ts', { cwd, args: ['--port', String(port)] });

    other.close();
    expect(code).toBe(1);
    expect(errors).toContain(`cannot listen on port ${port} of 127.0.0.1: something listens there already`);
  }, 30_000);

  it.each<[what: string, args: string[], env: Record<string, string>, sentence: string]>([
    ['an option it does not have', ['--prot', '1'], {}, "Unknown option '--prot'"],
    ['an option without a value', ['--port'], {}, "Option '--port <value>' argument missing"],
    ['a word', ['8000'], {}, "Unexpected argument '8000'"],
    ['a port that is no number', ['--port', 'http'], {}, 'The port (--port or PORT) is "http".'],
    ['a port that is too high', ['--port', '65536'], {}, 'The port (--port or PORT) is "65536".'],
    ['a PORT that is empty', [], { PORT: '' }, 'The port (--port or PORT) is "".'],
    ['a folder that is missing', ['--database', 'no/such.db'], {}, 'no/such.db'],
    ['a file that is no database', ['--database', 'notes.txt'], {}, 'not an SQLite database'],
  ])(
    'refuses %s with a sentence and no stack',
    async (_, args, env, sentence) => {
      writeFileSync(folder.file('notes.txt'), 'Some notes, longer than nothing.\n'.repeat(100));

      const { code, output, errors } = await runExample('server.ts', { cwd, args, env });

      expect(code).toBe(1);
      expect(output).toBe('');
      expect(errors).toContain(sentence);
      expect(errors).toContain('npm start -- --help');
      expect(errors).not.toMatch(/^ +at /m);
    },
    30_000,
  );
});
