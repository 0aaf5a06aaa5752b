// Ends the head with the negative log-likelihood of the next token, on the device and in float32;
// must not use fused log-sum-exp operators.

import type { Node } from '../../onnx/graph.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';
import type { Piece } from './cutPiece.ts';
import { constantInts } from './cutPiece.ts';
import { addInts, makeNode } from './rewrites.ts';

/** Axes became an operand of these operators in the given opset (ONNX operator changelog). */
const AXES_OPERAND: Readonly<Record<string, number>> = {
  ReduceMax: 18,
  ReduceSum: 13,
  Squeeze: 13,
  Unsqueeze: 13,
};

/**
 * Operators that treat every position alike; others may mix positions, so rows must not be dropped
 * before them.
 */
const BY_POSITION = new Set(
  'Add Sub Mul Div Pow Sqrt Reciprocal Cast CastLike Identity Tanh Neg Where Clip Min Max LayerNormalization SimplifiedLayerNormalization RMSNormalization MatMulNBits'.split(
    ' ',
  ),
);

/** Values that the end of a head gives, by name in its piece; V = vocabulary. */
export interface Loss {
  /** (B, S - 1, V) float32 logits minus their maximum. */
  shifted: string;
  /** (B, S - 1, V) exponentials of `shifted`, and their sum and its logarithm (B, S - 1, 1). */
  exp: string;
  sum: string;
  logSum: string;
  /** (B, S - 1) negative log-likelihood of the targets. */
  nll: string;
}

/**
 * Appends to a head piece (residual (B, S, C) -> logits (B, S, V)) what turns it into (residual,
 * targets (B, S - 1)) -> nll (B, S - 1).
 * @param residual value of the residual stream that the head reads.
 * @param opset version of the ai.onnx operators.
 * @returns true when every position is treated alike, so that any stretch of positions may be run
 *   alone.
 */
export function appendNll(piece: Piece, residual: string, opset: number): boolean {
  const byPosition = dropLast(piece, residual);
  piece.outputs = [
    appendLoss(new Appender(piece, opset, 'espalier/nll'), piece.outputs[0] as string).nll,
  ];
  piece.inputs.push(TARGETS);
  return byPosition;
}

/**
 * Makes a head leave out the last position, which predicts nothing: before the head where that is
 * exact, else behind it.
 * @returns true when it was dropped before the head: positions are then treated alike.
 */
export function dropLast(piece: Piece, residual: string): boolean {
  if (sliceBefore(piece, residual)) return true;
  const rows = 'espalier/rows/logits';
  piece.nodes.push(
    makeNode('Slice', [piece.outputs[0] as string, ...sliceOperands(piece)], [rows]),
  );
  piece.outputs = [rows];
  return false;
}

type Attributes = Readonly<Record<string, number | readonly number[] | { float: number }>>;

/** Appends nodes to a piece under names of one prefix. */
export class Appender {
  private readonly piece: Piece;
  private readonly opset: number;
  private readonly prefix: string;
  private readonly last: string;

  constructor(piece: Piece, opset: number, prefix: string) {
    this.piece = piece;
    this.opset = opset;
    this.prefix = prefix;
    this.last = addInts(piece, 'espalier/last', [-1]);
  }

  put(op: string, inputs: string[], what: string, attributes: Attributes = {}): string {
    const name = `${this.prefix}/${what}`;
    this.piece.nodes.push(makeNode(op, inputs, [name], attributes));
    return name;
  }

  /** An operator over the last axis. */
  overLast(
    op: string,
    x: string,
    what: string,
    attributes: Readonly<Record<string, number>> = {},
  ): string {
    const operand = this.opset >= (AXES_OPERAND[op] ?? 0);
    return operand
      ? this.put(op, [x, this.last], what, attributes)
      : this.put(op, [x], what, { ...attributes, axes: [-1] });
  }
}

/**
 * nll = log(sum(exp(z))) - z[target] with z = logits - max(logits), in float32: ReduceLogSumExp
 * overflows in the WebGPU provider and LogSoftmax has no kernel there.
 * @param logits (B, S - 1, V) of the positions that predict.
 */
export function appendLoss(at: Appender, logits: string): Loss {
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

/** Name of the input that holds the ids to predict. */
export const TARGETS = 'espalier/targets';

function sliceOperands(piece: Piece): string[] {
  return [
    addInts(piece, 'espalier/rows/from', [0]),
    addInts(piece, 'espalier/rows/to', [-1]),
    addInts(piece, 'espalier/rows/axis', [1]),
  ];
}

/**
 * Drops the last position of the residual stream before the head where that is exact; false when it
 * may not be.
 */
function sliceBefore(piece: Piece, residual: string): boolean {
  const flowing = new Set([residual]);
  // Values whose rows are all positions of the batch one after the other, (B x S, C).
  const flat = new Set<string>();
  for (const node of piece.nodes) {
    const from = node.inputs.filter((value) => flowing.has(value));
    if (from.length === 0) continue;
    const shape = shapeKind(node, flowing, flat, piece);
    if (shape === null) return false;
    if (shape === 'size') continue;
    for (const value of node.outputs) {
      flowing.add(value);
      if (shape === 'flat') flat.add(value);
    }
  }
  // Anything else from outside (a side value, a row count) may have a sequence axis of its own.
  if (
    piece.inputs.some((input) => input !== residual) ||
    !flowing.has(piece.outputs[0] as string) ||
    flat.has(piece.outputs[0] as string)
  )
    return false;
  const sliced = 'espalier/rows/residual';
  for (const node of piece.nodes)
    node.inputs = node.inputs.map((value) => (value === residual ? sliced : value));
  piece.nodes.unshift(makeNode('Slice', [residual, ...sliceOperands(piece)], [sliced]));
  return true;
}

/**
 * What comes out of a node that reads positions: positions in rows, positions in one flat list,
 * only their number, or (null) a mixture. The flat forms are those of a product with a table by
 * row: Reshape to (-1, C), Gemm, Reshape to the sizes of the input with another width.
 */
function shapeKind(
  node: Node,
  flowing: ReadonlySet<string>,
  flat: ReadonlySet<string>,
  piece: Piece,
): 'rows' | 'flat' | 'size' | null {
  const [x = '', second = ''] = node.inputs;
  const list = flat.has(x);
  if (node.op === 'Shape') return list ? null : 'size';
  if (node.op === 'Gemm')
    return list && !flowing.has(second) && !intAttribute(node, 'transA') ? 'flat' : null;
  if (node.op === 'Reshape') {
    if (list) return widthReplaced(second, flowing, flat, piece) ? 'rows' : null;
    const to = constantInts(piece, second);
    return to?.length === 2 && to[0] === -1 ? 'flat' : null;
  }
  if (list || !byPosition(node, flowing, piece)) return null;
  return 'rows';
}

/** True for the sizes of a value in rows, all but the last, followed by a constant. */
function widthReplaced(
  shape: string,
  flowing: ReadonlySet<string>,
  flat: ReadonlySet<string>,
  piece: Piece,
): boolean {
  const producer = (value: string): Node | undefined =>
    piece.nodes.find((node) => node.outputs[0] === value);
  const concat = producer(shape);
  if (
    concat?.op !== 'Concat' ||
    concat.inputs.length !== 2 ||
    constantInts(piece, concat.inputs[1] ?? '')?.length !== 1
  )
    return false;
  const slice = producer(concat.inputs[0] ?? '');
  const [from, to] = [slice?.inputs[1], slice?.inputs[2]].map(
    (value) => constantInts(piece, value ?? '')?.[0],
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

function byPosition(node: Node, flowing: ReadonlySet<string>, piece: Piece): boolean {
  if (BY_POSITION.has(node.op)) return true;
  if (node.op === 'MatMul') return !flowing.has(node.inputs[1] ?? '');
  if (node.op !== 'ReduceMean' && node.op !== 'ReduceSum') return false;
  const axes = node.attributes.get('axes');
  const list =
    (axes?.kind === 'ints' ? axes.value : constantInts(piece, node.inputs[1] ?? '')) ?? [];
  return list.length === 1 && list[0] === -1 && intAttribute(node, 'keepdims') !== 0;
}
