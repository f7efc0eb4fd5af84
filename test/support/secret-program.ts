/** Makes a session layer with the secret in SESSION_SECRET, as a server does when it starts. */
import { environment, session, text } from 'tsgi';

const secret = process.env['SESSION_SECRET'] as string;

environment(
  session(() => text(''), { app: 'shop', secret }),
  { name: 'shop', storage: 'memory' },
);
process.stdout.write('started\n');
