// Blocks of integers as floats: the weights of MatMulNBits and of GatherBlockQuantized, in the
// order and type in which a float model stores them.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import { narrowed } from '../half.ts';
import type { ByteSource, Derivation } from '../source.ts';
import {
  type Blockwise,
  type BlockwiseSizes,
  blockwiseForm,
  blockwiseSizes,
  floatBytes,
} from './form.ts';
import { rowSource } from './rows.ts';
import { storedNumbers } from './scales.ts';

/** Bytes of integers, scales and zero points that are held for floats in (columns, rows). */
const HELD_BYTES = 2 ** 26;
/** Bytes of the integers that are read at a time for them. */
const READ_BYTES = 2 ** 22;
/** Rows that are turned round at a time. */
const TILE = 64;

/** Rows first.. of a matrix, of them the blocks from `block` on. */
interface Stored {
  weights: Uint8Array;
  /** Bytes from row to row. */
  rowBytes: number;
  blocks: number;
  scales: Float32Array;
  /** By block as the scales; null: 2^(bits - 1). */
  zeros: Float32Array | null;
}

/**
 * The values (q - zero point) x scale as a source, in float32 arithmetic. Floats in (columns, rows)
 * take one pass over the integers for as many blocks of each row as fit into 64 MiB.
 * @param sources weights, scales, and zero points if there are any, as form.ts describes them; 2
 *   bits too
 * @throws EspalierError `bug` for what is missing; reading throws `bad-input` for a value that
 *   float16 cannot hold
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits
 */
export function blockwiseSource(
  sources: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
  heldBytes = HELD_BYTES,
): ByteSource {
  const form = blockwiseForm(parameters);
  const { rows, columns, block, bits } = form;
  if (sources.length < 2 || ![2, 4, 8].includes(bits))
    throw new EspalierError('bug', `${label} cannot be dequantised from ${bits} bits.`);
  const sizes = blockwiseSizes(form);
  const floats = (values: Float32Array): Uint8Array => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    if (form.floats !== DataType.float16) return bytes;
    return narrowed(bytes, (value) => {
      throw new EspalierError(
        'bad-input',
        `The matrix ${label} holds ${value} once dequantised, which float16 cannot.`,
        'Use the model in float32.',
      );
    });
  };

  if (form.order === 'out-in') {
    const make = async (from: number, to: number): Promise<Uint8Array> => {
      const stored = await storedRows(sources, form, sizes, from, to);
      const out = new Float32Array((to - from) * columns);
      for (let row = 0; row < to - from; row++)
        for (let at = 0, k = 0; k < columns; at++, k += block)
          decode(stored, form, row, at, 0, Math.min(block, columns - k), out, row * columns + k);
      return floats(out);
    };
    return rowSource({ rows, rowBytes: columns * floatBytes(form.floats), make }, label);
  }

  const perBlock = rows * ((block * bits) / 8 + 8);
  const width = Math.min(sizes.blocks, Math.max(1, Math.floor(heldBytes / perBlock)));
  let held: { stripe: number; made: Promise<Stored> } | null = null;
  /** Rows from..to of the floats, which are columns of the matrix. */
  const make = async (from: number, to: number): Promise<Uint8Array> => {
    const out = new Float32Array((to - from) * rows);
    for (let k = from; k < to; ) {
      const at = Math.floor(k / block);
      const stripe = Math.floor(at / width);
      if (held?.stripe !== stripe) {
        const made = storedBlocks(sources, form, sizes, stripe * width, width);
        held = { stripe, made };
      }
      const end = Math.min(to, (at + 1) * block);
      const stored = await held.made;
      turnedRows(
        stored,
        form,
        at - stripe * width,
        k - at * block,
        end - k,
        out,
        (k - from) * rows,
      );
      k = end;
    }
    return floats(out);
  };
  const source = { rows: columns, rowBytes: rows * floatBytes(form.floats), make };
  return rowSource(source, label);
}

/** Rows from..to with all their blocks. */
async function storedRows(
  [weights, scales, zeros]: readonly ByteSource[],
  form: Blockwise,
  { blocks, rowBytes, scaleBytes, zeroBytes }: BlockwiseSizes,
  from: number,
  to: number,
): Promise<Stored> {
  const count = to - from;
  const read = (source: ByteSource, bytes: number) => source.read(from * bytes, count * bytes);
  const [integers, factors, points] = await Promise.all([
    read(weights!, rowBytes),
    read(scales!, scaleBytes),
    zeros ? read(zeros, zeroBytes) : null,
  ]);
  return {
    weights: integers,
    rowBytes,
    blocks,
    scales: storedNumbers(factors, form.scales),
    zeros: points && zerosOf(points, count, form, blocks, zeroBytes),
  };
}

function zerosOf(
  bytes: Uint8Array,
  count: number,
  { zeros, bits }: Blockwise,
  blocks: number,
  zeroBytes: number,
): Float32Array {
  if (zeros !== DataType.uint8) return storedNumbers(bytes, zeros);
  const out = new Float32Array(count * blocks);
  for (let row = 0; row < count; row++)
    for (let at = 0; at < blocks; at++)
      out[row * blocks + at] =
        (bytes[row * zeroBytes + ((at * bits) >> 3)]! >> ((at * bits) & 7)) & (2 ** bits - 1);
  return out;
}

/** Blocks first.. of every row, `width` of them or what there is. */
async function storedBlocks(
  sources: readonly ByteSource[],
  form: Blockwise,
  sizes: BlockwiseSizes,
  first: number,
  width: number,
): Promise<Stored> {
  const { rows, block, bits } = form;
  const blocks = Math.min(width, sizes.blocks - first);
  const start = (first * block * bits) / 8;
  const rowBytes = Math.min((blocks * block * bits) / 8, sizes.rowBytes - start);
  const step = Math.max(1, Math.floor(READ_BYTES / sizes.rowBytes));
  const out = {
    weights: new Uint8Array(rows * rowBytes),
    rowBytes,
    blocks,
    scales: new Float32Array(rows * blocks),
    zeros: sources[2] ? new Float32Array(rows * blocks) : null,
  };
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(rows, from + step);
    const stored = await storedRows(sources, form, sizes, from, to);
    for (let row = 0; row < to - from; row++) {
      const at = row * stored.rowBytes + start;
      out.weights.set(stored.weights.subarray(at, at + rowBytes), (from + row) * rowBytes);
      for (let k = 0; k < blocks; k++) {
        const [to, of] = [(from + row) * blocks + k, row * sizes.blocks + first + k];
        out.scales[to] = stored.scales[of]!;
        if (out.zeros) out.zeros[to] = stored.zeros![of]!;
      }
    }
  }
  return out;
}

/** The values start.. of block `at` of all rows, `count` of each, as `count` rows. */
function turnedRows(
  stored: Stored,
  form: Blockwise,
  at: number,
  start: number,
  count: number,
  out: Float32Array,
  first: number,
): void {
  const { rows } = form;
  const tile = new Float32Array(TILE * count);
  for (let row = 0; row < rows; row += TILE) {
    const height = Math.min(TILE, rows - row);
    for (let r = 0; r < height; r++)
      decode(stored, form, row + r, at, start, count, tile, r * count);
    for (let k = 0; k < count; k++) {
      const to = first + k * rows + row;
      for (let r = 0; r < height; r++) out[to + r] = tile[r * count + k]!;
    }
  }
}

/** The values start.. of a block of a row, `count` of them. */
function decode(
  { weights, rowBytes, blocks, scales, zeros }: Stored,
  { block, bits }: Blockwise,
  row: number,
  at: number,
  start: number,
  count: number,
  out: Float32Array,
  first: number,
): void {
  const { fround } = Math;
  const mask = 2 ** bits - 1;
  const scale = scales[row * blocks + at]!;
  const zero = zeros ? zeros[row * blocks + at]! : 2 ** (bits - 1);
  const byte = row * rowBytes;
  const bit = (at * block + start) * bits;
  for (let k = 0; k < count; k++) {
    const place = bit + k * bits;
    const q = (weights[byte + (place >> 3)]! >> (place & 7)) & mask;
    out[first + k] = fround(q - zero) * scale;
  }
}
