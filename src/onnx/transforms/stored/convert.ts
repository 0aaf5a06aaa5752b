// Blocks of stored types as float32, as the integers and scales of MatMulNBits, and floats as
// blocks of 8 bits.

import { EspalierError } from '../../../errors.ts';
import { DataType } from '../../graph.ts';
import { narrowed, widened } from '../../half.ts';
import type { ByteSource, Derivation } from '../../source.ts';
import { floatsOf, rowSource } from '../rows.ts';
import { beyondType } from '../scales.ts';
import { storedType } from './types.ts';

/** Bytes as float32: what `storedFloats` makes of them. */
export function storedFloatsLength(bytes: number, parameters: Derivation['parameters']): number {
  const type = storedType(String(parameters.type));
  return type ? (bytes / type.bytes) * type.values * 4 : 0;
}

/** Whole rows of the stored type `type` as float32. */
export function storedFloats(
  [source]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const type = storedType(String(parameters.type));
  if (!source || !type || source.size % type.bytes !== 0)
    throw new EspalierError('bug', `${label} is not of the type ${parameters.type}.`);
  const { values, bytes } = type;
  const make = async (from: number, to: number): Promise<Uint8Array> => {
    const read = await source.read(from * bytes, (to - from) * bytes);
    const out = new Float32Array((to - from) * values);
    type.decode(read, 0, 0, out.length, out, 0);
    return new Uint8Array(out.buffer);
  };
  return rowSource({ rows: source.size / bytes, rowBytes: values * 4, make }, label);
}

/** Bytes that a block of 32 values has in a file, and what the integers of MatMulNBits take. */
const INTEGERS: Readonly<Record<string, { bytes: number; bits: 4 | 8 }>> = {
  Q4_0: { bytes: 18, bits: 4 },
  Q8_0: { bytes: 34, bits: 8 },
};

/** Bits of the integers that a stored type has under scales alone; null where it has none. */
export function integerBits(type: string): 4 | 8 | null {
  return Object.hasOwn(INTEGERS, type) ? INTEGERS[type]!.bits : null;
}

/** Bytes of the integers of so many bytes of blocks, or of their float32 scales. */
export function integersLength(bytes: number, { type, part }: Derivation['parameters']): number {
  const form = INTEGERS[String(type)];
  return form ? (bytes / form.bytes) * (part === 'scales' ? 4 : form.bits * 4) : 0;
}

/**
 * Blocks of Q4_0 or Q8_0 as MatMulNBits without zero points multiplies with them: `part` is
 * `integers`, from -8 or -128 on, the first of a byte in its low bits, or `scales` in float32.
 * Exact.
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits
 */
export function storedIntegers(
  [source]: readonly ByteSource[],
  { type, part }: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = INTEGERS[String(type)];
  if (!source || !form || source.size % form.bytes !== 0)
    throw new EspalierError('bug', `${label} has no blocks of ${type}.`);
  const { bytes, bits } = form;
  const rows = source.size / bytes;
  const integers = bits === 4 ? nibblesOf : bytesOf;
  const convert = part === 'scales' ? scalesOf : integers;
  const make = async (from: number, to: number): Promise<Uint8Array> =>
    convert(await source.read(from * bytes, (to - from) * bytes), bytes);
  return rowSource({ rows, rowBytes: part === 'scales' ? 4 : bits * 4, make }, label);
}

function scalesOf(blocks: Uint8Array, bytes: number): Uint8Array {
  const halves = new Uint8Array((blocks.length / bytes) * 2);
  for (let at = 0, to = 0; at < blocks.length; at += bytes, to += 2) {
    halves[to] = blocks[at]!;
    halves[to + 1] = blocks[at + 1]!;
  }
  return widened(halves);
}

/** Values k and k + 16 of a byte as values 2 k and 2 k + 1. */
function nibblesOf(blocks: Uint8Array, bytes: number): Uint8Array {
  const out = new Uint8Array((blocks.length / bytes) * 16);
  for (let at = 2, to = 0; at < blocks.length; at += bytes, to += 16)
    for (let k = 0; k < 8; k++) {
      const [a, b] = [blocks[at + 2 * k]!, blocks[at + 2 * k + 1]!];
      out[to + k] = (a & 15) | ((b & 15) << 4);
      out[to + k + 8] = (a >> 4) | (b & 240);
    }
  return out;
}

function bytesOf(blocks: Uint8Array, bytes: number): Uint8Array {
  const out = new Uint8Array((blocks.length / bytes) * 32);
  for (let at = 2, to = 0; at < blocks.length; at += bytes, to += 32)
    for (let k = 0; k < 32; k++) out[to + k] = blocks[at + k]! ^ 128;
  return out;
}

/** Bytes of float32 in blocks of Q8_0. */
export const eightBitsLength = (bytes: number): number => (bytes / 128) * 34;

/**
 * float32 in blocks of Q8_0, rounded to the nearest as llama.cpp does it.
 * @throws EspalierError reading throws `bad-input` for a value that is not finite, and for one
 *   whose scale float16 cannot hold
 * @source github.com/ggml-org/llama.cpp, ggml-quants.c, quantize_row_q8_0_ref
 */
export function eightBits([source]: readonly ByteSource[], _: unknown, label: string): ByteSource {
  if (!source || source.size % 128 !== 0)
    throw new EspalierError('bug', `${label} has no whole blocks of 32 values.`);
  const make = async (from: number, to: number): Promise<Uint8Array> => {
    const values = floatsOf(await source.read(from * 128, (to - from) * 128));
    const out = new Uint8Array((to - from) * 34);
    const scales = new Float32Array(to - from);
    for (let block = 0; block < scales.length; block++)
      scales[block] = eightBitBlock(values, block * 32, out, block * 34 + 2);
    const halves = narrowed(new Uint8Array(scales.buffer), (scale) => {
      throw beyondType(label, scale, DataType.float16);
    });
    for (let block = 0; block < scales.length; block++)
      out.set(halves.subarray(block * 2, block * 2 + 2), block * 34);
    return out;
  };
  return rowSource({ rows: source.size / 128, rowBytes: 34, make }, label);
}

/** The integers of a block. @returns the scale; not finite where a value is not */
function eightBitBlock(values: Float32Array, from: number, out: Uint8Array, to: number): number {
  const { abs, fround, floor, max, sign } = Math;
  let most = 0;
  for (let k = 0; k < 32; k++) most = max(most, abs(values[from + k]!));
  const scale = fround(most / 127);
  const inverse = fround(1 / scale);
  // Where all values are nearly nothing, the scale is zero in float16.
  if (!Number.isFinite(inverse)) return scale;
  for (let k = 0; k < 32; k++) {
    const x = fround(values[from + k]! * inverse);
    out[to + k] = sign(x) * floor(abs(x) + 0.5);
  }
  return scale;
}
