import { BlockList, isIP } from 'node:net';
import type { Environ } from '../../app/environ.js';
import { listOf } from '../../app/headers.js';

/**
 * Whether a request comes from this machine or its own network, and under a name that only those can have. A page that
 * shows source code goes to nobody else: not to the world when `debug` is left on, and not to a foreign site that has
 * its name point here (DNS rebinding), which is why the Host header counts as much as the address.
 *
 * What a request does not carry does not speak against it. No excuse for `debug: true` on a public server: behind a
 * proxy that says nothing of where requests come from, every one looks local.
 */
export function isLocal({
  HTTP_HOST,
  HTTP_X_FORWARDED_HOST,
  REMOTE_ADDR,
  HTTP_X_FORWARDED_FOR,
}: Environ): boolean {
  const names = [...listOf(HTTP_HOST), ...listOf(HTTP_X_FORWARDED_HOST)];
  const addresses = [...listOf(REMOTE_ADDR), ...listOf(HTTP_X_FORWARDED_FOR)];
  return names.map(withoutPort).every(isLocalName) && addresses.map(withoutZone).every(isLocalAddress);
}

/** Names without a dot, and those that public DNS never leads anywhere (RFC 6761, RFC 6762, RFC 8375). */
const LOCAL_NAME = /^[^.]*$|\.(?:localhost|local|test|internal|home\.arpa)$/;

const LOCAL_ADDRESSES = new BlockList();
LOCAL_ADDRESSES.addSubnet('127.0.0.0', 8);
LOCAL_ADDRESSES.addSubnet('10.0.0.0', 8);
LOCAL_ADDRESSES.addSubnet('172.16.0.0', 12);
LOCAL_ADDRESSES.addSubnet('192.168.0.0', 16);
LOCAL_ADDRESSES.addSubnet('169.254.0.0', 16);
LOCAL_ADDRESSES.addAddress('::1', 'ipv6');
LOCAL_ADDRESSES.addSubnet('fc00::', 7, 'ipv6');
LOCAL_ADDRESSES.addSubnet('fe80::', 10, 'ipv6');

function isLocalName(name: string): boolean {
  return isIP(name) === 0 ? LOCAL_NAME.test(name) : isLocalAddress(name);
}

function isLocalAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && LOCAL_ADDRESSES.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

function withoutPort(host: string): string {
  const name = host.toLowerCase().replace(/:\d*$/, '');
  return name.startsWith('[') ? name.slice(1, -1) : name.replace(/\.$/, '');
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}
