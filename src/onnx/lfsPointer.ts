// Pointers of Git LFS: the few lines of text that stand for a large file that was not fetched.

import { EspalierError } from '../errors.ts';

/** How a pointer begins. */
const POINTER = 'version https://git-lfs';

/**
 * @param head the first bytes of a file, of a model eight at least
 * @param path of the file, for the message
 * @throws EspalierError `corrupt-file` for a pointer
 */
export function refuseLfsPointer(head: Uint8Array, path: string): void {
  const text = new TextDecoder('latin1').decode(head.subarray(0, POINTER.length));
  if (text.length >= 8 && POINTER.startsWith(text))
    throw new EspalierError(
      'corrupt-file',
      `${path} is a Git LFS pointer, not the model itself.`,
      'Fetch the real file (git lfs pull) and open the folder again.',
    );
}
