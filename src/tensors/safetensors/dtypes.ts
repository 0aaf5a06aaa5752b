// The element types of safetensors files and their sizes.
// Source: github.com/huggingface/safetensors, safetensors/src/tensor.rs, `Dtype`.

/** Bits of an element by the name of its type. */
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** Bits of an element, or null for a type that the format does not have. */
export function bitsOf(dtype: string): number | null {
  return Object.hasOwn(BITS, dtype) ? BITS[dtype]! : null;
}

/** Elements of a shape; a scalar, whose shape is empty, has one. Infinity beyond any file. */
export function elementsOf(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const product = shape.reduce((count, size) => count * size, 1);
  return Number.isSafeInteger(product) ? product : Number.POSITIVE_INFINITY;
}

/**
 * Bytes of a tensor, or null where its elements of 4 or 6 bits do not fill whole bytes, which the
 * format does not allow.
 */
export function byteLength(bits: number, shape: readonly number[]): number | null {
  const length = (elementsOf(shape) * bits) / 8;
  return Number.isInteger(length) || length === Number.POSITIVE_INFINITY ? length : null;
}
