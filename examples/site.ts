import { dirname, join } from 'node:path';
import { type Application, type Environ, html, page, type Reply, type SessionLog, urlmap } from 'tsgi';
import { application as simple } from './01-simple.js';
import { makeApplication as makeSession } from './02-session.js';
import { makeApplication as makeTwisted } from './03-twisted.js';
import { makeApplication as makeCounter } from './04-counter.js';
import { application as form } from './05-form.js';
import { application as failing } from './06-error.js';
import { makeApplication as makeEndings } from './07-endings.js';
import { makeApplication as makeSignIn } from './08-sign-in.js';
import { makeApplication as makeMyghty } from './09-myghty.js';
import { makeApplication as makeUrlIds } from './10-url-ids.js';
import { layout } from './page.js';
import { randomSecret } from './secret.js';

/** All that are applications, each below its path; sessions are kept in one file, or as files in `sessions` beside it. */
export function makeSite(
  file: string,
  secret: string = randomSecret(),
  log: SessionLog = process.stderr,
): Application {
  return urlmap({
    '/': contents,
    '/simple': simple,
    '/session': makeSession(file),
    '/twisted': makeTwisted(file),
    '/counter': makeCounter(file),
    '/form': form,
    '/error': failing,
    '/endings': makeEndings(),
    '/sign-in': makeSignIn(file),
    '/myghty': makeMyghty(join(dirname(file), 'sessions'), secret, log),
    '/url-ids': makeUrlIds(secret),
  });
}

const CHAPTERS = [
  ['/simple', 'A class that answers a request: the smallest application.', '01-simple.ts'],
  ['/session', 'A session that lives ten seconds, and five more with every visit.', '02-session.ts'],
  ['/twisted', 'What a session is called, and how to end it early.', '03-twisted.ts'],
  ['/counter', 'Two applications that share one cookie and keep their values apart.', '04-counter.ts'],
  ['/form', 'Fields and an uploaded file, as the application gets them.', '05-form.ts'],
  ['/error', 'An error on purpose, and the page that helps to find it.', '06-error.ts'],
  ['/endings', 'Sessions of five seconds, and a line for each that has ended.', '07-endings.ts'],
  ['/sign-in', 'A new id at the sign-in, and a goodbye that outlives a crash.', '08-sign-in.ts'],
  ['/myghty', 'Sessions in files: every option, method and member of one page.', '09-myghty.ts'],
  ['/url-ids', 'Sessions in the links instead of a cookie, and why to hesitate.', '10-url-ids.ts'],
] as const;

function contents({ PATH_INFO }: Environ): Reply {
  if (PATH_INFO !== '/' && PATH_INFO !== '') return notFound();
  const chapters = CHAPTERS.map(
    ([path, line, file]) => html`
      <li class="card">
        <h2><a href="${path}">${path}</a></h2>
        <p>${line}</p>
        <p><code>examples/${file}</code></p>
      </li>
    `,
  );
  const content = html`
    <p>Each is a short program of its own. They are best read in this order.</p>
    <ol>
      ${chapters}
    </ol>
  `;
  return page(layout('Examples', content));
}

function notFound(): Reply {
  const advice = html`<p>There is no example here. <a href="/">All examples</a></p>`;
  return page(layout('Not found', advice), { status: '404 Not Found' });
}
