// @ts-check
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { URL } from 'node:url';
import Database from 'better-sqlite3';
import { LOAD_CORE, pinning, SERVER_CORE } from '../measure/cores.js';

/**
 * On what, with what and how it was measured, as a list in Markdown.
 * @param {string} command
 * @param {string} [loader]
 */
export function machine(command, loader = 'load by Node itself') {
  const [cpu] = cpus();
  const hardware = `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  const cores = pinning ? `servers on core ${SERVER_CORE}, the load on core ${LOAD_CORE}` : 'on any core';
  return [
    `- \`${command}\`, ${date}, tsgi ${versionIn('../../package.json')}`,
    `- ${hardware}; Node ${process.versions.node} on ${process.platform}; ${cores}`,
    `- ${versionOf('better-sqlite3')} (SQLite ${sqliteVersion()}), ${loader}`,
    `- ${PEERS.map(versionOf).join(', ')}`,
  ].join('\n');
}

const PEERS = [
  ...['express', 'express-session', 'better-sqlite3-session-store'],
  ...['fastify', '@fastify/session', 'fastify-session-better-sqlite3-store'],
  ...['koa', 'koa-session', 'hono', '@hono/node-server', 'hono-sessions'],
];

/** @param {string} name */
function versionOf(name) {
  return `${name} ${versionIn(`../../node_modules/${name}/package.json`)}`;
}

/** @param {string} path */
function versionIn(path) {
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  return /** @type {{ version: string }} */ (parsed).version;
}

function sqliteVersion() {
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get();
  database.close();
  return String(version);
}
