// IEEE half-precision bits as numbers; must not know about tensors.

/** The value of one float16, exact in float32. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | null = null;

/**
 * Little-endian float16 as little-endian float32. @throws RangeError for an odd number of bytes.
 */
export function widened(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
  const out = new Float32Array(bytes.byteLength / 2);
  for (let k = 0; k < out.length; k++)
    out[k] = table[(bytes[2 * k] as number) | ((bytes[2 * k + 1] as number) << 8)] as number;
  return new Uint8Array(out.buffer);
}
