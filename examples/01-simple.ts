import { BaseApplication, html } from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';

/** The smallest application: a class whose `start()` answers one request. */
class SimpleApp extends BaseApplication {
  start() {
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO } = this.environ;
    this.output(layout('Hello', html`<p>This answers ${REQUEST_METHOD} ${SCRIPT_NAME}${PATH_INFO}.</p>`));
  }
}

export const application = BaseApplication.of(SimpleApp);

if (process.argv[1] === import.meta.filename) {
  const { url } = await serve(application, { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
