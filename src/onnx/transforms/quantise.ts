// A matrix of floats in blocks of integers, as MatMulNBits takes it: weights, scales and zero
// points one after the other, from values in either order.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { BlockReader } from './blocks.ts';
import {
  type Blockwise,
  type BlockwiseSizes,
  blocksAtOnce,
  blockwiseForm,
  blockwiseSizes,
  floatBytes,
  quantisedLength,
  quantisedParts,
} from './form.ts';
import { type HeldLimits, HeldRows } from './held.ts';
import { HQQ_STEPS, hqq, stepsOf } from './hqq.ts';
import { sourceInto } from './rows.ts';
import { type Integers, type QuantiseBlocks, rtn } from './rtn.ts';
import { numbersStored } from './scales.ts';

/** Bounds in bytes; tests make them small. */
export interface QuantiseLimits extends HeldLimits {
  /** Of the values read at a time. */
  read: number;
}
const LIMITS: QuantiseLimits = { read: 2 ** 21, first: 2 ** 26, others: 2 ** 27 };
const PARTS = ['weights', 'scales', 'zeros'] as const;
type Part = (typeof PARTS)[number];

/**
 * What was made and not read yet is held, so that one pass over the result takes one over the
 * values; `hqq` takes another to find its number of steps. Values in (columns, rows) are quantised
 * in stripes, rows of the result whose weights fit into 64 MiB: more than one stripe reads as many
 * pieces of each row of the values.
 * @param sources the values
 * @throws EspalierError `bug` for sizes that do not fit; reading throws `bad-input` for a value
 *   that is not finite, and for a scale that cannot be stored
 */
export function quantisedSource(
  [values]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
  limits: QuantiseLimits = LIMITS,
): ByteSource {
  const form = blockwiseForm(parameters);
  const sizes = blockwiseSizes(form);
  const { rows, columns, bits } = form;
  const fits = values?.size === rows * columns * floatBytes(form.floats);
  const known = (bits === 4 || bits === 8) && blocksAtOnce(form.block) > 0;
  if (!values || !fits || !known || (form.method === 'hqq' && !form.zeros))
    throw new EspalierError('bug', `${label} cannot be quantised to ${bits} bits.`);
  const reader = new BlockReader(values, form, { values: limits.read, weights: limits.first });
  const parts = quantisedParts(parameters);
  let quantiser: Promise<QuantiseBlocks> | null = null;

  const make = async (first: number, count: number): Promise<Record<Part, Uint8Array>> => {
    quantiser ??= quantiserOf(reader, form, label);
    const quantise = await quantiser;
    const { rowBytes, blocks: perRow } = sizes;
    const out: Integers = {
      weights: new Uint8Array(count * rowBytes),
      scales: new Float32Array(count * perRow),
      zeros: new Float32Array(form.zeros === DataType.undefined ? 0 : count * perRow),
    };
    await reader.each(first, count, (blocks) => quantise(blocks, out));
    const packed = form.zeros === DataType.uint8;
    return {
      weights: out.weights,
      scales: numbersStored(out.scales, form.scales, label),
      zeros: packed
        ? packedZeros(out.zeros, bits, sizes)
        : numbersStored(out.zeros, form.zeros, label),
    };
  };
  const held = new HeldRows<Part>(PARTS, limits, (first) => {
    const count = Math.min(reader.rowsAtOnce, rows - first);
    const bytes = {
      weights: count * sizes.rowBytes,
      scales: count * sizes.scaleBytes,
      zeros: count * sizes.zeroBytes,
    };
    return { made: make(first, count), bytes };
  });

  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    for (const name of PARTS) {
      const part = parts[name];
      const end = Math.min(part.offset + part.length, offset + target.length);
      const perRow = part.length / rows;
      for (let at = Math.max(part.offset, offset); at < end; ) {
        const row = Math.floor((at - part.offset) / perRow);
        const first = row - (row % reader.rowsAtOnce);
        const from = at - part.offset - first * perRow;
        const count = Math.min(reader.rowsAtOnce, rows - first);
        const length = Math.min(end - at, count * perRow - from);
        const made = await held.take(first, name, length);
        target.set(made.subarray(from, from + length), at - offset);
        at += length;
      }
    }
  };
  return sourceInto(quantisedLength(parameters), readInto);
}

async function quantiserOf(
  reader: BlockReader,
  form: Blockwise,
  label: string,
): Promise<QuantiseBlocks> {
  if (form.method === 'rtn') return rtn(form, label);
  const { addErrors, quantise } = hqq(form, label);
  const errors = new Float64Array(HQQ_STEPS);
  for (let first = 0; first < form.rows; first += reader.rowsAtOnce) {
    const count = Math.min(reader.rowsAtOnce, form.rows - first);
    await reader.each(first, count, (blocks) => addErrors(blocks, errors));
  }
  const { blocks } = blockwiseSizes(form);
  return quantise(stepsOf(errors, form.rows * blocks * form.block));
}

/** Zero points from a byte on in every row, with that of a symmetric block in what is left. */
function packedZeros(
  zeros: Float32Array,
  bits: number,
  { blocks, zeroBytes }: BlockwiseSizes,
): Uint8Array {
  const rows = zeros.length / blocks;
  const out = new Uint8Array(rows * zeroBytes);
  for (let row = 0; row < rows; row++)
    for (let at = 0; at < (zeroBytes * 8) / bits; at++) {
      const zero = at < blocks ? zeros[row * blocks + at]! : 2 ** (bits - 1);
      out[row * zeroBytes + ((at * bits) >> 3)]! |= zero << ((at * bits) & 7);
    }
  return out;
}
