// Lets a head that keeps the last position compute every position, for scoring only; must not touch
// the model's own graph.

import type { Node } from '../../onnx/graph.ts';
import { intAttribute } from '../../onnx/graph.ts';
import type { Piece } from './cutPiece.ts';
import { constantInts, constantTensor, trimPiece } from './cutPiece.ts';

/**
 * Takes the Gather or Slice of the last position out of a head piece (residual (B, S, C) -> logits
 * of one position), with the Squeeze or Unsqueeze that fits its form: the logits are then (B, S,
 * V). Exact where everything else treats each position alike, which the caller checks.
 * @param residual value of the residual stream that the head reads.
 * @returns false when no such node was found; the piece is then as it was.
 */
export function keepEveryPosition(piece: Piece, residual: string): boolean {
  const flowing = new Set([residual]);
  const alias = new Map<string, string>();
  const gone = new Set<Node>();
  let found = false;
  for (const node of piece.nodes) {
    const x = alias.get(node.inputs[0] ?? '') ?? node.inputs[0] ?? '';
    const output = node.outputs[0] ?? '';
    if (!node.inputs.some((value) => flowing.has(alias.get(value) ?? value))) continue;
    const last = flowing.has(x) && picksLast(node, piece);
    if (last || (found && flowing.has(x) && changesRank(node, piece))) {
      found ||= last;
      alias.set(output, x);
      gone.add(node);
    } else for (const value of node.outputs) flowing.add(value);
  }
  if (!found) return false;
  piece.nodes = piece.nodes.filter((node) => !gone.has(node));
  for (const node of piece.nodes)
    node.inputs = node.inputs.map((value) => alias.get(value) ?? value);
  piece.outputs = piece.outputs.map((value) => alias.get(value) ?? value);
  trimPiece(piece);
  return true;
}

/** The axis of positions in (B, S, C), counted from either end. */
const isPositions = (axis: number | undefined): boolean => axis === 1 || axis === -2;

function picksLast(node: Node, piece: Piece): boolean {
  const [, first = '', end = '', axes = '', steps = ''] = node.inputs;
  const only = (value: string, test: (n: number) => boolean): boolean => {
    const list = constantInts(piece, value);
    return list?.length === 1 && test(list[0] ?? 0);
  };
  if (node.op === 'Gather') {
    const rank = constantTensor(piece, first)?.dims.length ?? 0;
    return (
      rank <= 1 && isPositions(intAttribute(node, 'axis') ?? 0) && only(first, (n) => n === -1)
    );
  }
  if (node.op !== 'Slice') return false;
  return (
    only(first, (n) => n === -1) &&
    only(end, (n) => n >= 2 ** 31 - 1) &&
    only(axes, (n) => isPositions(n)) &&
    (steps === '' || only(steps, (n) => n === 1))
  );
}

/** Squeeze or Unsqueeze of the axis of positions. */
function changesRank(node: Node, piece: Piece): boolean {
  if (node.op !== 'Squeeze' && node.op !== 'Unsqueeze') return false;
  const attribute = node.attributes.get('axes');
  const axes =
    attribute?.kind === 'ints' ? attribute.value : constantInts(piece, node.inputs[1] ?? '');
  return axes?.length === 1 && isPositions(axes[0]);
}
