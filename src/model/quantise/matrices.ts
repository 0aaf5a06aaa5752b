// The matrices of a model that could be stored in few bits: those of linear products, the table of
// the embedding and the head; and why each of the others stays as it is.

import { DataType, elementCount, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import { isOfEmbeddingGraph } from '../graphs/joined.ts';
import { productRoles } from '../healing/peft/products.ts';
import { remembered } from '../structure/remembered.ts';
import type { Structure } from '../structure/structure.ts';
import { type ComputedConstant, isStored, type StoredView, storedViews } from './stored.ts';

/** Of a product in a `block`, or in an `other` place; `embedding`: looked up by token ids. */
type MatrixKind = 'block' | 'other' | 'embedding' | 'head';

/** A matrix in one place of the model: what several blocks read is there once for each. */
export interface QuantisableMatrix {
  /** Name of the stored tensor. */
  tensor: string;
  kind: MatrixKind;
  /** Block that reads it; null outside of the blocks. */
  block: number | null;
  /**
   * What it is: "q", "qkv", "o", "gate", "up", "down", "embedding", "head"; else its name without
   * that of its place.
   */
  part: string;
  /** Columns of the product N, and what they are sums of, K. Of a table: its rows and its width. */
  outputs: number;
  inputs: number;
  /** The stored values row by row: (K, N), or (N, K). */
  order: 'in-out' | 'out-in';
  /** Element type and bytes as they are stored. */
  type: DataType;
  data: Tensor['data'];
  /** Its product and the table of the embedding are one stored tensor. */
  tied: boolean;
  /** Why it cannot be stored in few bits, or not in fewer, as a sentence; null where it can. */
  obstacle: string | null;
}

/** Fewer inputs than the smallest block would be stored as padding for the most part. */
const MIN_INPUTS = 16;

/** How an operator takes its matrices, by its input slots. */
interface Taken {
  slots: readonly number[];
  as: 'product' | 'table' | 'few-bits' | 'floats';
}

const taken = (as: Taken['as'], ...slots: number[]): Taken => ({ as, slots });

const OPERATORS: ReadonlyMap<string, Taken> = new Map(
  Object.entries({
    MatMul: taken('product', 0, 1),
    Gemm: taken('product', 0, 1),
    'com.microsoft.FusedMatMul': taken('product', 0, 1),
    Gather: taken('table', 0),
    'com.microsoft.MatMulNBits': taken('few-bits', 1),
    'com.microsoft.MatMulBnb4': taken('few-bits', 1),
    'com.microsoft.GatherBlockQuantized': taken('few-bits', 0),
    'com.microsoft.QMoE': taken('few-bits', 2, 5, 8),
    'com.microsoft.QAttention': taken('few-bits', 1),
    'com.microsoft.MatMulIntegerToFloat': taken('few-bits', 1),
    'com.microsoft.DynamicQuantizeMatMul': taken('few-bits', 1),
    'com.microsoft.QGemm': taken('few-bits', 3),
    MatMulInteger: taken('few-bits', 1),
    QLinearMatMul: taken('few-bits', 3),
    ConvInteger: taken('few-bits', 1),
    'com.microsoft.Attention': taken('floats', 1),
    'com.microsoft.MoE': taken('floats', 2, 4, 6),
    'com.microsoft.FusedGemm': taken('floats', 1),
    'com.microsoft.GemmFastGelu': taken('floats', 1),
    Einsum: taken('floats', 0, 1),
    Conv: taken('floats', 1),
    ConvTranspose: taken('floats', 1),
    'com.microsoft.FusedConv': taken('floats', 1),
    'com.microsoft.CausalConvWithState': taken('floats', 1),
    LSTM: taken('floats', 1, 2),
    GRU: taken('floats', 1, 2),
    RNN: taken('floats', 1, 2),
  } satisfies Record<string, Taken>),
);

/** A product or a table lookup that can be written with few bits, as its node has it. */
export interface FloatUse {
  view: StoredView;
  kind: 'product' | 'table';
  order: 'in-out' | 'out-in';
  outputs: number;
  inputs: number;
}

/**
 * The matrix that a node takes in a slot. @param typeOf element types of values
 * @returns why it cannot be written in few bits, in place of what is needed for it
 */
export function floatUse(
  node: Node,
  slot: number,
  view: StoredView,
  typeOf: (value: string) => DataType,
): FloatUse | { obstacle: string } {
  const how = OPERATORS.get(operatorName(node))?.as;
  const { tensor, dims, turned } = view;
  if (how === 'few-bits' || view.dequantised || INTEGERS.has(tensor.type))
    return { obstacle: 'It has few bits already.' };
  if (how !== 'product' && how !== 'table')
    return { obstacle: `${operatorName(node)} takes its weights as floats alone.` };
  if (tensor.data instanceof Uint8Array) return { obstacle: 'It has less than 1 KiB.' };
  if (tensor.type !== DataType.float && tensor.type !== DataType.float16)
    return {
      obstacle: `It is stored as the ONNX element type ${tensor.type}, not as float32 or float16.`,
    };
  if (dims.length !== 2 || elementCount(dims) !== elementCount(tensor.dims))
    return { obstacle: `It is no matrix: its dimensions are ${dims.join(' x ')}.` };
  if (how === 'product' && slot === 0) return { obstacle: 'It stands on the left of its product.' };
  if (
    how === 'product' &&
    (flag(node, 'transA') || flag(node, 'transBatchA') || flag(node, 'transBatchB'))
  )
    return { obstacle: `${operatorName(node)} turns its operands around here.` };
  const activations = typeOf(how === 'table' ? (node.outputs[0] ?? '') : (node.inputs[0] ?? ''));
  if (activations !== DataType.float && activations !== DataType.float16)
    return { obstacle: 'What it is multiplied with is not float32 or float16.' };
  const [rows = 0, columns = 0] = dims;
  if (how === 'table') {
    const axis = intAttribute(node, 'axis') ?? 0;
    if (axis !== 0 && axis !== -2) return { obstacle: 'Its columns are looked up, not its rows.' };
    const order = turned ? 'in-out' : 'out-in';
    const [inputs, outputs] = turned ? [rows, columns] : [columns, rows];
    if (inputs % MIN_INPUTS === 0) return { view, kind: 'table', order, outputs, inputs };
    return {
      obstacle:
        `Its rows have ${inputs} values, which is no multiple of ${MIN_INPUTS}, the smallest ` +
        'block.',
    };
  }
  const flips = node.op !== 'MatMul' && flag(node, 'transB');
  const order = flips === turned ? 'in-out' : 'out-in';
  const [inputs, outputs] = order === 'in-out' ? [rows, columns] : [columns, rows];
  if (inputs < MIN_INPUTS)
    return { obstacle: `It has ${inputs} inputs, fewer than the smallest block of ${MIN_INPUTS}.` };
  return { view, kind: 'product', order, outputs, inputs };
}

const INTEGERS: ReadonlySet<number> = new Set([
  DataType.uint4,
  DataType.int4,
  DataType.uint8,
  DataType.int8,
]);

/** Input slots in which a node takes matrices. */
export function matrixSlots(node: Node): readonly number[] {
  return OPERATORS.get(operatorName(node))?.slots ?? [];
}

const flag = (node: Node, name: string): boolean => (intAttribute(node, name) ?? 0) !== 0;

/**
 * Every matrix that multiplies activations or that token ids are looked up in, in the order of the
 * graph; reads no weights. Positions, rotary tables, norms and biases are none.
 */
export const quantisableMatrices: (structure: Structure) => readonly QuantisableMatrix[] =
  remembered(find);

function find(structure: Structure): QuantisableMatrix[] {
  const { graph, region, content, constants, blocks } = structure;
  const views = storedViews(graph);
  const roles = productRoles(structure);
  const found = new Map<string, QuantisableMatrix>();
  let head: QuantisableMatrix | null = null;
  for (const [position, node] of graph.nodes.entries()) {
    if (!node.outputs.some((value) => content.has(value))) continue;
    const place = region[position] ?? 0;
    for (const slot of matrixSlots(node)) {
      const value = node.inputs[slot] ?? '';
      const view = constants.has(value) ? views.of(value) : null;
      const matrix = view && matrixOf(node, slot, view, place);
      if (!matrix) continue;
      const key = `${matrix.kind === 'embedding'} ${matrix.block} ${matrix.tensor}`;
      const known = found.get(key) ?? matrix;
      found.set(key, known);
      known.obstacle ??= disagreement(known, matrix);
      if (place > blocks.length) head = known;
    }
  }
  // What comes before the last product of the head is a projection to its width.
  if (head) Object.assign(head, { kind: 'head', part: 'head' });
  const all = [...found.values()];
  const tables = new Set(all.flatMap(({ kind, tensor }) => (kind === 'embedding' ? tensor : [])));
  const products = new Set(all.flatMap(({ kind, tensor }) => (kind === 'embedding' ? [] : tensor)));
  for (const matrix of all) matrix.tied = tables.has(matrix.tensor) && products.has(matrix.tensor);
  return all;

  function matrixOf(
    node: Node,
    slot: number,
    view: StoredView | ComputedConstant,
    place: number,
  ): QuantisableMatrix | null {
    const tensor = isStored(view) ? view.tensor : view.largest;
    if (!tensor || elementCount(tensor.dims) < 2) return null;
    const use: FloatUse | { obstacle: string } = isStored(view)
      ? floatUse(node, slot, view, structure.typeOf)
      : { obstacle: 'The graph computes it from other constants.' };
    const [rows = 1, columns = 1] = tensor.dims.slice(-2);
    const isTable = LOOKUPS.has(node.op) && place === 0;
    const block = !isTable && place >= 1 && place <= blocks.length ? place - 1 : null;
    const product = block === null ? 'other' : 'block';
    const role = isTable ? 'embedding' : roles.get(block)?.get(tensor.name);
    return {
      tensor: tensor.name,
      kind: isTable ? 'embedding' : product,
      block,
      part: role ?? shortName(tensor.name),
      ...('view' in use
        ? { outputs: use.outputs, inputs: use.inputs, order: use.order }
        : { outputs: columns, inputs: rows, order: 'in-out' }),
      type: tensor.type,
      data: tensor.data,
      tied: false,
      obstacle: obstacleOf(tensor, use, LOOKUPS.has(node.op) && !isTable),
    };
  }
}

const LOOKUPS: ReadonlySet<string> = new Set(['Gather', 'GatherBlockQuantized']);

function obstacleOf(
  { name }: Tensor,
  use: FloatUse | { obstacle: string },
  chosen: boolean,
): string | null {
  if ('obstacle' in use) return use.obstacle;
  if (chosen) return 'Its rows are looked up by what the model computes, not by token ids.';
  return isOfEmbeddingGraph(name)
    ? 'It lies in the graph of the embedding, which is written as it is.'
    : null;
}

function disagreement(a: QuantisableMatrix, b: QuantisableMatrix): string | null {
  if (b.obstacle !== null) return b.obstacle;
  return a.order === b.order && a.inputs === b.inputs && a.outputs === b.outputs
    ? null
    : 'Several products read it, in different forms.';
}

/** "model.layers.3.mlp.router.weight" as "router". */
function shortName(name: string): string {
  const parts = name
    .split(/[./:]+/)
    .filter(
      (part) => part !== '' && !/^(q?weight(_Q\d|_quant\w*)?|MatMul|Gemm|kernel|w)$/i.test(part),
    );
  return parts.at(-1) ?? name;
}
