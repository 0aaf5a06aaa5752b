// Stored bytes with the positions that stay.

import { derive } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { takenBytes } from '../../onnx/transforms/taken.ts';

/** `outer` rows of positions with so many bits each. */
export interface Form {
  outer: number;
  positions: number;
  bits: number;
}

/** Bytes in memory are cut at once, others as they are read. */
export function taken(data: Bytes, form: Form, kept: readonly number[], label: string): Bytes {
  if (data instanceof Uint8Array) return takenBytes(data, form, kept);
  const indices = new Uint8Array(Int32Array.from(kept).buffer);
  return derive('taken', [data, indices], label, { ...form });
}
