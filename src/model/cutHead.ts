// Ends the head with the negative log-likelihood of the next token, on the device and in float32; must not use fused log-sum-exp operators.

import type { Node } from '../onnx/graph.ts';
import { DataType, intAttribute } from '../onnx/graph.ts';
import type { Piece } from './cutPiece.ts';
import { constantInts } from './cutPiece.ts';
import { addInts, makeNode } from './rewrites.ts';

/** Axes became an operand of these operators in the given opset (ONNX operator changelog). */
const AXES_OPERAND: Readonly<Record<string, number>> = { ReduceMax: 18, ReduceSum: 13, Squeeze: 13, Unsqueeze: 13 };

/** Operators that treat every position alike; others may mix positions, so rows must not be dropped before them. */
const BY_POSITION = new Set(
  'Add Sub Mul Div Pow Sqrt Reciprocal Cast CastLike Identity Tanh Neg Where Clip Min Max LayerNormalization SimplifiedLayerNormalization RMSNormalization MatMulNBits'.split(
    ' ',
  ),
);

/**
 * Appends to a head piece (residual (B, S, C) -> logits (B, S, V)) what turns it into (residual, targets (B, S - 1)) -> nll (B, S - 1).
 *
 * nll = log(sum(exp(z))) - z[target] with z = logits - max(logits), in float32: ReduceLogSumExp overflows in the WebGPU provider and
 * LogSoftmax has no kernel there.
 * @param residual value of the residual stream that the head reads.
 * @param opset version of the ai.onnx operators.
 */
export function appendNll(piece: Piece, residual: string, opset: number): void {
  const logits = piece.outputs[0] as string;
  const name = (what: string): string => `espalier/nll/${what}`;
  const body: Node[] = [];
  const put = (
    op: string,
    inputs: string[],
    what: string,
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string => {
    body.push(makeNode(op, inputs, [name(what)], attributes));
    return name(what);
  };
  const last = addInts(piece, name('last'), [-1]);
  const overLast = (op: string, x: string, what: string, attributes: Readonly<Record<string, number>> = {}): string =>
    opset >= (AXES_OPERAND[op] ?? 0) ? put(op, [x, last], what, attributes) : put(op, [x], what, { ...attributes, axes: [-1] });

  let rows = logits;
  if (!sliceBefore(piece, residual)) rows = put('Slice', [logits, ...sliceOperands(piece)], 'rows');
  const logits32 = put('Cast', [rows], 'logits32', { to: DataType.float });
  const top = overLast('ReduceMax', logits32, 'top', { keepdims: 1 });
  const shifted = put('Sub', [logits32, top], 'shifted');
  const exp = put('Exp', [shifted], 'exp');
  const sum = overLast('ReduceSum', exp, 'sum', { keepdims: 1 });
  const logSum = put('Log', [sum], 'log_sum');
  const index = overLast('Unsqueeze', TARGETS, 'index');
  const picked = put('GatherElements', [shifted, index], 'picked', { axis: -1 });
  const column = put('Sub', [logSum, picked], 'column');
  piece.outputs = [overLast('Squeeze', column, 'out')];
  piece.inputs.push(TARGETS);
  piece.nodes.push(...body);
}

/** Name of the input that holds the ids to predict. */
export const TARGETS = 'espalier/targets';

function sliceOperands(piece: Piece): string[] {
  return [addInts(piece, 'espalier/rows/from', [0]), addInts(piece, 'espalier/rows/to', [-1]), addInts(piece, 'espalier/rows/axis', [1])];
}

/** Drops the last position of the residual stream before the head where that is exact; false when it may not be. */
function sliceBefore(piece: Piece, residual: string): boolean {
  const flowing = new Set([residual]);
  for (const node of piece.nodes) {
    const from = node.inputs.filter((value) => flowing.has(value));
    if (from.length === 0) continue;
    if (!byPosition(node, flowing, piece)) return false;
    for (const value of node.outputs) flowing.add(value);
  }
  // Anything else from outside (a side value, a row count) may have a sequence axis of its own.
  if (piece.inputs.some((input) => input !== residual) || !flowing.has(piece.outputs[0] as string)) return false;
  const sliced = 'espalier/rows/residual';
  for (const node of piece.nodes) node.inputs = node.inputs.map((value) => (value === residual ? sliced : value));
  piece.nodes.unshift(makeNode('Slice', [residual, ...sliceOperands(piece)], [sliced]));
  return true;
}

function byPosition(node: Node, flowing: ReadonlySet<string>, piece: Piece): boolean {
  if (BY_POSITION.has(node.op)) return true;
  if (node.op === 'MatMul') return !flowing.has(node.inputs[1] ?? '');
  if (node.op !== 'ReduceMean' && node.op !== 'ReduceSum') return false;
  const axes = node.attributes.get('axes');
  const list = (axes?.kind === 'ints' ? axes.value : constantInts(piece, node.inputs[1] ?? '')) ?? [];
  return list.length === 1 && list[0] === -1 && intAttribute(node, 'keepdims') !== 0;
}
