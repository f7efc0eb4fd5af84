import { TsgiError } from '../app/errors.js';

/** A mistake in the use of sessions, or a session store that cannot do its work. */
export class SessionError extends TsgiError {}

/** What an administrator or an application should think about twice; the option `ignoreWarning` does it all the same. */
export class SessionWarning extends TsgiError {}
