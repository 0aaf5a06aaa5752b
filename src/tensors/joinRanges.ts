// Neighbouring ranges of one file as one range, so that what stays together is copied in one go.

import { isRange } from '../onnx/graph.ts';
import type { Bytes } from '../onnx/source.ts';

/** The parts with ranges of one file joined where one begins at the end of the one before it. */
export function joinRanges(parts: readonly Bytes[]): Bytes[] {
  const out: Bytes[] = [];
  for (const part of parts) {
    if (part.length === 0) continue;
    const last = out.at(-1);
    if (last && isRange(last) && isRange(part) && last.file === part.file)
      if (last.offset + last.length === part.offset) {
        out[out.length - 1] = { ...last, length: last.length + part.length };
        continue;
      }
    out.push(part);
  }
  return out;
}
