// Appends the negative log-likelihood of the next token to a head, computed on the device in
// float32.

import type { Node } from '../../onnx/graph.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';
import { addInts, makeNode } from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';
import { constantInts, copyNode, trimSubgraph } from './subgraph.ts';

/** The opset in which `axes` became an input of an operator (ONNX operator changelog). */
const AXES_INPUT_SINCE: Readonly<Record<string, number>> = {
  ReduceMax: 18,
  ReduceSum: 13,
  Squeeze: 13,
  Unsqueeze: 13,
};

/**
 * Operators that treat every position alike. Any other may mix positions, so no position may be
 * dropped before it.
 */
const POSITIONWISE = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Sqrt', 'Reciprocal', 'Neg', 'Tanh', 'Clip', 'Min', 'Max'],
  ...['Cast', 'CastLike', 'Identity', 'Where', 'MatMulNBits'],
  ...['LayerNormalization', 'SimplifiedLayerNormalization', 'RMSNormalization'],
]);

/** Names of the values that `appendTokenNll` adds to a subgraph; V = size of the vocabulary. */
export interface NllValues {
  /** (B, S - 1, V) float32 logits minus their maximum. */
  shifted: string;
  /** (B, S - 1, V) exp(shifted); its sum over V and the logarithm of that sum, (B, S - 1, 1). */
  exp: string;
  sum: string;
  logSum: string;
  /** (B, S - 1) negative log-likelihood of the targets. */
  nll: string;
}

/**
 * Turns a head, residual (B, S, C) -> logits (B, S, V), into
 * (residual, targets (B, S - 1)) -> nll (B, S - 1).
 * @param residual the value of the residual stream that the head reads.
 * @param opset version of the ai.onnx operator set.
 * @returns true when the head treats every position alike, so that any range of positions may be
 *   run on its own.
 */
export function appendNll(subgraph: Subgraph, residual: string, opset: number): boolean {
  const positionwise = dropLastPosition(subgraph, residual);
  subgraph.outputs = [
    appendTokenNll(new Appender(subgraph, opset, 'espalier/nll'), subgraph.outputs[0] as string)
      .nll,
  ];
  subgraph.inputs.push(TARGETS);
  return positionwise;
}

/**
 * Drops the last position, which predicts nothing: before the head where that changes no other
 * position, else after it.
 * @returns true when it was dropped before the head, which then treats every position alike.
 */
export function dropLastPosition(subgraph: Subgraph, residual: string): boolean {
  if (sliceResidual(subgraph, residual)) return true;
  const rows = 'espalier/rows/logits';
  subgraph.nodes.push(
    makeNode('Slice', [subgraph.outputs[0] as string, ...sliceOperands(subgraph)], [rows]),
  );
  subgraph.outputs = [rows];
  return false;
}

type Attributes = Readonly<Record<string, number | readonly number[] | { float: number }>>;

/** Appends nodes to a subgraph, naming their outputs under one prefix. */
export class Appender {
  private readonly subgraph: Subgraph;
  private readonly opset: number;
  private readonly prefix: string;
  private readonly last: string;

  constructor(subgraph: Subgraph, opset: number, prefix: string) {
    this.subgraph = subgraph;
    this.opset = opset;
    this.prefix = prefix;
    this.last = addInts(subgraph, 'espalier/last', [-1]);
  }

  /** Appends one node and returns its output, `<prefix>/<suffix>`. */
  put(op: string, inputs: string[], suffix: string, attributes: Attributes = {}): string {
    const name = `${this.prefix}/${suffix}`;
    this.subgraph.nodes.push(makeNode(op, inputs, [name], attributes));
    return name;
  }

  /** Appends an operator that works along the last axis. */
  overLast(
    op: string,
    x: string,
    suffix: string,
    attributes: Readonly<Record<string, number>> = {},
  ): string {
    return this.opset >= (AXES_INPUT_SINCE[op] ?? 0)
      ? this.put(op, [x, this.last], suffix, attributes)
      : this.put(op, [x], suffix, { ...attributes, axes: [-1] });
  }
}

/**
 * nll = log(sum(exp(z))) - z[target] with z = logits - max(logits), in float32. Written out,
 * because ReduceLogSumExp overflows in the WebGPU execution provider and LogSoftmax has no kernel
 * there.
 * @param logits (B, S - 1, V), of every position but the last.
 */
export function appendTokenNll(at: Appender, logits: string): NllValues {
  const logits32 = at.put('Cast', [logits], 'logits32', { to: DataType.float });
  const top = at.overLast('ReduceMax', logits32, 'top', { keepdims: 1 });
  const shifted = at.put('Sub', [logits32, top], 'shifted');
  const exp = at.put('Exp', [shifted], 'exp');
  const sum = at.overLast('ReduceSum', exp, 'sum', { keepdims: 1 });
  const logSum = at.put('Log', [sum], 'log_sum');
  const index = at.overLast('Unsqueeze', TARGETS, 'index');
  const picked = at.put('GatherElements', [shifted, index], 'picked', { axis: -1 });
  const column = at.put('Sub', [logSum, picked], 'column');
  return { shifted, exp, sum, logSum, nll: at.overLast('Squeeze', column, 'out') };
}

/** Name of the input that holds the token ids to predict, (B, S - 1). */
export const TARGETS = 'espalier/targets';

function sliceOperands(subgraph: Subgraph): string[] {
  return [
    addInts(subgraph, 'espalier/rows/from', [0]),
    addInts(subgraph, 'espalier/rows/to', [-1]),
    addInts(subgraph, 'espalier/rows/axis', [1]),
  ];
}

/**
 * Slices the last position off the residual stream before the head. Returns false, and changes
 * nothing, when the result might not be exact.
 */
function sliceResidual(subgraph: Subgraph, residual: string): boolean {
  if (sliceRows(subgraph, residual)) return true;
  const plain = withoutReshape(subgraph, residual);
  if (!plain || !sliceRows(plain, residual)) return false;
  Object.assign(subgraph, plain);
  return true;
}

/**
 * The subgraph without its only Reshape to a shape that comes from elsewhere, as GPT-2's exports
 * have one that they make of the token ids; else null. Where all else treats every position alike,
 * and takes no shape from before it, its output has as many positions as the logits, (B, S), so
 * that it changes nothing.
 */
function withoutReshape(subgraph: Subgraph, residual: string): Subgraph | null {
  const flowing = new Set([residual]);
  let before: ReadonlySet<string> | null = null;
  let reshape: Node | null = null;
  for (const node of subgraph.nodes) {
    const [x = '', shape = ''] = node.inputs;
    if (!node.inputs.some((value) => flowing.has(value))) continue;
    if (node.op === 'Shape') {
      if (!before || before.has(x)) return null;
      continue;
    }
    if (node.op === 'Reshape' && comesFromElsewhere(shape, flowing, subgraph)) {
      if (reshape) return null;
      [reshape, before] = [node, new Set(flowing)];
    }
    for (const value of node.outputs) flowing.add(value);
  }
  if (!reshape) return null;
  const [from = '', to = ''] = [reshape.outputs[0], reshape.inputs[0]];
  const instead = (value: string): string => (value === from ? to : value);
  const plain: Subgraph = {
    ...subgraph,
    nodes: subgraph.nodes
      .filter((node) => node !== reshape)
      .map((node) => ({ ...copyNode(node), inputs: node.inputs.map(instead) })),
    outputs: subgraph.outputs.map(instead),
  };
  trimSubgraph(plain);
  return plain;
}

/** Whether a shape is no constant, and nothing that flows is in it, not even its sizes. */
function comesFromElsewhere(
  shape: string,
  flowing: ReadonlySet<string>,
  subgraph: Subgraph,
): boolean {
  if (constantInts(subgraph, shape)) return false;
  const stack = [shape];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (flowing.has(value)) return false;
    const node = subgraph.nodes.find(({ outputs }) => outputs.includes(value as string));
    stack.push(...(node?.inputs ?? []).filter((input) => input !== ''));
  }
  return true;
}

function sliceRows(subgraph: Subgraph, residual: string): boolean {
  const flowing = new Set([residual]);
  // Values in which batch and sequence are one axis, (B x S, C).
  const flat = new Set<string>();
  for (const node of subgraph.nodes) {
    const from = node.inputs.filter((value) => flowing.has(value));
    if (from.length === 0) continue;
    const layout = outputLayout(node, flowing, flat, subgraph);
    if (layout === null) return false;
    if (layout === 'size') continue;
    for (const value of node.outputs) {
      flowing.add(value);
      if (layout === 'flat') flat.add(value);
    }
  }
  // Any other input (a side value, a row count) may have a sequence axis of its own.
  if (
    subgraph.inputs.some((input) => input !== residual) ||
    !flowing.has(subgraph.outputs[0] as string) ||
    flat.has(subgraph.outputs[0] as string)
  )
    return false;
  const sliced = 'espalier/rows/residual';
  for (const node of subgraph.nodes)
    node.inputs = node.inputs.map((value) => (value === residual ? sliced : value));
  subgraph.nodes.unshift(makeNode('Slice', [residual, ...sliceOperands(subgraph)], [sliced]));
  return true;
}

/**
 * How positions lie in the output of a node that reads them: `rows` (B, S, C), `flat` (B x S, C),
 * `size` (only their number), or null when positions may be mixed. The flat form comes from a
 * product written as Reshape to (-1, C), Gemm, Reshape to (B, S, another width).
 */
function outputLayout(
  node: Node,
  flowing: ReadonlySet<string>,
  flat: ReadonlySet<string>,
  subgraph: Subgraph,
): 'rows' | 'flat' | 'size' | null {
  const [x = '', second = ''] = node.inputs;
  const isFlat = flat.has(x);
  if (node.op === 'Shape') return isFlat ? null : 'size';
  if (node.op === 'Gemm')
    return isFlat && !flowing.has(second) && !intAttribute(node, 'transA') ? 'flat' : null;
  if (node.op === 'Reshape') {
    if (isFlat) return restoresRows(second, flowing, flat, subgraph) ? 'rows' : null;
    const to = constantInts(subgraph, second);
    return to?.length === 2 && to[0] === -1 ? 'flat' : null;
  }
  if (isFlat || !isPositionwise(node, flowing, subgraph)) return null;
  return 'rows';
}

/** True for a Reshape target Concat(Shape(x)[0:-1], width) with x (B, S, C) and width constant. */
function restoresRows(
  shape: string,
  flowing: ReadonlySet<string>,
  flat: ReadonlySet<string>,
  subgraph: Subgraph,
): boolean {
  const producer = (value: string): Node | undefined =>
    subgraph.nodes.find((node) => node.outputs[0] === value);
  const concat = producer(shape);
  if (
    concat?.op !== 'Concat' ||
    concat.inputs.length !== 2 ||
    constantInts(subgraph, concat.inputs[1] ?? '')?.length !== 1
  )
    return false;
  const slice = producer(concat.inputs[0] ?? '');
  const [from, to] = [slice?.inputs[1], slice?.inputs[2]].map(
    (value) => constantInts(subgraph, value ?? '')?.[0],
  );
  const size = producer(slice?.inputs[0] ?? '');
  const sized = size?.inputs[0] ?? '';
  return (
    slice?.op === 'Slice' &&
    from === 0 &&
    to === -1 &&
    size?.op === 'Shape' &&
    flowing.has(sized) &&
    !flat.has(sized)
  );
}

function isPositionwise(node: Node, flowing: ReadonlySet<string>, subgraph: Subgraph): boolean {
  if (POSITIONWISE.has(node.op)) return true;
  if (node.op === 'MatMul') return !flowing.has(node.inputs[1] ?? '');
  if (node.op !== 'ReduceMean' && node.op !== 'ReduceSum') return false;
  const axes = node.attributes.get('axes');
  const reduced =
    (axes?.kind === 'ints' ? axes.value : constantInts(subgraph, node.inputs[1] ?? '')) ?? [];
  return reduced.length === 1 && reduced[0] === -1 && intAttribute(node, 'keepdims') !== 0;
}
