// @ts-check
import { ready } from '../servers/ready.js';

/** @param {import('node:http').Server} server */
export function listen(server) {
  server.listen(0, '127.0.0.1', () => {
    ready(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
  });
}
