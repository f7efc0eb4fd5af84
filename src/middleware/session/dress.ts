import type { Environ } from '../../app/environ.js';
import { logSentence } from '../../app/log.js';
import type { Reply } from '../../app/reply.js';
import type { Visit } from '../../stores/visit.js';

/** The reply with the cookie that is to leave, and with what caches have to know. */
export function dress(visit: Visit, reply: Reply, warn: (environ: Environ) => void): Reply {
  if ((reply as Partial<Reply> | undefined)?.headers === undefined) return reply; // the error layer says what is wrong
  const { carrier } = visit.settings;
  const withCookie = visit.cookies.applyTo(reply);
  if (withCookie === reply && !visit.looked && carrier.usesCookies) return reply;
  if (visit.cookies.sent.length > 0 && !visit.https) warn(visit.environ);
  const foundByID = visit.looked && visit.carried?.by === 'id';
  return carrier.dress(withCookie, visit.looked || withCookie !== reply, foundByID);
}

/** Says once for each layer that cookies travel where others can read them. */
export function plainHttpWarning(): (environ: Environ) => void {
  let said = false;
  return (environ) => {
    if (said || isLoopback(environ.REMOTE_ADDR)) return;
    said = true;
    logSentence(
      environ['tsgi.errors'],
      'session() has sent its cookie over plain http to another machine, where others may read it. ' +
        'Serve https; behind a proxy that ends https, give cookie: { secure: true }.',
    );
  };
}

function isLoopback(address: string | undefined): boolean {
  return address === undefined || /^(?:127\.|::1$|::ffff:127\.)/.test(address);
}
