import { parseArgs } from 'node:util';
import { TsgiError } from 'tsgi';
import { serve } from 'tsgi/node';
import { sessionSecret } from './secret.js';
import { makeSite } from './site.js';

const HELP = `Serves the examples.

  npm start -- [--port PORT] [--database FILE]

  --port PORT      Where to listen, 0 to 65535; 0 takes any that is free.
                   Default: the environment variable PORT, or 8000.
  --database FILE  Where sessions are kept; made when it is missing.
                   Default: ./wsgi-session.db. Those of /myghty are
                   files in the folder sessions beside it.
  --help           Shows this.

The environment variable SESSION_SECRET, 32 random bytes or more, signs the ids
of some. Without it those sessions end with the process.
`;

try {
  const { port, file, help } = readOptions();
  if (help) process.stdout.write(HELP);
  else await start(portOf(port), file);
} catch (error) {
  if (!isMistake(error)) throw error;
  console.error(`${error.message}\nThe options are shown by: npm start -- --help`);
  process.exitCode = 1;
}

async function start(port: number, file: string): Promise<void> {
  const { url } = await serve(makeSite(file, sessionSecret()), { port });
  console.log(`The examples are at ${url} and keep their sessions in ${file}. Ctrl-C ends them.`);
}

function readOptions(): { port: string; file: string; help: boolean } {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, database: { type: 'string' }, help: { type: 'boolean' } },
  });
  const { port = process.env['PORT'] ?? '8000', database: file = './wsgi-session.db', help = false } = values;
  return { port, file, help };
}

function portOf(given: string): number {
  const port = Number(given);
  if (/^\d+$/.test(given) && port <= 65_535) return port;
  throw new TsgiError(
    'BAD_PORT',
    `The port (--port or PORT) is "${given}". Give a whole number from 0 to 65535.`,
  );
}

/** What whoever started the server can put right; anything else is shown with its stack. */
function isMistake(error: unknown): error is Error {
  return (
    error instanceof TsgiError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  );
}
