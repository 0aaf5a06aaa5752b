// Records which bytes of a folder are read, and how many of them are weights.

import { type Graph, isRange, type Model } from '../../src/onnx/graph.ts';
import type { ByteRange, Folder } from '../../src/onnx/source.ts';

/** Reads so far; the folder passes everything on. */
export interface Recorded {
  folder: Folder;
  reads: ByteRange[];
}

export function record(folder: Folder): Recorded {
  const reads: ByteRange[] = [];
  return {
    reads,
    folder: {
      name: folder.name,
      files: folder.files,
      open(path) {
        const source = folder.open(path);
        if (!source) return null;
        return {
          size: source.size,
          read(offset, length) {
            reads.push({ file: path, offset, length });
            return source.read(offset, length);
          },
          ...(source.readInto && {
            readInto(offset: number, target: Uint8Array) {
              reads.push({ file: path, offset, length: target.length });
              return source.readInto!(offset, target);
            },
          }),
        };
      },
    },
  };
}

/**
 * Byte ranges of every initializer that is not held in memory: tensors above 1 KiB, inline and
 * external.
 */
export function weightRanges(model: Model): ByteRange[] {
  const ranges = (graph: Graph): ByteRange[] =>
    [...graph.initializers.values()].flatMap(({ data }) => (isRange(data) ? [data] : []));
  return ranges(model.graph);
}

/** Bytes that lie in both lists, file by file; a byte that was read twice counts once. */
export function overlap(a: readonly ByteRange[], b: readonly ByteRange[]): number {
  let bytes = 0;
  for (const file of new Set(a.map((range) => range.file))) {
    const [left, right] = [union(a, file), union(b, file)];
    for (let i = 0, j = 0; i < left.length && j < right.length; ) {
      const [p, q] = [left[i]!, right[j]!];
      bytes += Math.max(0, Math.min(p.end, q.end) - Math.max(p.start, q.start));
      if (p.end < q.end) i++;
      else j++;
    }
  }
  return bytes;
}

function union(ranges: readonly ByteRange[], file: string): { start: number; end: number }[] {
  const sorted = ranges
    .filter((range) => range.file === file && range.length > 0)
    .map(({ offset, length }) => ({ start: offset, end: offset + length }))
    .sort((x, y) => x.start - y.start);
  const out: { start: number; end: number }[] = [];
  for (const range of sorted) {
    const last = out.at(-1);
    if (last && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else out.push(range);
  }
  return out;
}
