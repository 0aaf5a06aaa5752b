// Files of the disk that the system is made to forget, so that they are read from the disk again.

import { execFileSync } from 'node:child_process';

/**
 * Makes the system drop what it keeps of a file in memory; GNU dd asks for that without being told
 * to write. @throws Error elsewhere
 */
export function forgetFile(path: string): void {
  execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
    stdio: 'ignore',
  });
}

export function canForget(path: string): boolean {
  try {
    forgetFile(path);
    return process.platform === 'linux';
  } catch {
    return false;
  }
}
