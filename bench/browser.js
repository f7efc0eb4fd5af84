// @ts-check
import { Agent, get } from 'node:http';

/** What a browser sends; the tenth is Host. */
export const HEADERS = {
  Connection: 'keep-alive',
  'Upgrade-Insecure-Requests': '1',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site': 'same-origin',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Dest': 'document',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
};

/**
 * @typedef {object} Answer
 * @property {string} body
 * @property {string[]} setCookie
 * @property {string[]} head Names and values in turn, as sent.
 */

/** A visitor with many connections. */
export class Browser {
  #agent = new Agent({ keepAlive: true, maxSockets: 32 });
  #origin;

  /** @param {string} origin */
  constructor(origin) {
    this.#origin = origin;
  }

  /**
   * @param {string} path
   * @param {string} [cookie]
   * @returns {Promise<Answer>}
   */
  get(path, cookie) {
    const headers = cookie === undefined ? HEADERS : { ...HEADERS, Cookie: cookie };
    return new Promise((resolve, reject) => {
      const request = get(this.#origin + path, { agent: this.#agent, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (/** @type {string} */ chunk) => (body += chunk));
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) {
            resolve({ body, setCookie: response.headers['set-cookie'] ?? [], head: response.rawHeaders });
          } else {
            reject(new Error(`${path} answered ${response.statusCode ?? 0}: ${body}`));
          }
        });
      });
      request.once('error', reject);
    });
  }

  /**
   * Makes new sessions, many at a time.
   * @param {number} count
   */
  async visitors(count) {
    return Promise.all(Array.from({ length: count }, () => this.#visitor()));
  }

  close() {
    this.#agent.destroy();
  }

  async #visitor() {
    const { body: name, setCookie } = await this.get('/new');
    if (setCookie.length === 0) throw new Error('/new set no cookie.');
    return { name, cookie: setCookie.map((line) => line.slice(0, line.indexOf(';'))).join('; ') };
  }
}
