// Turns errors of file operations into coded errors with a sentence.

import { type ErrorCode, EspalierError } from '../errors.ts';

const REASONS: Record<string, [code: ErrorCode, reason: string, hint: string]> = {
  ENOENT: [
    'missing-file',
    'a part of the path does not exist',
    'Create the folder first or name another path.',
  ],
  ENOTDIR: ['bad-input', 'a part of the path is a file', 'Name another path.'],
  EISDIR: ['bad-input', 'it is a folder', 'Name a file.'],
  EEXIST: ['bad-input', 'a file is in the way', 'Name another path; nothing is overwritten.'],
  ENOTEMPTY: [
    'bad-input',
    'it exists and is not empty',
    'Name another path; nothing is overwritten.',
  ],
  EACCES: ['bad-input', 'there is no permission', 'Change its permissions or name another path.'],
  EPERM: ['bad-input', 'there is no permission', 'Change its permissions or name another path.'],
  EROFS: ['bad-input', 'the disk is read-only', 'Name a path on another disk.'],
  ENAMETOOLONG: ['bad-input', 'the name is too long', 'Name a shorter path.'],
  ENOSPC: ['disk-full', 'the disk is full', 'Free some space or name a path on another disk.'],
  EDQUOT: [
    'disk-full',
    'the quota of the disk is used up',
    'Free some space or name a path on another disk.',
  ],
};

/**
 * The error of a file operation as an EspalierError "`what`: reason."; any other error unchanged.
 */
export function fsError(error: unknown, what: string): unknown {
  if (error instanceof EspalierError || !(error instanceof Error)) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const [kind, reason, hint] = REASONS[code] ?? [
    'bad-input',
    `the system reports ${code}`,
    'Name another path.',
  ];
  return new EspalierError(kind, `${what}: ${reason}.`, hint, error.message);
}
