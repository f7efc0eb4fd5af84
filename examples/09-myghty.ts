import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Application,
  cgi,
  type CgiLayer,
  type Clock,
  type Driver,
  type Environ,
  environment,
  error,
  FileDriver,
  html,
  type Manager,
  page,
  redirect,
  type Reply,
  session,
  type SessionLayer,
  type SessionLog,
  systemClock,
} from 'tsgi';
import { serve } from 'tsgi/node';
import { layout } from './page.js';
import { randomSecret, sessionSecret } from './secret.js';

type Inside = Environ & SessionLayer & CgiLayer;

/** What a session keeps for this page, and what it reads where nothing is kept. */
interface Kept {
  key1: string;
  tickets: number;
}

const NOTHING: Kept = { key1: '', tickets: 0 };

/** The session page of Myghty's manual: its options below, its methods as buttons, its members in a table. */
async function sessionPage(environ: Inside): Promise<Reply> {
  if (environ.REQUEST_METHOD !== 'POST') return show(environ);
  await call(environ);
  return redirect(environ.SCRIPT_NAME || '/');
}

async function call({ 'web.session.manager': manager, 'web.cgi': form }: Inside): Promise<void> {
  const kept = manager.store('myghty', NOTHING);
  switch (form.get('method')?.value) {
    case 'save': {
      kept.set('key1', form.get('key1')?.value ?? '');
      return manager.save(); // the end of the request would do it as well, but nothing that fails until then takes it back
    }
    case 'delete':
      return manager.delete();
    case 'withLock':
      return manager.withLock(() => takeTicket(manager));
    case 'invalidate':
      manager.invalidate();
  }
}

/**
 * Reads, waits for something else and writes what follows from that. Two clicks at once would get the same number without
 * the lock. Where there is nothing to wait for, `increment()` needs none.
 */
async function takeTicket(manager: Manager): Promise<void> {
  const kept = manager.store('myghty', NOTHING);
  const before = kept.get('tickets');
  await wait(50);
  kept.set('tickets', before + 1);
}

function show({ 'web.session.manager': manager, SCRIPT_NAME }: Inside): Reply {
  const kept = manager.store('myghty', NOTHING);
  const rows = membersOf(manager).map(
    ([name, value]) =>
      html`<tr>
        <th>${name}</th>
        <td>${value}</td>
      </tr>`,
  );
  const content = html`
    <p>session['key1'] is</p>
    <p class="card data">${kept.get('key1')}</p>
    <p>Tickets taken under the lock: ${kept.get('tickets')}</p>
    <form method="post" action="${SCRIPT_NAME || '/'}">
      <label>A value for key1 <input name="key1" maxlength="200" autocomplete="off" /></label>
      <p class="buttons">
        <button name="method" value="save">save()</button>
        <button name="method" value="withLock">withLock()</button>
        <button name="method" value="delete">delete()</button>
        <button name="method" value="invalidate">invalidate()</button>
      </p>
    </form>
    <table>
      ${rows}
    </table>
  `;
  return page(layout('Session members', content));
}

/** Nothing here makes a session for who only looks. The whole id would be a key to it on every screenshot. */
function membersOf(manager: Manager): [name: string, value: string][] {
  const id = manager.created ? undefined : manager.sessionID;
  return [
    ['created', String(manager.created)],
    ['wasInvalidated', String(manager.wasInvalidated)],
    ['createdAt', moment(manager.createdAt)],
    ['accessed', moment(manager.accessed)],
    ['idle', `${manager.idle} s`],
    ['key', manager.key],
    ['secret', String(manager.secret)],
    ['sessionID', id === undefined ? 'none yet' : `${id.slice(0, 6)}…`],
    ['file', id === undefined ? 'none yet' : fileOf(manager.driver, id)],
  ];
}

/** Myghty's `session.namespace.file.path`; of its name, which is a hash of the id, the beginning. */
function fileOf(driver: Driver, id: string): string {
  return driver instanceof FileDriver ? basename(driver.path(id)).replace(/(?<=^.{6}).*\./, '…') : '';
}

function moment(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

export function makeApplication(
  directory = './sessions',
  secret: string = randomSecret(),
  log: SessionLog = process.stderr,
  clock: Clock = systemClock,
): Application {
  return error(
    environment(
      session(cgi(sessionPage), {
        app: 'myghty',
        cookie: { name: 'myghty_session_id', expires: true },
        secret,
        idle: 60,
        invalidateCorrupt: 'new',
        log,
        setupEnvironment: true,
        clock,
      }),
      { name: 'myghtyEnv', storage: 'file', directory },
    ),
  );
}

if (process.argv[1] === import.meta.filename) {
  const application = makeApplication('./sessions', sessionSecret());
  const { url } = await serve(application, { port: Number(process.env['PORT'] ?? 8000) });
  console.log(`Open ${url}`);
}
