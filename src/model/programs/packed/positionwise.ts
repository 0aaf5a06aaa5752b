// Operators that treat every position alike, so that they may run on any set of positions, and how
// positions lie in what they give.

import { subgraphs } from '../../../onnx/captures.ts';
import { intAttribute, type Node } from '../../../onnx/graph.ts';
import { constantInts, type Subgraph } from '../subgraph.ts';
import type { Layout } from './gathers.ts';

/** Element by element, or along the last axis alone. */
const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Where', 'PRelu', 'Mod'],
  ...['Sqrt', 'Reciprocal', 'Neg', 'Abs', 'Exp', 'Log', 'Erf', 'Sign', 'Floor', 'Ceil', 'Round'],
  ...['Tanh', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Celu'],
  ...['Gelu', 'Softplus', 'Softsign', 'Mish', 'Swish', 'ThresholdedRelu', 'Clip'],
  ...['Cast', 'CastLike', 'Identity', 'Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'],
  ...['Not', 'And', 'Or', 'IsNaN', 'FastGelu', 'QuickGelu', 'BiasGelu'],
]);

/** Two values of the residual stream, one of which may have gone through ordinary rows. */
const JOINS: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div'],
  ...['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization'],
]);

const SKIP_NORMS: ReadonlySet<string> = new Set([
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
]);

/** Over the axes from `axis` on. */
const NORMS: ReadonlySet<string> = new Set([
  ...['LayerNormalization', 'SimplifiedLayerNormalization', 'RMSNormalization'],
]);

/** Along one axis, `axis`, with this one by default. */
const ALONG_AXIS: Readonly<Record<string, number>> = {
  Softmax: -1,
  LogSoftmax: -1,
  LpNormalization: -1,
  TopK: -1,
  Concat: 0,
  Split: 0,
  ArgMax: 0,
};

const REDUCES = /^Reduce(Mean|Sum|SumSquare|Max|Min|L1|L2|LogSumExp|Prod)$/;

const EXPERTS: ReadonlySet<string> = new Set(['MoE', 'QMoE']);

/** Its first operand lies along one axis of positions or two, the others along one. */
export const isExperts = ({ op, domain }: Node): boolean =>
  EXPERTS.has(op) && domain === 'com.microsoft';

/** What a value of the graph is to the analysis. */
export interface Known {
  /** Computed from weights alone. */
  isConstant(value: string): boolean;
  /** Positions along which a value lies; null for values that lie in other ways. */
  layoutOf(value: string): Layout | null;
  /** Elements of a position, or null where nothing says it. */
  widthOf(value: string): number | null;
  graph: Subgraph;
}

/**
 * How positions lie in the outputs of a node whose operands are constants or lie along positions;
 * null when the node may mix positions or move them.
 */
export function outputLayout(node: Node, known: Known): Layout | null {
  if (node.op === 'Reshape') {
    const from = known.layoutOf(node.inputs[0] ?? '');
    return from && reshaped(node, from, known);
  }
  const operands = node.inputs.filter((value) => value !== '' && !known.isConstant(value));
  const layouts = operands.map((value) => known.layoutOf(value));
  const [layout] = layouts;
  if (layout === undefined || layout === null || subgraphs(node).length > 0) return null;
  if (isExperts(node))
    return layouts.includes(null) || known.isConstant(node.inputs[0] ?? '') ? null : layout;
  if (layouts.some((other) => other !== layout)) return null;
  return keepsPositions(node, operands, layout, known) ? layout : null;
}

/** Whether a node may take an operand from ordinary rows where the other lies along positions. */
export const joinsRows = (node: Node): boolean => JOINS.has(node.op);

function keepsPositions(
  node: Node,
  operands: readonly string[],
  layout: Layout,
  known: Known,
): boolean {
  const first = operands[0] === node.inputs[0];
  const rank = layout === 'grid' ? 3 : 2;
  const isLast = (axis: number | undefined): boolean => axis === -1 || axis === rank - 1;
  if (node.domain === 'com.microsoft' && node.op === 'MatMulNBits')
    return first && operands.length === 1;
  if (ELEMENTWISE.has(node.op)) return true;
  if (SKIP_NORMS.has(node.op))
    return operands.length === 2 && first && operands[1] === node.inputs[1];
  if (NORMS.has(node.op))
    return first && operands.length === 1 && isLast(intAttribute(node, 'axis') ?? -1);
  if (node.op === 'MatMul') return first && operands.length === 1;
  if (node.op === 'Gemm')
    return layout === 'flat' && first && operands.length === 1 && !intAttribute(node, 'transA');
  const along = ALONG_AXIS[node.op];
  if (along !== undefined) {
    if (intAttribute(node, 'keepdims') === 0) return false;
    return operands.length === dataOperands(node) && isLast(intAttribute(node, 'axis') ?? along);
  }
  if (REDUCES.test(node.op)) {
    const axes = listOf(node, 'axes', 1, known.graph);
    return (
      first && axes?.length === 1 && isLast(axes[0]) && (intAttribute(node, 'keepdims') ?? 1) !== 0
    );
  }
  if (node.op === 'Slice') {
    const axes = listOf(node, 'axes', 3, known.graph);
    return first && operands.length === 1 && axes?.length === 1 && isLast(axes[0]);
  }
  return false;
}

/** Values with positions that a node along one axis reads: all of a Concat, else the first. */
function dataOperands({ op, inputs }: Node): number {
  return op === 'Concat' ? inputs.length : 1;
}

function listOf(node: Node, name: string, slot: number, graph: Subgraph): number[] | null {
  const attribute = node.attributes.get(name);
  if (attribute?.kind === 'ints') return [...attribute.value];
  return constantInts(graph, node.inputs[slot] ?? '');
}

/**
 * (rows, tokens, W) to (rows x tokens, W), or back, by a shape that ends in the width; null for
 * other shapes.
 */
function reshaped(node: Node, layout: Layout, known: Known): Layout | null {
  const [x = '', target = ''] = node.inputs;
  const { axes, first, last } = shapeOf(target, known);
  const width = known.widthOf(x);
  if (layout === 'grid')
    return axes === 2 && first === -1 && last !== null && (width ?? last) === last ? 'flat' : null;
  return axes === 3 && width !== null && last === width ? 'grid' : null;
}

/** How many axes a shape has, with the first and the last, where constants and widths say so. */
interface KnownShape {
  axes: number;
  first: number | null;
  last: number | null;
}

export function shapeOf(shape: string, known: Known): KnownShape {
  const dims = constantInts(known.graph, shape);
  if (dims) return { axes: dims.length, first: dims[0] ?? null, last: dims.at(-1) ?? null };
  const concat = producerOf(shape, known);
  const [front = '', ...rest] = concat?.op === 'Concat' ? concat.inputs : [];
  const last = sizeOf(rest.at(-1) ?? '', known);
  // Shape(x)[0:-1] and a width, with x (rows, tokens, .).
  const lead = producerOf(front, known);
  if (rest.length === 1 && lead?.op === 'Slice' && last !== null) {
    const isLead =
      producerOf(lead.inputs[0] ?? '', known)?.op === 'Shape' && !isLastOnly(lead, known);
    return { axes: isLead ? 3 : 0, first: null, last };
  }
  const first = constantInts(known.graph, front)?.[0] ?? null;
  return { axes: rest.length + 1, first, last };
}

/** A Slice of a single size, from the last axis. */
const isLastOnly = (slice: Node, { graph }: Known): boolean =>
  (constantInts(graph, slice.inputs[1] ?? '')?.[0] ?? 0) !== 0;

/** One size in a list: a constant, or the width that is taken from a value's own shape. */
function sizeOf(value: string, known: Known): number | null {
  const constant = constantInts(known.graph, value);
  if (constant) return constant.length === 1 ? constant[0]! : null;
  const node = producerOf(value, known);
  if (node?.op === 'Unsqueeze' || node?.op === 'Squeeze')
    return sizeOf(node.inputs[0] ?? '', known);
  if (node?.op !== 'Gather' && node?.op !== 'Slice') return null;
  const at = constantInts(known.graph, node.inputs[1] ?? '')?.[0];
  const shape = producerOf(node.inputs[0] ?? '', known);
  if (shape?.op !== 'Shape' || shape.attributes.size > 0 || (at !== 2 && at !== -1)) return null;
  const [of = ''] = shape.inputs;
  return known.layoutOf(of) === 'grid' ? known.widthOf(of) : null;
}

const producerOf = (value: string, { graph }: Known): Node | undefined =>
  graph.nodes.find(({ outputs }) => outputs[0] === value);
