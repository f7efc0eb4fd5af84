import {
  type Application,
  BaseApplication,
  cgi,
  type CgiLayer,
  type Clock,
  database,
  type DatabaseLayer,
  type Environ,
  environment,
  error,
  html,
  session,
  type SessionLayer,
  systemClock,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { actions, layout, type Link } from './page.js';

/** The application of PythonWeb's manual, "web.wsgi.session - Session Handling". */
class SimpleApp extends BaseApplication<Environ & DatabaseLayer & SessionLayer & CgiLayer> {
  printPage(title: string, links: readonly Link[], text: string, data: readonly string[] = []) {
    const lines = data.map((line) => html`<p>${line}</p>`);
    const content = html`
      <p>${text}</p>
      <div class="card data">${lines}</div>
      ${actions(...links)}
    `;
    this.output(layout(title, content));
  }

  async start() {
    const url = this.environ.SCRIPT_NAME || '/';
    const manager = this.environ['web.session.manager'];
    const store = this.environ['web.session.store'];

    if (!manager.created) {
      if (this.environ['web.cgi'].get('destroy')?.value === 'True') {
        manager.destroy({ ignoreWarning: true, sendCookieHeaders: false });
        this.headers.push(...manager.responseHeaders.slice(-1));
        this.printPage('Session Destroyed', [[url, 'Start Again']], 'Its values are gone.');
      } else {
        manager.setExpire(manager.expireTime + 5);
        const data = [
          `SessionID: ${manager.sessionID}`,
          `Store Keys: ${store.keys().join(', ')}`,
          `Store App: ${store.app}`,
          `Variable1: ${store.get('Variable1') as string}`,
          `ExpireTime: ${manager.expireTime}`,
        ];
        this.printPage(
          'Welcome back',
          [
            [url, 'Visit Again'],
            [`${url}?destroy=True`, 'Destroy Session'],
          ],
          'Every time you visit this page the expiry time increases 5 seconds.',
          data,
        );
      }
    } else {
      store.set('Variable1', 'TypeScript Rules!');
      this.printPage('New Session Started', [[url, 'Visit Again']], "Set Variable1 to 'TypeScript Rules!'");
    }

    // Save changes
    await this.environ['web.database.connection'].commit();
  }
}

export function makeApplication(file = './wsgi-session.db', clock: Clock = systemClock): Application {
  return error(
    database(
      environment(
        session(cgi(BaseApplication.of(SimpleApp)), {
          app: 'testApp',
          expire: 10,
          setupEnvironment: true,
          clock,
        }),
        { name: 'testEnv', storage: 'database' },
      ),
      { adapter: 'better-sqlite3', database: file, autoCreate: true },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(makeApplication(), { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
