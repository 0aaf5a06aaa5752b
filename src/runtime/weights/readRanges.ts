// Reads many byte ranges of a folder with few, bounded reads.

import { untilAborted } from '../../async.ts';
import { EspalierError, throwIfCancelled } from '../../errors.ts';
import type { ByteRange, Folder } from '../../onnx/source.ts';

/**
 * One read is at most this long; a longer range takes several. A multiple of 16, as GPU writes
 * need.
 */
export const READ_BYTES = 32 * 2 ** 20;
/** Ranges that lie closer than this are read together. */
const GAP_BYTES = 64 * 1024;

export interface RangeTarget {
  range: ByteRange;
  /** Receives the range's bytes in order; `offset` counts from the start of the range. */
  write(offset: number, data: Uint8Array<ArrayBuffer>): void;
}

/**
 * Reads all ranges, file by file in ascending order.
 * @throws EspalierError `missing-file` naming the file, `corrupt-file` from the source,
 *   `cancelled`.
 */
export async function readRanges(
  folder: Folder,
  targets: readonly RangeTarget[],
  options: {
    signal?: AbortSignal | undefined;
    onBytes?: ((bytes: number) => void) | undefined;
  } = {},
): Promise<void> {
  for (const group of groups(targets)) {
    const { file } = group.targets[0]?.range ?? { file: '' };
    const source = folder.open(file);
    if (!source)
      throw new EspalierError(
        'missing-file',
        `The folder has no file ${file}, which holds weights.`,
        'Add the file and open the folder again.',
      );
    for (let start = group.start; start < group.end; start += READ_BYTES) {
      throwIfCancelled(options.signal);
      const end = Math.min(group.end, start + READ_BYTES);
      const bytes = await untilAborted(source.read(start, end - start), options.signal);
      for (const { range, write } of group.targets) {
        const from = Math.max(range.offset, start);
        const to = Math.min(range.offset + range.length, end);
        if (from < to) write(from - range.offset, bytes.subarray(from - start, to - start));
      }
      options.onBytes?.(end - start);
    }
  }
}

interface Group {
  start: number;
  end: number;
  targets: RangeTarget[];
}

/**
 * Neighbours merged until a read is full; ranges longer than one read stand alone, so that
 * each of their reads starts at a multiple of READ_BYTES.
 */
function groups(targets: readonly RangeTarget[]): Group[] {
  const sorted = targets
    .filter(({ range }) => range.length > 0)
    .sort(({ range: a }, { range: b }) => {
      if (a.file === b.file) return a.offset - b.offset;
      return a.file < b.file ? -1 : 1;
    });
  const out: Group[] = [];
  for (const target of sorted) {
    const { file, offset, length } = target.range;
    const last = out.at(-1);
    const joins =
      last !== undefined &&
      last.targets[0]?.range.file === file &&
      offset - last.end <= GAP_BYTES &&
      Math.max(last.end, offset + length) - last.start <= READ_BYTES;
    if (joins) {
      last.end = Math.max(last.end, offset + length);
      last.targets.push(target);
    } else out.push({ start: offset, end: offset + length, targets: [target] });
  }
  return out;
}
