// The program of side values (mask, rotary tables, lengths): computed from lengths and masks alone;
// must not read token ids or weights of the embedding.

import { EspalierError } from '../../errors.ts';
import { dependencies } from '../../onnx/captures.ts';
import type { Node } from '../../onnx/graph.ts';
import { intAttribute } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import type { Piece } from './cutPiece.ts';
import { cutPiece } from './cutPiece.ts';
import { int64Tensor, makeNode } from './rewrites.ts';

const SIZES = new Set(['Shape', 'Size']);

/** What leaves the shape (B, S, C) of the residual stream as it is. */
const KEEPS_SHAPE = new Set([
  'Cast',
  'Identity',
  'Add',
  'Mul',
  'Sub',
  'Div',
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'Sqrt',
]);

/**
 * The piece behind all side values that are computed. Sizes of the embedding output are taken from
 * the token ids instead, whose shape is known without a lookup: Shape(h) = (B, S, C).
 * @returns null when blocks read no computed side value.
 * @throws EspalierError `unsupported-graph` when a side value depends on which tokens they are, not
 *   only on how many.
 */
export function cutSide(
  structure: Structure,
  nodes: readonly Node[],
  hiddenSize: number,
): Piece | null {
  const outputs = structure.sideValues
    .map((side) => side.name)
    .filter((name) => structure.producer.has(name));
  if (outputs.length === 0) return null;
  const { ofTokens, ofResidualShape } = flows(structure);
  for (const name of outputs) {
    if (!ofTokens.has(name)) continue;
    throw new EspalierError(
      'unsupported-graph',
      `The side value "${name}" that blocks read depends on the token ids themselves, so ` +
        'blocks cannot be run apart from the prompt.',
      'Structure and pruning still work; scoring this graph does not.',
    );
  }
  const residualSizes = new Map<string, Node>();
  nodes.forEach((node, p) => {
    if (
      structure.region[p] === 0 &&
      SIZES.has(node.op) &&
      ofResidualShape.has(node.inputs[0] ?? '')
    ) {
      residualSizes.set(node.outputs[0] ?? '', node);
    }
  });
  const stubbed = nodes.map((node) =>
    residualSizes.has(node.outputs[0] ?? '') ? { ...node, inputs: [structure.tokenInput] } : node,
  );
  const piece = cutPiece(
    structure,
    stubbed,
    outputs,
    (position) => structure.region[position] === 0,
  );
  replaceSizes(piece, structure.tokenInput, residualSizes, hiddenSize);
  return piece;
}

/** Values of the prologue that carry token data, and among them those of shape (B, S, C). */
function flows(structure: Structure): { ofTokens: Set<string>; ofResidualShape: Set<string> } {
  const ofTokens = new Set([structure.tokenInput]);
  const ofResidualShape = new Set<string>();
  structure.graph.nodes.forEach((node, p) => {
    if (structure.region[p] !== 0 || SIZES.has(node.op)) return;
    const read = dependencies(node).filter((value) => ofTokens.has(value));
    if (read.length === 0) return;
    const lookup =
      structure.constants.has(node.inputs[0] ?? '') && ofTokens.has(node.inputs[1] ?? '');
    const keeps = KEEPS_SHAPE.has(node.op) && read.some((value) => ofResidualShape.has(value));
    for (const value of node.outputs) {
      if (value === '') continue;
      ofTokens.add(value);
      if (lookup || keeps) ofResidualShape.add(value);
    }
  });
  return { ofTokens, ofResidualShape };
}

/**
 * Shape(h) with h (B, S, C) as Concat(Shape(ids), C), cut to start and end; Size(h) as the product
 * of that.
 */
function replaceSizes(
  piece: Piece,
  ids: string,
  sizes: ReadonlyMap<string, Node>,
  hiddenSize: number,
): void {
  const width = 'espalier/residual/width';
  piece.nodes = piece.nodes.flatMap((node) => {
    const output = node.outputs[0] ?? '';
    if (!sizes.has(output)) return [node];
    piece.initializers.set(width, int64Tensor(width, [hiddenSize]));
    const full = [
      makeNode('Shape', [ids], [`${output}/ids`]),
      makeNode(
        'Concat',
        [`${output}/ids`, width],
        [node.op === 'Size' || part(node) ? `${output}/full` : output],
        { axis: 0 },
      ),
    ];
    if (node.op === 'Size')
      return [...full, makeNode('ReduceProd', [`${output}/full`], [output], { keepdims: 0 })];
    const range = part(node);
    if (!range) return full;
    const bounds = range.map((at, k) => {
      const name = `${output}/${k === 0 ? 'start' : 'end'}`;
      piece.initializers.set(name, int64Tensor(name, [at]));
      return name;
    });
    return [...full, makeNode('Slice', [`${output}/full`, ...bounds], [output])];
  });
}

/** The part of the three dims that a Shape node asks for, or null for all. */
function part(node: Node): [number, number] | null {
  const start = intAttribute(node, 'start') ?? 0;
  const end = intAttribute(node, 'end') ?? 3;
  return start === 0 && end === 3 ? null : [start, end];
}
