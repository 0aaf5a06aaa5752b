// The bytes of a stored weight after its changes: floats in their own type, blocks of integers
// quantised again as the file has them. Nothing is read before the bytes are.

import { EspalierError } from '../../errors.ts';
import { derive } from '../../onnx/bytes.ts';
import { DataType, elementCount } from '../../onnx/graph.ts';
import type { Bytes, Derivation } from '../../onnx/source.ts';
import { quantisedParts } from '../../onnx/transforms/form.ts';
import { integerForm, linearParts } from '../../onnx/transforms/linear.ts';
import type { WeightChange } from './healing.ts';

/** A weight that is stored as floats. */
export interface FloatWeight {
  kind: 'float';
  name: string;
  type: DataType;
  dims: readonly number[];
  data: Bytes;
  /**
   * Of a matrix: whether its first dimension is the inputs of the product or its outputs. Null for
   * what is no matrix of a linear product (a vector of a norm, a stack of experts).
   */
  order: 'in-out' | 'out-in' | null;
}

/** The matrix (outputs, inputs) of a MatMulNBits. */
export interface BlockwiseWeight {
  kind: 'blockwise';
  name: string;
  outputs: number;
  inputs: number;
  /** Inputs that share a scale. */
  block: number;
  bits: number;
  data: Bytes;
  scales: Part;
  zeros: Part | null;
}

/** Scales or zero points. */
type Part = { name: string; type: DataType; data: Bytes };

/** The matrix of integers that a DequantizeLinear makes floats of, in the dims that it stores. */
export interface LinearWeight {
  kind: 'linear';
  name: string;
  /** Of the integers. */
  type: DataType;
  rows: number;
  columns: number;
  order: FloatWeight['order'];
  /** So many rows and columns share a scale. */
  blockRows: number;
  blockColumns: number;
  data: Bytes;
  scales: Part;
  zeros: Part | null;
}

export type StoredWeight = FloatWeight | BlockwiseWeight | LinearWeight;

/** What stands in place of the tensors of a quantised weight. */
export interface ChangedQuantised {
  data: Bytes;
  scales: Bytes;
  /** Null where the file has none. */
  zeros: Bytes | null;
}

/**
 * The weight after all changes, in its own type and dims.
 * @throws EspalierError `bad-input` for changes that do not fit it, `unsupported-graph` for an
 *   element type that cannot be written; reading the bytes throws `bad-input` for a value that
 *   float16 cannot hold
 */
export function changedFloat(weight: FloatWeight, changes: readonly WeightChange[]): Bytes {
  const { name, type, data } = weight;
  if (changes.length === 0) return data;
  if (type !== DataType.float && type !== DataType.float16) throw unknownType(weight);
  const values = changedValues(weight, changes);
  if (type === DataType.float16) return derive('float32-to-float16', [values], name);
  // Bytes in memory would be written into the graph file.
  return values instanceof Uint8Array ? derive('as-they-are', [values], name) : values;
}

/**
 * The matrix after all changes, rounded to the nearest as ONNX Runtime's quantiser does it:
 * asymmetric where the file has zero points, else symmetric; signed integers are symmetric.
 * @throws EspalierError as `changedFloat`, and for a form that cannot be quantised
 */
export function changedQuantised(
  weight: BlockwiseWeight | LinearWeight,
  changes: readonly WeightChange[],
): ChangedQuantised {
  const { data, scales, zeros } = weight;
  if (changes.length === 0) return { data, scales: scales.data, zeros: zeros?.data ?? null };
  return weight.kind === 'linear' ? linear(weight, changes) : blockwise(weight, changes);
}

function linear(weight: LinearWeight, changes: readonly WeightChange[]): ChangedQuantised {
  const { name, type, zeros } = weight;
  const integers = integerForm(type);
  if (!integers || (!integers.signed && !zeros))
    throw new EspalierError(
      'unsupported-graph',
      `The matrix ${name} is stored as ${integers ? 'unsigned integers without zero points' : `the ONNX element type ${type}`}, ` +
        'which cannot be quantised again.',
      'Keep the changed matrices in float.',
    );
  const parameters = linearParameters(weight);
  const all = derive('float32-to-linear', [changedValues(weight, changes)], name, parameters);
  return tensorsOf(all, linearParts(parameters), zeros !== null);
}

function blockwise(weight: BlockwiseWeight, changes: readonly WeightChange[]): ChangedQuantised {
  return quantisedAgain(weight, changedValues(weight, changes));
}

/**
 * Float32 values (outputs, inputs) in the form of a MatMulNBits.
 * @param weight its own bytes do not count
 * @throws EspalierError `unsupported-graph` for other than 4 and 8 bits
 */
export function quantisedAgain(weight: BlockwiseWeight, values: Bytes): ChangedQuantised {
  const { name, bits, zeros } = weight;
  if (bits !== 4 && bits !== 8)
    throw new EspalierError(
      'unsupported-graph',
      `The matrix ${name} has ${bits} bits; 4 and 8 can be written again.`,
      'Keep the changed matrices in float.',
    );
  const parameters = blockwiseParameters(weight);
  const all = derive('floats-to-blockwise', [values], name, parameters);
  return tensorsOf(all, quantisedParts(parameters), zeros !== null);
}

/** The tensors as ranges of one result. */
function tensorsOf(
  all: Bytes,
  { weights, scales, zeros }: ReturnType<typeof quantisedParts>,
  withZeros: boolean,
): ChangedQuantised {
  return {
    data: { ...all, ...weights },
    scales: { ...all, ...scales },
    zeros: withZeros ? { ...all, ...zeros } : null,
  };
}

/** Dims in which the values of a weight are read: (outputs, inputs) for a MatMulNBits. */
export function valueDims(weight: StoredWeight): readonly number[] {
  if (weight.kind === 'float') return weight.dims;
  return weight.kind === 'linear' ? [weight.rows, weight.columns] : [weight.outputs, weight.inputs];
}

/**
 * The values after all changes in float32, in `valueDims`. Computed in float32 between two changes.
 * @throws EspalierError as `changedFloat`
 */
export function changedValues(weight: StoredWeight, changes: readonly WeightChange[]): Bytes {
  // What a replacement replaces need not be computed.
  const last = changes.findLastIndex(({ kind }) => kind === 'replaced');
  const rest = changes.slice(Math.max(0, last));
  const values = rest.reduce<Bytes | null>((before, one) => changed(weight, before, one), null);
  return values ?? storedValues(weight);
}

function changed(weight: StoredWeight, before: Bytes | null, change: WeightChange): Bytes {
  const dims = valueDims(weight);
  const { name } = weight;
  if (change.kind === 'replaced') {
    if (change.values.length === elementCount(dims) * 4) return change.values;
    throw unfit(name, `${change.values.length / 4} values for its ${elementCount(dims)}`);
  }
  const order = weight.kind === 'blockwise' ? 'out-in' : weight.order;
  const [rows = 0, columns = 0] = dims;
  if (order === null || dims.length !== 2)
    throw unfit(name, 'a low-rank matrix is added to what is no matrix of a linear product');
  const [inputs, outputs] = order === 'in-out' ? [rows, columns] : [columns, rows];
  const { rank, scale, a, b } = change;
  const [from, to] = change.columns;
  const fits = 0 <= from && from < to && to <= outputs && rank > 0 && Number.isFinite(scale);
  if (!fits || a.length !== rank * inputs * 4 || b.length !== (to - from) * rank * 4)
    throw unfit(name, `a matrix of rank ${rank} for its columns ${from} to ${to}`);
  const values = before ?? storedValues(weight);
  return derive('low-rank-added', [values, a, b], name, {
    rows,
    columns,
    order,
    rank,
    scale,
    from,
    to,
  });
}

/** The stored values in float32. */
function storedValues(weight: StoredWeight): Bytes {
  const { name, data } = weight;
  if (weight.kind !== 'float') {
    const { scales, zeros } = weight;
    const sources = [data, scales.data, ...(zeros ? [zeros.data] : [])];
    return weight.kind === 'linear'
      ? derive('linear-to-float32', sources, name, linearParameters(weight))
      : derive('blockwise-to-floats', sources, name, blockwiseParameters(weight));
  }
  if (weight.type === DataType.float) return data;
  if (weight.type === DataType.float16) return derive('float16-to-float32', [data], name);
  throw unknownType(weight);
}

function unknownType({ name, type }: FloatWeight): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The weight ${name} has the ONNX element type ${type}; float32 and float16 can be changed.`,
    'Use a float32 or float16 export of the model.',
  );
}

function blockwiseParameters(weight: BlockwiseWeight): Derivation['parameters'] {
  const { outputs, inputs, block, bits, scales, zeros } = weight;
  return {
    rows: outputs,
    columns: inputs,
    block,
    bits,
    scales: scales.type,
    zeros: zeros?.type ?? DataType.undefined,
  };
}

function linearParameters(weight: LinearWeight): Derivation['parameters'] {
  const { rows, columns, blockRows, blockColumns, type, scales, zeros } = weight;
  const form = { rows, columns, blockRows, blockColumns, type };
  return { ...form, scales: scales.type, zeros: zeros !== null };
}

function unfit(name: string, what: string): EspalierError {
  return new EspalierError(
    'bad-input',
    `What the healing holds for the weight ${name} does not fit it: ${what}.`,
    'Heal the plan again with this model.',
  );
}
