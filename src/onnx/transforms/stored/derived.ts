// Bytes of a stored type as float32 ones, derived when they are read.

import { derive } from '../../bytes.ts';
import type { Bytes } from '../../source.ts';

/** Whole rows of values of a stored type as float32; of float32 the bytes themselves. */
export function storedAsFloats(data: Bytes, type: string, label: string): Bytes {
  if (type === 'F32') return data;
  if (type === 'F16') return derive('float16-to-float32', [data], label);
  if (type === 'BF16') return derive('bfloat16-to-float32', [data], label);
  return derive('stored-to-float32', [data], label, { type });
}
