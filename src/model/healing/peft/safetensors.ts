// The file format safetensors: eight bytes with the length of a JSON header, the header, the data.
// Source: github.com/huggingface/safetensors, README, "Format".

/** A tensor to write: float32, little endian, row by row. */
export interface FloatTensor {
  name: string;
  dims: readonly number[];
  data: Uint8Array;
}

/** The header is padded with spaces, so that the data begins at a multiple of this. */
const ALIGNMENT = 8;

/**
 * The bytes of a safetensors file. Tensors lie in the order of their names, without gaps.
 * @param metadata strings by name, `__metadata__` of the header
 */
export function writeSafetensors(
  tensors: readonly FloatTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const { name, dims, data } of sorted) {
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [end, end + data.length] };
    end += data.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const out = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(text, 8);
  let at = 8 + length;
  for (const { data } of sorted) {
    out.set(data, at);
    at += data.length;
  }
  return out;
}
