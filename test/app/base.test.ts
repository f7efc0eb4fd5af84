import { describe, expect, it } from '@jest/globals';
import { BaseApplication } from '../../src/app/base.js';
import type { Environ } from '../../src/app/environ.js';
import { html } from '../../src/app/html.js';
import { isPromise } from '../../src/app/promise.js';
import { client } from '../../src/testing/client.js';

class Simple extends BaseApplication {
  start() {
    this.output('<h1>', html`${this.environ.PATH_INFO}`, '</h1>');
    this.output();
    this.output('<p>');
  }
}

class Slow extends BaseApplication {
  async start() {
    await Promise.resolve();
    this.status = '404 Not Found';
    this.headers.push(['X-A', 'b']);
    this.output('gone');
  }
}

class Failing extends BaseApplication {
  start() {
    if (this.environ.PATH_INFO === '/later') return Promise.reject(new Error('broken'));
    throw new Error('broken');
  }
}

describe('BaseApplication', () => {
  it('answers what was put out, as HTML', async () => {
    const answer = await client(BaseApplication.of(Simple)).get('/<a>');

    expect(answer).toMatchObject({
      status: '200 OK',
      headers: [['Content-Type', 'text/html; charset=utf-8']],
    });
    expect(answer.text()).toBe('<h1>/&lt;a&gt;</h1><p>');
  });

  it('answers at once when start does', () => {
    const application = BaseApplication.of(Simple);

    expect(isPromise(application({ PATH_INFO: '/' } as Environ))).toBe(false);
  });

  it('waits for a start that takes longer, and answers its status and headers', async () => {
    const answer = await client(BaseApplication.of(Slow)).get('/');

    expect(answer.status).toBe('404 Not Found');
    expect(answer.header('X-A')).toBe('b');
    expect(answer.text()).toBe('gone');
  });

  it('makes an instance of its own for each request', async () => {
    const visitor = client(BaseApplication.of(Slow));

    const [first, second] = await Promise.all([visitor.get('/'), visitor.get('/')]);

    expect(first.headerAll('X-A')).toEqual(['b']);
    expect(second.headerAll('X-A')).toEqual(['b']);
    expect(second.text()).toBe('gone');
  });

  it.each(['/now', '/later'])('lets what start throws rise (%s)', async (path) => {
    await expect(client(BaseApplication.of(Failing)).get(path)).rejects.toThrow('broken');
  });
});
