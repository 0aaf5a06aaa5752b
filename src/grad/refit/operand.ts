// The matrix operand of a product: which stored weight it comes from, and in which order.

import type { WeightRef } from '../../model/programs/program.ts';
import { derive } from '../../onnx/bytes.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import type { Bytes } from '../../onnx/source.ts';
import { intsAttribute } from '../build/attributes.ts';

export interface Operand {
  /** Input of the program: the stored matrix. */
  weight: string;
  /** Inputs (K) and outputs (N) of the product. */
  size: readonly [inputs: number, outputs: number];
  /** The value that the product reads, and its order: (N, K) where true. */
  value: string;
  byOutput: boolean;
  /** The order of the stored values, those of a MatMulNBits (N, K). */
  storedByOutput: boolean;
  /**
   * The stored values as float32: as they are, dequantised while they are read, or computed by the
   * graph, which gives them in the order of `value`.
   */
  floats: Bytes | 'computed';
}

/** The matrix of a product; null where it is no stored one. */
export function operandOf(
  node: Node,
  graph: Graph,
  weights: ReadonlyMap<string, WeightRef>,
): Operand | null {
  if (operatorName(node) === 'com.microsoft.MatMulNBits') return blockwise(node, graph, weights);
  const [, value = ''] = node.inputs;
  const byOutput = Boolean(intAttribute(node, 'transB'));
  let name = value;
  let swapped = false;
  let computed = false;
  for (;;) {
    const ref = weights.get(name);
    if (ref) {
      const [rows = 0, columns = 0, ...more] = ref.dims;
      const isMatrix = more.length === 0 && rows > 0 && columns > 0;
      const isFloat = ref.type === 'float32';
      if (!isMatrix || !(isFloat || computed)) return null;
      const storedByOutput = byOutput !== swapped;
      return {
        weight: name,
        size: storedByOutput ? [columns, rows] : [rows, columns],
        value,
        byOutput,
        storedByOutput,
        floats: isFloat && !computed ? ref.data : 'computed',
      };
    }
    const maker = graph.nodes.find(({ outputs }) => outputs.includes(name));
    if (maker?.op === 'Transpose') {
      const order = intsAttribute(maker, 'perm') ?? [1, 0];
      if (order.length !== 2) return null;
      if (order[0] === 1) swapped = !swapped;
    } else if (maker?.op === 'DequantizeLinear' || maker?.op === 'Cast') computed = true;
    else if (maker?.op !== 'Identity') return null;
    name = maker.inputs[0] ?? '';
  }
}

function blockwise(
  node: Node,
  graph: Graph,
  weights: ReadonlyMap<string, WeightRef>,
): Operand | null {
  const [, weight = '', scales = '', zeros = ''] = node.inputs;
  const size = (name: string): number => intAttribute(node, name) ?? 0;
  const [n, k, block] = [size('N'), size('K'), size('block_size')];
  const stored = [weight, scales, ...(zeros === '' ? [] : [zeros])].map((name) => {
    const ref = weights.get(name);
    if (ref) return { type: TYPES[ref.type], data: ref.data };
    return graph.initializers.get(name);
  });
  if (!weights.has(weight) || stored.includes(undefined)) return null;
  const parameters = {
    rows: n,
    columns: k,
    block,
    bits: intAttribute(node, 'bits') ?? 4,
    scales: stored[1]?.type ?? 0,
    zeros: stored[2]?.type ?? 0,
  };
  const bytes = stored.flatMap((tensor) => (tensor ? [tensor.data] : []));
  const label = weights.get(weight)?.name ?? weight;
  return {
    weight,
    size: [k, n],
    value: weight,
    byOutput: true,
    storedByOutput: true,
    floats: derive('blockwise-to-floats', bytes, label, parameters),
  };
}

const TYPES: Readonly<Partial<Record<WeightRef['type'], DataType>>> = {
  float32: DataType.float,
  float16: DataType.float16,
  uint8: DataType.uint8,
};
