// Converts between bfloat16, the upper half of a float32, and float32.

import { wordsOf } from '../../half.ts';

/** Little-endian bfloat16 as little-endian float32, exact. */
export function bfloatWidened(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.byteLength * 2);
  const words = new Uint32Array(out.buffer);
  for (let k = 0; k < words.length; k++)
    words[k] = ((bytes[2 * k] as number) << 16) | ((bytes[2 * k + 1] as number) << 24);
  return out;
}

/**
 * Little-endian float32 as little-endian bfloat16, rounded to the nearest, ties to even.
 * @param beyond gets every value that is not finite, or that rounds to infinity; it throws
 */
export function bfloatNarrowed(
  bytes: Uint8Array,
  beyond: (value: number) => never,
): Uint8Array<ArrayBuffer> {
  const source = wordsOf(bytes);
  const out = new Uint16Array(source.length);
  for (let k = 0; k < source.length; k++) {
    const bits = source[k] as number;
    const rounded = (bits & 0x7fffffff) + 0x7fff + ((bits >>> 16) & 1);
    if (rounded >= 0x7f800000) beyond(new Float32Array(source.buffer, source.byteOffset)[k]!);
    out[k] = ((bits >>> 16) & 0x8000) | (rounded >>> 16);
  }
  return new Uint8Array(out.buffer);
}
