import { type Environ, error, type Reply, text } from 'tsgi';
import { serve } from 'tsgi/node';

/** Fails on purpose. */
function bake(environ: Environ): Reply {
  const recipe = readRecipe('{ "flour": 500, "water": }');
  return text(`${environ.REMOTE_ADDR ?? 'Somebody'} gets a bread of ${String(recipe)}`);
}

function readRecipe(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new Error('The recipe cannot be read: is an amount missing?', { cause });
  }
}

/** With `debug` the page shows where it happened, to requests from this machine. Never on a public server. */
export const application = error(bake, { debug: true });

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(application, { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
