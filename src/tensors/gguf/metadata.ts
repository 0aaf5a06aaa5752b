// Key-value pairs of a GGUF file with the types in which they are stored.
// Source: github.com/ggml-org/ggml, docs/gguf.md, "File Structure".

/** Types of scalars in the order of their numbers in the file. */
export const GGUF_SCALARS = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
] as const;

export type GgufScalar = (typeof GGUF_SCALARS)[number] | 'uint64' | 'int64' | 'float64';

/** A value with its type. 64-bit integers are bigint. */
export type GgufValue =
  | { type: GgufScalar; value: number | bigint | boolean | string }
  | { type: 'array'; of: GgufScalar; value: readonly (number | bigint | boolean | string)[] };

/** In the order of the file. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;
