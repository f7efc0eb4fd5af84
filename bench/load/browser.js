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
 * @property {number} status
 * @property {string} body
 * @property {string[]} setCookie
 * @property {string[]} head Names and values in turn, as sent.
 */

/** @typedef {{ name: string, cookie: string }} Visitor Who has a session. Its cookie is what a browser sends. */

/** A browser with many connections. */
export class Browser {
  #agent;
  #connections;
  #origin;

  /**
   * @param {string} origin
   * @param {number} [connections]
   */
  constructor(origin, connections = 64) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#connections = connections;
    this.#origin = origin;
  }

  /**
   * Where every status but 200 is an error.
   * @param {string} path
   * @param {string} [cookie]
   */
  async get(path, cookie) {
    const answer = await this.ask(path, cookie);
    if (answer.status === 200) return answer;
    throw new Error(`${path} answered ${answer.status}: ${answer.body}`);
  }

  /**
   * @param {string} path
   * @param {string} [cookie]
   * @returns {Promise<Answer>}
   */
  ask(path, cookie) {
    const headers = cookie === undefined ? HEADERS : { ...HEADERS, Cookie: cookie };
    return new Promise((resolve, reject) => {
      const request = get(this.#origin + path, { agent: this.#agent, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (/** @type {string} */ chunk) => (body += chunk));
        response.once('error', reject);
        response.once('end', () => {
          const { statusCode: status = 0, headers, rawHeaders: head } = response;
          resolve({ status, body, setCookie: headers['set-cookie'] ?? [], head });
        });
      });
      request.once('error', reject);
    });
  }

  /**
   * Makes new sessions, as many at a time as there are connections.
   * @param {number} count
   */
  async visitors(count) {
    /** @type {Visitor[]} */
    const made = [];
    let begun = 0;
    const makeSome = async () => {
      while (begun < count) {
        begun += 1;
        made.push(await this.#visitor());
      }
    };
    await Promise.all(Array.from({ length: this.#connections }, makeSome));
    return made;
  }

  close() {
    this.#agent.destroy();
  }

  /** @returns {Promise<Visitor>} */
  async #visitor() {
    const { body: name, setCookie } = await this.get('/new');
    if (setCookie.length === 0) throw new Error('/new set no cookie.');
    return { name, cookie: setCookie.map((line) => line.slice(0, line.indexOf(';'))).join('; ') };
  }
}
