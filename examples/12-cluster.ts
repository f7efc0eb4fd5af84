import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import {
  type Application,
  cgi,
  type CgiLayer,
  database,
  type Environ,
  environment,
  error,
  html,
  page,
  redirect,
  type Reply,
  session,
  type SessionLayer,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';

type Inside = Environ & SessionLayer & CgiLayer;

/** Counts what its visitor has clicked, by the process that answered. Whoever answers next finds the clicks of all. */
function clicks(environ: Inside): Reply {
  const counts = environ['web.session.manager'].store<Record<string, number>>('clicks');
  if (environ.REQUEST_METHOD === 'POST') {
    counts.increment(String(process.pid));
    return redirect(environ.SCRIPT_NAME || '/');
  }
  const sum = counts.values().reduce((sum, count) => sum + count, 0);
  const rows = counts.items().map(
    ([pid, count]) =>
      html`<tr>
        <th>process ${pid}</th>
        <td>${count}</td>
      </tr>`,
  );
  const content = html`
    <p>This page is from process <code>${process.pid}</code>. Your clicks, whoever counted them:</p>
    <p class="card number">${sum}</p>
    <table>
      ${rows}
    </table>
    <form method="post" action="${environ.SCRIPT_NAME || '/'}">
      <p class="buttons"><button>Add one</button></p>
    </form>
  `;
  return page(layout('Several processes', content));
}

export function makeApplication(file = './wsgi-session.db'): Application {
  return error(
    database(
      environment(session(cgi(clicks), { app: 'clicks', expire: 3600, setupEnvironment: true }), {
        name: 'clusterEnv',
      }),
      { database: file, autoCreate: true },
    ),
  );
}

/**
 * Keeps so many workers running, which all listen on the same port. One that dies is replaced, but for one that never
 * listened: the next would fare no better, so all of them end. SIGTERM goes on to the workers, which let their requests
 * finish, and the primary ends after the last. A second one ends them at once.
 */
function startWorkers(count: number): void {
  cluster.schedulingPolicy = cluster.SCHED_NONE; // each accepts by itself: connections that the primary hands to one that dies hang
  const listening = new Set<number>();
  let isClosing = false;
  const close = () => {
    isClosing = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  };

  cluster.on('listening', ({ id }, { port }) => {
    if (listening.size === 0) console.log(`Open http://127.0.0.1:${port}`);
    listening.add(id);
  });
  cluster.on('exit', ({ id, process: { pid } }, code, signal) => {
    if (isClosing) return;
    console.log(`Process ${pid} ended: ${signal || `code ${code}`}.`);
    if (listening.has(id)) {
      cluster.fork();
    } else {
      process.exitCode = 1;
      close();
    }
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, close);
  for (let started = 0; started < count; started += 1) cluster.fork();
}

/** Every worker opens the file itself. Its channel to the primary would keep it running when the server has closed. */
async function serveAsWorker(): Promise<void> {
  const port = Number(process.env['PORT'] ?? 8000);
  const serving = serve(makeApplication(), { port, signals: false });
  process.on('SIGINT', () => undefined); // Ctrl-C reaches every process; the primary says what it means
  process.once('SIGTERM', () => {
    void serving.then((server) => server.close()).finally(() => cluster.worker?.disconnect());
  });
  await serving;
}

if (process.argv[1] === import.meta.filename) {
  if (cluster.isPrimary) startWorkers(Number(process.env['WORKERS'] ?? availableParallelism()));
  else await serveAsWorker();
}
