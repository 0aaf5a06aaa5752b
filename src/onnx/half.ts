// Converts between IEEE half-precision bits and numbers.

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

/** The values of all float16, by their bits. */
export function halfValues(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
  return table;
}

/**
 * Little-endian float16 as little-endian float32. @throws RangeError for an odd number of bytes.
 */
export function widened(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const values = halfValues();
  const out = new Float32Array(bytes.byteLength / 2);
  for (let k = 0; k < out.length; k++)
    out[k] = values[(bytes[2 * k] as number) | ((bytes[2 * k + 1] as number) << 8)] as number;
  return new Uint8Array(out.buffer);
}

/** The largest float16. */
export const HALF_MAX = 65504;

/** Little-endian words of 32 bits, copied only where they do not start on a multiple of 4. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(whole.buffer, whole.byteOffset, whole.byteLength / 4);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/**
 * Little-endian float32 as little-endian float16, rounded to the nearest, ties to even; what is
 * smaller than half the smallest float16 becomes zero of its sign.
 * @param beyond gets every value that is not finite or larger than HALF_MAX; it throws, or says
 *   what stands in its place
 * @throws RangeError for bytes that are no whole number of float32
 */
export function narrowed(
  bytes: Uint8Array,
  beyond: (value: number) => number,
): Uint8Array<ArrayBuffer> {
  const source = wordsOf(bytes);
  const out = new Uint16Array(source.length);
  for (let k = 0; k < source.length; k++) {
    const bits = source[k] as number;
    const size = bits & 0x7fffffff;
    // 0x477fe000 is 65504, 0x38800000 is 2^-14, the smallest normal float16.
    if (size > 0x477fe000) {
      scratchBits[0] = bits;
      scratch[0] = beyond(scratch[0] as number);
      out[k] = toHalf(scratchBits[0] as number);
    } else out[k] = toHalf(bits);
  }
  return new Uint8Array(out.buffer);
}

/** A float32 as float16 holds it: the nearest, ties to even; infinite from 65520 on. */
export function nearestHalf(value: number): number {
  scratch[0] = value;
  return fromHalf(toHalf(scratchBits[0] as number));
}

/** The bits of the nearest float16 to a float32 of these bits. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  // From 65520 on the nearest is infinity; NaN stays NaN.
  if (size >= 0x477ff000) return sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (size >= 0x38800000) return sign | (((size + 0xfff + ((size >>> 13) & 1)) >>> 13) - 0x1c000);
  // Added to 0.5, whose last bit is 2^-24, a float32 rounds to what a subnormal float16 holds.
  scratchBits[0] = size;
  scratch[0] = (scratch[0] as number) + 0.5;
  return sign | ((scratchBits[0] as number) - 0x3f000000);
}
