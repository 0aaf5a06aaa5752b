// What training changes: factors of adapters and stored weights, and what of them becomes a
// healing.

import { EspalierError } from '../../errors.ts';
import type { WeightChange } from '../../model/healing/healing.ts';
import type { WeightRef } from '../../model/programs/program.ts';
import { elementCount } from '../../onnx/graph.ts';
import type { GradientPart } from '../taps.ts';

/** Values that training changes: a factor of an adapter, or a stored weight. */
export interface Parameter {
  /** Unique in the model: `<block>/<input>`. */
  name: string;
  /** Of the original; 'head' for what follows the last block. */
  block: number | 'head';
  /**
   * Names it in the programs of its unit: `{ kind: 'parameter', parameter: input }`. Blocks of one
   * class have equal names here.
   */
  input: string;
  /** The product is y + scale x A B. */
  role: 'a' | 'b' | 'weight';
  /**
   * float32, as it is fed: A (inputs, rank), B (rank, columns), a weight as the program reads it.
   */
  dims: readonly number[];
  /** The stored tensor that it belongs to, as `WeightChange.tensor`. */
  tensor: string;
  /** Which adapter of its block this is, in the order of the graph, from 0; 0 for weights. */
  slot: number;
  /** Columns of the product that an adapter adds to; none for weights. */
  columns: readonly [from: number, to: number];
  /** The stored values of a weight, float32 on the device; null for adapters. */
  weight: WeightRef | null;
  /**
   * Its gradient: one part, or stretches along the first axis where it is larger than a buffer.
   * Of input sources and output targets: `{ kind: 'weight-gradient', part }`.
   */
  parts: readonly GradientPart[];
}

/**
 * What training has made of the stored weights: a change for each adapter or weight.
 * @param values of every parameter by name, in the order in which they are fed.
 * @param scale of the adapters, alpha / rank.
 * @throws EspalierError `bug` where values are missing or have another length
 */
export function changesOf(
  parameters: readonly Parameter[],
  values: ReadonlyMap<string, Float32Array>,
  scale: number,
): WeightChange[] {
  const of = ({ name, dims }: Parameter): Float32Array => {
    const found = values.get(name);
    if (found?.length === elementCount(dims)) return found;
    throw new EspalierError('bug', `The values of the parameter ${name} are not all there.`);
  };
  return parameters.flatMap((one, k): WeightChange[] => {
    const { tensor, block, role } = one;
    const where = { tensor, block: block === 'head' ? null : block };
    if (role === 'weight') return [{ ...where, kind: 'replaced', values: bytesOf(of(one)) }];
    if (role === 'b') return [];
    const other = parameters[k + 1];
    if (other?.role !== 'b' || other.tensor !== tensor || other.slot !== one.slot)
      throw new EspalierError('bug', `The adapter ${one.name} has one factor only.`);
    const a = bytesOf(transposed(of(one), one.dims));
    const b = bytesOf(transposed(of(other), other.dims));
    const rank = one.dims[1] ?? 0;
    return [{ ...where, kind: 'low-rank', rank, scale, a, b, columns: one.columns }];
  });
}

function transposed(values: Float32Array, [rows = 0, columns = 0]: readonly number[]) {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column] as number;
  return out;
}

/** A copy: little endian, as all platforms here have it. */
const bytesOf = (values: Float32Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.slice().buffer as ArrayBuffer);
