export type { Answer, AnsweredRequest } from './answer.js';
export { client, type Client, type ClientOptions } from './client.js';
export { TestClock } from './clock.js';
export type { Cookie, CookieJar } from './cookie-jar.js';
export { type DriverCase, type DriverStorage, driverSuite } from './driver-suite.js';
export type { RequestHeaders } from './environ.js';
export type { FieldsToSend, RequestBody, RequestOptions, FileToSend } from './request.js';
