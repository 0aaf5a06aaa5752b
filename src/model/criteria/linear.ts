// Finds the linear matrices and norm vectors of each block among the stored tensors, by data flow.

import { keyOf } from '../../onnx/bytes.ts';
import { DataType, elementCount, type Node, type Tensor } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import {
  axisQuantised,
  blockedNBits,
  expertQuantised,
  linearQuantised,
  type Quantised,
  refuse,
  SMALL_INTEGERS,
} from './linearQuantised.ts';

/** A stored tensor whose values count towards the magnitude, and the blocks that use it. */
export interface CountedTensor {
  kind: 'linear' | 'norm';
  tensor: Tensor;
  /** How stored integers become values; null for floats. */
  quantised: Quantised | null;
  /** Ordinals of blocks. A tensor that several blocks share counts once in each. */
  blocks: Set<number>;
}

/**
 * Positions of inputs that may be matrices of floats (possibly from DequantizeLinear), by operator.
 * Inputs that turn out to be activations are skipped.
 */
const FLOAT_SLOTS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    MatMul: [0, 1],
    FusedMatMul: [0, 1],
    Gemm: [0, 1],
    Einsum: [0, 1],
    Attention: [1],
    MoE: [2, 4, 6],
    Conv: [1],
    CausalConvWithState: [1],
  }),
);

/** Input positions of matrix, scale and zero point of operators that compute on integers. */
const INTEGER_SLOTS: ReadonlyMap<string, readonly [number, number, number]> = new Map(
  Object.entries({
    MatMulIntegerToFloat: [1, 3, 5],
    DynamicQuantizeMatMul: [1, 2, 3],
    QLinearMatMul: [3, 4, 5],
    QGemm: [3, 4, 5],
    QAttention: [1, 4, 7],
  }),
);

/** Input positions of the scale vectors of norms; their biases do not count. */
const NORM_SLOTS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    LayerNormalization: [1],
    SimplifiedLayerNormalization: [1],
    RMSNormalization: [1],
    GroupQueryAttention: [14, 15],
  }),
);

/** Operators that rearrange values or change their type, which leaves the sums as they are. */
const SAME_VALUES: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Identity',
  'Cast',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/**
 * Every matrix that multiplies activations within a block: dense, fused or packed projections,
 * routers, experts and stacks of experts, and kernels of convolutions (some exports write
 * projections as convolutions, and hybrid models have a short one in place of attention). Biases,
 * rotary tables and embeddings do not count. Norm vectors have a kind of their own.
 * @throws EspalierError `unsupported-op` for an unknown quantisation, and for weights computed in
 *   the graph in an unknown way.
 */
export function countedTensors(structure: Structure): CountedTensor[] {
  return tensorsOf(structure, (place) => place >= 0 && place < structure.blocks.length);
}

/** The same of what follows the last block: its `blocks` hold the number of all blocks. */
export function headTensors(structure: Structure): CountedTensor[] {
  return tensorsOf(structure, (place) => place === structure.blocks.length);
}

function tensorsOf(structure: Structure, wanted: (place: number) => boolean): CountedTensor[] {
  const { graph, region, content, constants } = structure;
  const found = new Map<string, CountedTensor>();
  for (const [position, node] of graph.nodes.entries()) {
    const block = region[position]! - 1;
    if (!wanted(block) || !node.inputs.some((x) => content.has(x))) continue;
    for (const item of operands(node)) {
      const scales = item.quantised ? keyOf(item.quantised.scales.data) : '';
      const key = `${item.kind}\n${keyOf(item.tensor.data)}\n${scales}`;
      const known = found.get(key) ?? { ...item, blocks: new Set<number>() };
      known.blocks.add(block);
      found.set(key, known);
    }
  }
  return [...found.values()];

  function operands(node: Node): Omit<CountedTensor, 'blocks'>[] {
    if (node.op === 'MatMulNBits')
      return [
        quantised(node, 1, (tensor) => blockedNBits(node, tensor, (slot) => stored(node, slot))),
      ];
    if (node.op === 'QMoE') {
      return [2, 5, 8]
        .filter((slot) => node.inputs[slot])
        .map((slot) =>
          quantised(node, slot, (tensor) =>
            expertQuantised(node, tensor, slot, (s) => stored(node, s)),
          ),
        );
    }
    if (node.op === 'MatMulInteger') {
      if (!constants.has(node.inputs[1] ?? '')) return [];
      return [
        quantised(node, 1, (tensor) =>
          linearQuantised(node, tensor, productScale(node), stored(node, 3)),
        ),
      ];
    }
    const integer = INTEGER_SLOTS.get(node.op);
    if (integer) {
      const [slot, scale, zero] = integer;
      if (!constants.has(node.inputs[slot] ?? '')) return [];
      return [
        quantised(node, slot, (tensor) =>
          linearQuantised(node, tensor, stored(node, scale), stored(node, zero)),
        ),
      ];
    }
    const float = FLOAT_SLOTS.get(node.op);
    if (float) {
      const matrices = float
        .filter((slot) => constants.has(node.inputs[slot] ?? ''))
        .flatMap((slot) => follow(node.inputs[slot]!, node));
      return matrices
        .filter(({ tensor }) => tensor.dims.length > 1)
        .map((item) => ({ kind: 'linear', ...item }));
    }
    const norm = isNormProduct(node) ? [0, 1] : (NORM_SLOTS.get(node.op) ?? []);
    if (norm.length > 0) {
      const vectors = norm
        .filter((slot) => constants.has(node.inputs[slot] ?? ''))
        .flatMap((slot) => follow(node.inputs[slot]!, node));
      return vectors
        .filter(({ tensor }) => elementCount(tensor.dims) > 1)
        .map((item) => ({ kind: 'norm', ...item }));
    }
    const unknown = node.inputs.find(
      (x) =>
        SMALL_INTEGERS.has(graph.initializers.get(x)?.type ?? 0) &&
        graph.initializers.get(x)!.dims.length > 1,
    );
    if (unknown) throw refuse(node, unknown, `the operator ${node.op} is not known`);
    return [];
  }

  function quantised(
    node: Node,
    slot: number,
    how: (tensor: Tensor) => Quantised,
  ): Omit<CountedTensor, 'blocks'> {
    const tensor = stored(node, slot);
    if (!tensor) throw refuse(node, node.inputs[slot] ?? '', 'it is computed while the graph runs');
    return { kind: 'linear', tensor, quantised: how(tensor) };
  }

  /** The stored tensors that a constant consists of, in any arrangement. */
  function follow(value: string, reader: Node): { tensor: Tensor; quantised: Quantised | null }[] {
    const tensor = plain(value);
    if (tensor) {
      if (!isFloat(tensor.type)) throw refuse(reader, value, `its element type is ${tensor.type}`);
      return [{ tensor, quantised: null }];
    }
    const node = producerOf(value);
    if (node && SAME_VALUES.has(node.op)) return follow(node.inputs[0]!, reader);
    if (node?.op === 'Concat') return node.inputs.flatMap((x) => follow(x, reader));
    if (node?.op === 'DequantizeLinear') {
      const source = stored(node, 0);
      const scales = stored(node, 1);
      if (source && scales)
        return [
          { tensor: source, quantised: axisQuantised(node, source, scales, stored(node, 2)) },
        ];
    }
    throw refuse(reader, value, `it comes out of ${node?.op ?? 'nothing'}`);
  }

  function stored(node: Node, slot: number): Tensor | null {
    return plain(node.inputs[slot] ?? '');
  }

  /** The tensor of an initializer or a Constant node, possibly passed through Identity. */
  function plain(value: string): Tensor | null {
    const tensor = graph.initializers.get(value);
    if (tensor) return tensor;
    const node = producerOf(value);
    if (node?.op === 'Identity') return plain(node.inputs[0] ?? '');
    const constant = node?.op === 'Constant' ? node.attributes.get('value') : undefined;
    return constant?.kind === 'tensor' ? constant.value : null;
  }

  function producerOf(value: string): Node | undefined {
    return graph.nodes[structure.producer.get(value) ?? -1];
  }

  /**
   * Scale of the matrix of a MatMulInteger, whose result is cast and multiplied by (scale of the
   * activations x scale of the matrix).
   */
  function productScale(node: Node): Tensor | null {
    let value = node.outputs[0];
    for (let step = 0; step < 4 && value !== undefined; step++) {
      const reader = graph.nodes.find((n) => n.inputs.includes(value as string));
      if (reader?.op === 'Mul') {
        const other = reader.inputs.find((x) => x !== value) ?? '';
        const inner = producerOf(other);
        const scale =
          plain(other) ??
          (inner?.op === 'Mul' ? (plain(inner.inputs[0]!) ?? plain(inner.inputs[1]!)) : null);
        if (scale) return scale;
      }
      value =
        reader && (reader.op === 'Cast' || reader.op === 'Mul') ? reader.outputs[0] : undefined;
    }
    return null;
  }

  /** True for the last product of a norm written out in operators: x / sqrt(mean(x^2)) x vector. */
  function isNormProduct(node: Node): boolean {
    if (node.op !== 'Mul') return false;
    const vector = node.inputs.findIndex((x) => constants.has(x));
    if (vector < 0) return false;
    let before = producerOf(node.inputs[1 - vector] ?? '');
    while (before?.op === 'Cast') before = producerOf(before.inputs[0] ?? '');
    return (
      (before?.op === 'Mul' || before?.op === 'Div') &&
      before.inputs.some((x) => isRoot(producerOf(x)))
    );
  }

  function isRoot(node: Node | undefined): boolean {
    if (node?.op === 'Reciprocal' || node?.op === 'Div' || node?.op === 'Cast') {
      return node.inputs.some((x) => !constants.has(x) && isRoot(producerOf(x)));
    }
    return node?.op === 'Sqrt' || node?.op === 'Rsqrt';
  }
}

function isFloat(type: number): boolean {
  return (
    type === DataType.float ||
    type === DataType.float16 ||
    type === DataType.bfloat16 ||
    type === DataType.double
  );
}
