import { codeOfError } from '../../app/errors.js';
import { SessionError } from '../errors.js';

/**
 * What the file system reported, as an error that says what to do; anything else as it came. What passes by itself, as
 * a full disk, answers 503 with Retry-After.
 */
export function folderError(error: unknown, folder: string): unknown {
  const rule = RULES[codeOfError(error) ?? ''];
  if (rule === undefined) return error;
  const [code, sentence] = rule;
  const headers = [['Retry-After', '1']] as const;
  return new SessionError(code, `${folder} ${sentence}`, { cause: error, status: 503, headers });
}

const FULL = ['FOLDER_FULL', 'takes no more: the disk or its quota is full. Make room.'] as const;
const DENIED = [
  'FOLDER_DENIED',
  'cannot be read or written. Give this user all rights to it and to what is in it.',
] as const;
const MISSING = ['FOLDER_MISSING', 'is not there. Run createEnvironment().'] as const;
const FAILED = ['FOLDER_IO', 'failed to be read or written. Check the disk and its limits.'] as const;

const RULES: Readonly<Record<string, readonly [code: string, sentence: string]>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: DENIED,
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  EIO: FAILED,
  EMFILE: FAILED,
  ENFILE: FAILED,
  EISDIR: FAILED,
};
