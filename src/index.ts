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
export { urlmap } from './middleware/urlmap.js';
export { type Cancel, type Clock, systemClock } from './stores/clock.js';
