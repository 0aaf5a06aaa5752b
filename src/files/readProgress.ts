// A folder that tells how far one of its files is read; must not read anything by itself.

import type { ByteSource, Folder } from '../onnx/source.ts';

/** Between two reports, in ms. */
const TELL_MS = 100;

/**
 * @param tell gets the place in `file` that was reached, in bytes: what lies between, as weights
 * do, may have been passed over
 */
export function withReadProgress(
  folder: Folder,
  file: ByteSource | null,
  tell: (reached: number) => void,
): Folder {
  if (!file) return folder;
  let [reached, told] = [0, performance.now()];
  const source: ByteSource = {
    size: file.size,
    async read(offset, length) {
      const bytes = await file.read(offset, length);
      reached = Math.max(reached, offset + length);
      if (performance.now() - told >= TELL_MS) {
        told = performance.now();
        tell(reached);
      }
      return bytes;
    },
  };
  return {
    name: folder.name,
    files: folder.files,
    open(path) {
      const opened = folder.open(path);
      return opened === file ? source : opened;
    },
  };
}
