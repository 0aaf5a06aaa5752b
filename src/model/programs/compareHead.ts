// A head that runs twice, on the final hidden states of the original and of a plan, and compares
// what both predict; no (B, S, V) tensor leaves it.

import { DataType } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { Appender, appendLoss, dropLast, TARGETS } from './cutHead.ts';
import { copyNode, type Piece } from './cutPiece.ts';

/** Name of the second residual stream, that of the plan. */
export const OTHER = 'espalier/other/residual';

/** What comes out, each (B, S - 1) float32, in the order of the program's outputs. */
export const COMPARED = ['nll', 'nll-other', 'kl', 'top'] as const;

/**
 * Outputs that are further below the maximum than this have no share of the probability in float32;
 * it keeps -inf - -inf out of the sum.
 */
const FLOOR = -1e4;

/**
 * Turns a head piece (residual (B, S, C) -> logits (B, S, V)) into (residual, other residual,
 * targets (B, S - 1)) -> four values per position: both NLLs, KL(original || plan) = sum p (log p -
 * log q) in nats, and the largest sum of both logits minus their maxima, which is 0 exactly where
 * both have a most likely token in common.
 * @param residual value of the residual stream that the head reads.
 * @returns the piece; the given one stays as it was.
 */
export function compareHead(head: Piece, residual: string, opset: number): Piece {
  const piece: Piece = {
    nodes: head.nodes.map(copyNode),
    inputs: [...head.inputs],
    outputs: [...head.outputs],
    initializers: new Map(head.initializers),
  };
  dropLast(piece, residual);
  const logits = piece.outputs[0] as string;
  const twin = appendTwin(piece, residual);
  const p = appendLoss(new Appender(piece, opset, 'espalier/nll'), logits);
  const q = appendLoss(new Appender(piece, opset, 'espalier/other/nll'), twin(logits));
  const at = new Appender(piece, opset, 'espalier/compared');
  const floor = addFloat(piece, 'espalier/floor', FLOOR);
  // Not Max, which has no WebGPU kernel. Its bound became an operand in opset 11.
  const raised = (value: string, what: string): string =>
    opset >= 11
      ? at.put('Clip', [value, floor], what)
      : at.put('Clip', [value], what, { min: { float: FLOOR } });
  const [zp, zq] = [raised(p.shifted, 'p'), raised(q.shifted, 'q')];
  // (zp - zq) - (log sum p - log sum q): the large parts cancel before they are multiplied.
  const gap = at.put(
    'Sub',
    [at.put('Sub', [zp, zq], 'gap_z'), at.put('Sub', [p.logSum, q.logSum], 'gap_sum')],
    'gap',
  );
  const share = at.put('Div', [p.exp, p.sum], 'share');
  const kl = at.overLast('ReduceSum', at.put('Mul', [share, gap], 'terms'), 'kl', { keepdims: 0 });
  const top = at.overLast('ReduceMax', at.put('Add', [zp, zq], 'both'), 'top', { keepdims: 0 });
  piece.inputs.push(OTHER, TARGETS);
  piece.outputs = [p.nll, q.nll, kl, top];
  return piece;
}

/**
 * Repeats what depends on the residual stream for the other one, with the same weights. Returns the
 * twin's name of a value.
 */
function appendTwin(piece: Piece, residual: string): (value: string) => string {
  const names = new Map([[residual, OTHER]]);
  const own = [...piece.nodes];
  for (const node of own) {
    if (![...names.keys()].some((value) => node.inputs.includes(value))) continue;
    for (const value of node.outputs) if (value !== '') names.set(value, `espalier/other/${value}`);
    piece.nodes.push(renameNode(copyNode(node), names));
  }
  return (value) => names.get(value) ?? value;
}

function addFloat(piece: Piece, name: string, value: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  piece.initializers.set(name, {
    name,
    type: DataType.float,
    dims: [],
    data: new Uint8Array(view.buffer),
  });
  return name;
}
