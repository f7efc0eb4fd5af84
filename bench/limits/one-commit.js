// @ts-check
import { createServer } from 'node:http';
import { begin, commit } from './database.js';
import { listen } from '../servers/ready.js';
import { routeOf, send } from './routes.js';

// What a careful programmer writes for this one job: each request that writes has a transaction of its own, which is
// IMMEDIATE since it reads first, so that two processes on one file neither lose updates nor meet SQLITE_BUSY_SNAPSHOT.

listen(
  createServer((request, response) => {
    const route = routeOf(request);
    if (route.use !== 'writes') {
      send(response, route.run(request));
      return;
    }
    begin('writes');
    const reply = route.run(request);
    commit();
    send(response, reply);
  }),
);
