export type { Application } from './app/application.js';
export { BaseApplication } from './app/base.js';
export type { Environ, ErrorStream, Finished } from './app/environ.js';
export { TsgiError, type TsgiErrorOptions } from './app/errors.js';
export type { Header } from './app/headers.js';
export { html, Html, type Htmlable } from './app/html.js';
export {
  layer,
  type Layer,
  type LayerDefinition,
  type LayerLife,
  layersOf,
  type MakeLayer,
  type Needs,
  type Outer,
  type Resources,
} from './app/layer.js';
export { closeApplication, openApplication } from './app/life.js';
export {
  type Body,
  type Chunk,
  headerOf,
  json,
  page,
  redirect,
  type Reply,
  type ReplyOptions,
  text,
  withAddedHeader,
  withHeader,
} from './app/reply.js';
export { fromWsgi, type StartResponse, type WsgiApplication, type WsgiBody } from './app/wsgi.js';
export type { Connection, Participant } from './database/connection.js';
export { DatabaseError } from './database/errors.js';
export type { Durability, SqliteDatabase, SqliteOptions } from './database/sqlite.js';
export type { SqliteHandle, SqliteStatement } from './database/sqlite-handle.js';
export type {
  SqliteConnection,
  SqliteCursor,
  SqliteParameters,
  SqliteRow,
} from './database/sqlite-connection.js';
export { cgi, type CgiLayer, type CgiOptions } from './middleware/cgi.js';
export { database, type DatabaseLayer, type DatabaseOptions } from './middleware/database.js';
export {
  environment,
  type EnvironmentLayer,
  type EnvironmentOptions,
  type Storage,
} from './middleware/environment.js';
export { error } from './middleware/error.js';
export type { Format } from './middleware/error/accept.js';
export type { ErrorInfo, ErrorOptions, ReportHook } from './middleware/error/options.js';
export { type Field, Form, type FormLimits, type TextField, Upload } from './middleware/cgi/form.js';
export { OpenedSession, openSession, type OpenSessionOptions } from './middleware/open-session.js';
export type { FetchRequest, NodeRequest } from './middleware/open-session/request.js';
export type { NodeResponse } from './middleware/open-session/response.js';
export { session, type SessionLayer, type SessionOptions } from './middleware/session.js';
export { urlmap } from './middleware/urlmap.js';
export type { CarrierOptions } from './stores/carrier.js';
export { type Cancel, type Clock, systemClock } from './stores/clock.js';
export { type Codec, jsonCodec, type Part, type Value } from './stores/codec.js';
export type { CookieOptions } from './stores/cookie.js';
export type {
  Alias,
  AppChanges,
  Change,
  Claim,
  Commit,
  CommitResult,
  CorruptValue,
  Driver,
  Encoded,
  Ending,
  EndReason,
  Lock,
  Power,
  QuarantinedValue,
  Registration,
  Rename,
  Settlement,
  StoredEvent,
  StoredSession,
  Sweep,
  SweepStep,
} from './stores/driver.js';
export type { EndHandler, SessionEnd } from './stores/end-handlers.js';
export { FileDriver } from './stores/file.js';
export { SessionError, SessionWarning } from './stores/errors.js';
export { eventsOf, registered } from './stores/events.js';
export { deadlineOf, endingOf, type Moments, type Move, moved } from './stores/expiry.js';
export type { Limits } from './stores/limits.js';
export type { LockOptions } from './stores/lock.js';
export {
  type CleanupOptions,
  type CreateOptions,
  type DestroyOptions,
  Manager,
  type ManagerDefaults,
  type Named,
  type QuarantineOptions,
  type RegenerateOptions,
} from './stores/manager.js';
export type { Notice, NoticeName, SessionLog } from './stores/notices.js';
export type { SessionKey } from './stores/session-id.js';
export type { InvalidateCorrupt } from './stores/settings.js';
export type { Store } from './stores/store.js';
export type { Update } from './stores/values.js';
export type { Outcome } from './stores/commits.js';
export type { Ended } from './stores/watcher.js';
