import { describe, expect, it } from '@jest/globals';
import { isLocal } from '../../../src/middleware/error/local.js';
import { request } from '../../support/failing.js';

describe('isLocal', () => {
  it.each([
    { HTTP_HOST: 'localhost' },
    { HTTP_HOST: 'LOCALHOST:8000' },
    { HTTP_HOST: 'localhost.' },
    { HTTP_HOST: 'shop.localhost:8000' },
    { HTTP_HOST: 'shop.test' },
    { HTTP_HOST: 'printer.local' },
    { HTTP_HOST: 'app' },
    { HTTP_HOST: '127.0.0.1:8000' },
    { HTTP_HOST: '[::1]:8000' },
    { HTTP_HOST: '192.168.1.20:8000', REMOTE_ADDR: '192.168.1.31' },
    { REMOTE_ADDR: '::1' },
    { REMOTE_ADDR: '::ffff:127.0.0.1' },
    { REMOTE_ADDR: 'fe80::1%eth0' },
    { REMOTE_ADDR: '172.17.0.1' },
    { REMOTE_ADDR: undefined, HTTP_HOST: undefined },
    { HTTP_X_FORWARDED_FOR: '10.1.2.3, 127.0.0.1' },
  ])('lets %j see source code', (over) => {
    expect(isLocal(request(over).environ)).toBe(true);
  });

  it.each([
    { HTTP_HOST: 'example.com' },
    { HTTP_HOST: 'localhost.example.com' },
    { HTTP_HOST: '127.0.0.1.example.com' },
    { HTTP_HOST: 'latest.com' },
    { HTTP_HOST: 'shop.test.example.com' },
    { HTTP_HOST: '203.0.113.7' },
    { HTTP_HOST: '[2001:db8::1]:8000' },
    { HTTP_HOST: 'localhost, example.com' },
    { HTTP_X_FORWARDED_HOST: 'example.com' },
    { HTTP_X_FORWARDED_FOR: '203.0.113.7' },
    { HTTP_X_FORWARDED_FOR: 'unknown' },
    { REMOTE_ADDR: '203.0.113.7' },
    { REMOTE_ADDR: '172.32.0.1' },
    { REMOTE_ADDR: '::ffff:203.0.113.7' },
    { REMOTE_ADDR: '2001:db8::1' },
  ])('lets %j not', (over) => {
    expect(isLocal(request(over).environ)).toBe(false);
  });
});
