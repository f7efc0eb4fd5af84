import { describe, expect, it } from '@jest/globals';
import { preferredFormat } from '../../../src/middleware/error/accept.js';

describe('preferredFormat', () => {
  it.each([
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'html'],
    ['curl', '*/*', 'text'],
    ['a program that sends no Accept', undefined, 'text'],
    ['an empty Accept', '', 'text'],
    ['axios', 'application/json, text/plain, */*', 'json'],
    ['jQuery', 'application/json, text/javascript, */*; q=0.01', 'json'],
    ['a picture', 'image/avif,image/webp,*/*;q=0.8', 'text'],
    ['a picture and nothing else', 'image/png', 'text'],
  ])('gives %s what it likes best', (_, accept, format) => {
    expect(preferredFormat(accept)).toBe(format);
  });

  it.each([
    ['text/html;q=0.5, application/json;q=0.9', 'json'],
    ['text/html;q=0.9, application/json;q=0.5', 'html'],
    ['application/json, text/html', 'json'],
    ['text/html, application/json', 'html'],
    ['*/*, text/html', 'html'],
    ['text/html;q=0.2, */*', 'text'],
    ['text/html;q=0, */*', 'text'],
    ['text/plain;q=0, text/html;q=0, */*', 'json'],
    ['text/plain;q=0, */*', 'html'],
    ['text/html; level=1 ; Q=0.3, application/json;q=0.2', 'html'],
    ['TEXT/HTML', 'html'],
    ['text/*', 'text'],
    ['application/*', 'json'],
    ['application/vnd.api+json', 'json'],
    ['application/problem+json;q=0.9, text/html;q=0.8', 'json'],
    ['application/xhtml+xml', 'html'],
    ['text/html;q=nonsense', 'html'],
    ['text/html;q=1.2.3, text/plain;q=0.1', 'text'],
    [',,;,', 'text'],
  ])('reads %j as %s', (accept, format) => {
    expect(preferredFormat(accept)).toBe(format);
  });
});
