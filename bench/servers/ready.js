// @ts-check
import process from 'node:process';

/**
 * Lets a server listen, and tells where.
 * @param {import('node:http').Server} server
 */
export function listen(server) {
  server.listen(0, '127.0.0.1', () => {
    ready(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
  });
}

/**
 * Tells the runner on which port the server listens, and ends with the runner. Started by hand, it prints the address.
 * @param {number} port
 */
export function ready(port) {
  if (process.send === undefined) {
    process.stdout.write(`http://127.0.0.1:${port}\n`);
    return;
  }
  process.once('disconnect', () => process.exit());
  process.send(port);
}
