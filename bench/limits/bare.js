// @ts-check
import { createServer } from 'node:http';
import { listen } from '../servers/ready.js';

// What node:http alone costs: a constant reply to every request.

const BODY = 'Hello World';
const HEAD = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(BODY.length)];

listen(
  createServer((_request, response) => {
    response.writeHead(200, HEAD).end(BODY);
  }),
);
