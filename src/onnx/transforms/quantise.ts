// A float32 matrix in blocks of integers, rounded to the nearest, as MatMulNBits takes it: weights,
// scales and zero points one after the other.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { type Blockwise, type BlockwiseSizes, blockwiseForm, blockwiseSizes } from './form.ts';
import { floatsOf, sourceInto } from './rows.ts';
import { notFinite, numbersStored, storedNumbers } from './scales.ts';

/** Bytes of the values quantised at a time. */
const STEP_BYTES = 2 ** 22;
/** Most bytes of scales and zero points that are kept until they are asked for. */
const KEPT_BYTES = 2 ** 25;

/** Where the three tensors lie in the result. */
export function quantisedParts(
  parameters: Derivation['parameters'],
): Record<'weights' | 'scales' | 'zeros', { offset: number; length: number }> {
  const { rows } = blockwiseForm(parameters);
  const { rowBytes, scaleBytes, zeroBytes } = blockwiseSizes(blockwiseForm(parameters));
  return {
    weights: { offset: 0, length: rows * rowBytes },
    scales: { offset: rows * rowBytes, length: rows * scaleBytes },
    zeros: { offset: rows * (rowBytes + scaleBytes), length: rows * zeroBytes },
  };
}

export function quantisedLength(parameters: Derivation['parameters']): number {
  const { zeros } = quantisedParts(parameters);
  return zeros.offset + zeros.length;
}

/** The three tensors of some rows. */
interface Quantised {
  weights: Uint8Array;
  scales: Uint8Array;
  zeros: Uint8Array;
}

/**
 * Asymmetric with zero points, symmetric without. Scales and zero points of rows whose weights were
 * read are kept, so that one pass over the values serves all three tensors.
 * @param sources the values (rows, columns) in float32
 */
export function quantisedSource(
  [values]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = blockwiseForm(parameters);
  const { rows, columns, bits } = form;
  if (values?.size !== rows * columns * 4 || (bits !== 4 && bits !== 8))
    throw new EspalierError('bug', `${label} cannot be quantised to ${bits} bits.`);
  const sizes = blockwiseSizes(form);
  const parts = quantisedParts(parameters);
  const step = Math.max(1, Math.floor(STEP_BYTES / (columns * 4)));
  const kept = new Map<number, Quantised>();
  let keptBytes = 0;

  /** Rows from `first` on, up to `step` of them. */
  const chunk = async (first: number, weightsToo: boolean): Promise<Quantised> => {
    const known = kept.get(first);
    if (known && !weightsToo) return known;
    const count = Math.min(step, rows - first);
    const bytes = await values.read(first * columns * 4, count * columns * 4);
    const made = quantisedRows(floatsOf(bytes), count, form, sizes, label);
    const bytesToKeep = made.scales.length + made.zeros.length;
    if (!known && keptBytes + bytesToKeep <= KEPT_BYTES) {
      kept.set(first, { ...made, weights: new Uint8Array(0) });
      keptBytes += bytesToKeep;
    }
    return made;
  };

  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    for (const name of ['weights', 'scales', 'zeros'] as const) {
      const part = parts[name];
      const end = Math.min(part.offset + part.length, offset + target.length);
      const perRow = part.length / rows;
      for (let at = Math.max(part.offset, offset); at < end; ) {
        const row = Math.floor((at - part.offset) / perRow);
        const first = row - (row % step);
        const made = (await chunk(first, name === 'weights'))[name];
        const from = at - part.offset - first * perRow;
        const taken = made.subarray(from, from + end - at);
        target.set(taken, at - offset);
        at += taken.length;
      }
    }
  };
  return sourceInto(quantisedLength(parameters), readInto);
}

/**
 * Bit for bit what ONNX Runtime's quantiser makes, in float32 arithmetic; a block that ends in
 * padding is quantised over what it has.
 * @source onnxruntime/core/mlas/lib/q4_dq.cpp, BlockwiseQuantizer
 */
function quantisedRows(
  values: Float32Array,
  count: number,
  form: Blockwise,
  { blocks, rowBytes, zeroBytes }: BlockwiseSizes,
  label: string,
): Quantised {
  const { columns, block, bits } = form;
  const { fround } = Math;
  const [most, middle] = [2 ** bits - 1, 2 ** (bits - 1)];
  const asymmetric = form.zeros !== DataType.undefined;
  const half = form.scales === DataType.float16;
  const weights = new Uint8Array(count * rowBytes);
  const factors = new Float32Array(count * blocks);
  const points = new Float32Array(asymmetric ? count * blocks : 0);
  for (let row = 0; row < count; row++)
    for (let at = 0; at < blocks; at++) {
      const start = row * columns + at * block;
      const end = row * columns + Math.min(columns, (at + 1) * block);
      let [low, high] = [values[start]!, values[start]!];
      let sum = 0;
      for (let k = start; k < end; k++) {
        const value = values[k]!;
        if (value < low) low = value;
        if (value > high) high = value;
        sum += value;
      }
      if (!Number.isFinite(sum)) {
        const wrong = values.subarray(start, end).find((value) => !Number.isFinite(value));
        if (wrong !== undefined) throw notFinite(label, wrong);
      }
      let exact: number;
      let zero = middle;
      if (asymmetric) {
        [low, high] = [Math.min(low, 0), Math.max(high, 0)];
        exact = fround(fround(high - low) / most);
        const point = exact === 0 ? low : fround(0 - fround(low / exact));
        zero = Math.min(most, Math.max(0, Math.round(point)));
        points[row * blocks + at] = zero;
      } else exact = fround(-(Math.abs(high) > Math.abs(low) ? high : low) / middle);
      const scale = half ? asStored(exact, form.scales, label) : exact;
      factors[row * blocks + at] = scale;
      const inverse = scale === 0 ? 0 : fround(1 / scale);
      for (let k = start; k < end; k++) {
        const rounded = Math.round(fround(fround(values[k]! * inverse) + zero));
        const q = Math.min(most, Math.max(0, rounded));
        const bit = (k - row * columns) * bits;
        weights[row * rowBytes + (bit >> 3)]! |= q << (bit & 7);
      }
    }
  return {
    weights,
    scales: numbersStored(factors, form.scales, label),
    zeros:
      form.zeros === DataType.uint8
        ? packed(points, blocks, zeroBytes, bits)
        : numbersStored(points, form.zeros, label),
  };

  function packed(all: Float32Array, perRow: number, bytes: number, size: number): Uint8Array {
    const out = new Uint8Array(count * bytes);
    for (let row = 0; row < count; row++)
      for (let at = 0; at < (bytes * 8) / size; at++) {
        // What is left of the last byte has the zero point of a symmetric block.
        const point = at < perRow ? all[row * perRow + at]! : middle;
        out[row * bytes + ((at * size) >> 3)]! |= point << ((at * size) & 7);
      }
    return out;
  }
}

/** A scale as it is read again. */
const asStored = (scale: number, type: DataType, label: string): number =>
  storedNumbers(numbersStored(Float32Array.of(scale), type, label), type)[0]!;
