// A folder that reports how far one of its files has been read.

import type { ByteSource, Folder } from '../onnx/source.ts';

/** Milliseconds between two reports. */
const REPORT_MS = 100;

/**
 * The same folder with reports on one of its files.
 * @param onProgress gets the highest offset read so far, in bytes; what lies before it, such as
 *   weights, may have been skipped.
 */
export function withReadProgress(
  folder: Folder,
  file: ByteSource | null,
  onProgress: (reached: number) => void,
): Folder {
  if (!file) return folder;
  let [reached, reportedAt] = [0, performance.now()];
  const source: ByteSource = {
    size: file.size,
    async read(offset, length) {
      const bytes = await file.read(offset, length);
      reached = Math.max(reached, offset + length);
      if (performance.now() - reportedAt >= REPORT_MS) {
        reportedAt = performance.now();
        onProgress(reached);
      }
      return bytes;
    },
  };
  return {
    ...folder,
    open(path) {
      const opened = folder.open(path);
      return opened === file ? source : opened;
    },
  };
}
