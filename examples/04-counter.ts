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
  urlmap,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';

/** Both applications run this. Each sees the values of its own layer's `app` and no others. */
function count(environ: Environ & SessionLayer & CgiLayer): Reply {
  if (environ.REQUEST_METHOD !== 'POST') return redirect('./');
  const store = environ['web.session.store'];
  if (environ['web.cgi'].has('empty')) store.empty();
  else store.increment('count');
  return redirect('./');
}

/** The page around them may look into both, since it is in the same session. */
function overview(environ: Environ & SessionLayer): Reply {
  const manager = environ['web.session.manager'];
  const counters = ['apples', 'pears'].map((app) => {
    const counted = Number(manager.store(app).get('count') ?? 0);
    return html`
      <form class="card" method="post" action="${environ.SCRIPT_NAME}/${app}">
        <h2>${app}</h2>
        <p class="number">${counted}</p>
        <p class="buttons"><button>Add one</button><button name="empty" value="True">Empty</button></p>
      </form>
    `;
  });
  const content = html`
    <p>Two applications, one session, one cookie: <code>${manager.key}</code>.</p>
    <div class="cards">${counters}</div>
  `;
  return page(layout('Two counters', content));
}

export function makeApplication(file = './wsgi-session.db'): Application {
  return error(
    database(
      environment(
        session(
          urlmap({
            '/': overview,
            '/apples': session(cgi(count), { app: 'apples' }),
            '/pears': session(cgi(count), { app: 'pears' }),
          }),
          { app: 'overview', expire: 3600, setupEnvironment: true },
        ),
        { name: 'counterEnv' },
      ),
      { database: file, autoCreate: true },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(makeApplication(), { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
