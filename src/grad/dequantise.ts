// Quantised matrices as values that a gradient can be taken of: the floats that are multiplied
// with, never the stored integers.

import type { WeightRef } from '../model/programs/program.ts';
import { derive } from '../onnx/bytes.ts';
import type { Node } from '../onnx/graph.ts';
import { DataType, elementCount, intAttribute } from '../onnx/graph.ts';
import type { Builder } from './build/builder.ts';
import { operatorName, unknownForm } from './rules/rule.ts';

/** The weight of one place in the model, from those that are bound there; null without them. */
export type WeightRecipe = (weights: ReadonlyMap<string, WeightRef>) => WeightRef | null;

interface Weights {
  /** Inputs whose gradients are asked for. */
  asked: ReadonlySet<string>;
  /** Inputs that the program gains; grows. */
  recipes: Map<string, WeightRecipe>;
  /** Stored matrix to the value that holds its floats; grows. */
  floats: Map<string, string>;
}

/**
 * MatMulNBits as a product with its matrix in float32, which becomes an input of its own; null for
 * any other node, which stays. Of DequantizeLinear the output is noted as the floats of its input.
 */
export function dequantised(b: Builder, node: Node, to: Weights): string | null {
  const operator = operatorName(node);
  if (operator === 'DequantizeLinear' && to.asked.has(node.inputs[0] ?? ''))
    to.floats.set(node.inputs[0] ?? '', node.outputs[0] ?? '');
  return operator === 'com.microsoft.MatMulNBits' ? blockProduct(b, node, to) : null;
}

/** y = x transpose(W) + bias, W (N, K) */
function blockProduct(b: Builder, node: Node, to: Weights): string {
  const [x = '', stored = '', , , order = '', bias = ''] = node.inputs;
  if (order !== '') throw unknownForm(node, 'with columns reordered into groups (g_idx)');
  const matrix = to.floats.get(stored) ?? floatMatrix(b, node, to);
  to.floats.set(stored, matrix);
  const dims = b.dims(x);
  const [n, k] = [b.dims(matrix)[0] as number, b.dims(matrix)[1] as number];
  const rows = b.reshape(x, [elementCount(dims.slice(0, -1)), k]);
  const y = b.reshape(b.gemm(rows, matrix, { transB: true }), [...dims.slice(0, -1), n]);
  return bias === '' ? y : b.add(y, bias);
}

/** The matrix as an input whose bytes are computed while they are read. */
function floatMatrix(b: Builder, node: Node, { recipes }: Weights): string {
  const [, stored = '', scales = '', zeros = ''] = node.inputs;
  const size = (name: string): number => intAttribute(node, name) ?? 0;
  const dims = [size('N'), size('K')];
  const parameters = {
    rows: size('N'),
    columns: size('K'),
    block: size('block_size'),
    bits: intAttribute(node, 'bits') ?? 4,
    scales: b.type(scales),
    zeros: zeros === '' ? 0 : b.type(zeros),
  };
  const name = b.declare(b.fresh('floats'), { type: DataType.float, dims });
  recipes.set(name, (weights) => {
    const sources = [stored, scales, ...(zeros === '' ? [] : [zeros])].map((x) => weights.get(x));
    const [matrix] = sources;
    const bytes = sources.flatMap((source) => (source ? [source.data] : []));
    if (!matrix || bytes.length < sources.length) return null;
    const data = derive('blockwise-to-float32', bytes, matrix.name, parameters);
    return { name: matrix.name, type: 'float32', dims, byteLength: data.length, data };
  });
  return name;
}
