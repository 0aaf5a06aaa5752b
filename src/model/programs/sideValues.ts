// Cuts out the subgraphs of the side values: masks, rotary tables and lengths, which depend on
// lengths alone, and per-layer inputs, which depend on the tokens.

import { dependencies } from '../../onnx/captures.ts';
import type { Node } from '../../onnx/graph.ts';
import { intAttribute } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import { int64Tensor, makeNode } from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';
import { cutSubgraph } from './subgraph.ts';

const SIZES = new Set(['Shape', 'Size']);

/** Operators that keep the shape (B, S, C) of the residual stream. */
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
 * The subgraph of side values that depend on how many tokens there are, and that of those that
 * depend on which. Where the former asks for the shape of the embedded tokens, Shape(h) =
 * (B, S, C), it takes B and S from the token ids instead, so that no lookup is needed.
 * @returns null where there are no such side values.
 */
export function cutSideValues(
  structure: Structure,
  nodes: readonly Node[],
  hiddenSize: number,
): { side: Subgraph | null; tokenSide: Subgraph | null } {
  const outputs = structure.sideValues
    .map((side) => side.name)
    .filter((name) => structure.producer.has(name));
  const { fromTokens, residualShaped } = tokenValues(structure);
  const ofTokens = outputs.filter((name) => fromTokens.has(name));
  const ofLengths = outputs.filter((name) => !fromTokens.has(name));
  const inside = (position: number): boolean => structure.region[position] === 0;
  const residualSizes = new Map<string, Node>();
  nodes.forEach((node, p) => {
    if (
      structure.region[p] === 0 &&
      SIZES.has(node.op) &&
      residualShaped.has(node.inputs[0] ?? '')
    ) {
      residualSizes.set(node.outputs[0] ?? '', node);
    }
  });
  const stubbed = nodes.map((node) =>
    residualSizes.has(node.outputs[0] ?? '') ? { ...node, inputs: [structure.tokenInput] } : node,
  );
  const cut = (values: readonly string[]): Subgraph | null => {
    if (values.length === 0) return null;
    const subgraph = cutSubgraph(structure, stubbed, values, inside);
    replaceSizes(subgraph, structure.tokenInput, residualSizes, hiddenSize);
    return subgraph;
  };
  return { side: cut(ofLengths), tokenSide: cut(ofTokens) };
}

const MIXING_OPS: ReadonlySet<string> = new Set(['NonZero', 'Unique', 'Compress']);

/**
 * True when side values of a row may depend on the tokens of other rows of the batch: something is
 * reduced to fewer dimensions, or counted.
 */
export function mixesRows({ nodes }: Subgraph): boolean {
  return nodes.some(
    (node) =>
      MIXING_OPS.has(node.op) ||
      (/^(Reduce|Arg)/.test(node.op) && intAttribute(node, 'keepdims') === 0),
  );
}

/** Values of the prologue that carry token data, and those among them of shape (B, S, C). */
function tokenValues(structure: Structure): {
  fromTokens: Set<string>;
  residualShaped: Set<string>;
} {
  const fromTokens = new Set([structure.tokenInput]);
  const residualShaped = new Set<string>();
  structure.graph.nodes.forEach((node, p) => {
    if (structure.region[p] !== 0 || SIZES.has(node.op)) return;
    const read = dependencies(node).filter((value) => fromTokens.has(value));
    if (read.length === 0) return;
    const lookup =
      structure.constants.has(node.inputs[0] ?? '') && fromTokens.has(node.inputs[1] ?? '');
    const keeps = KEEPS_SHAPE.has(node.op) && read.some((value) => residualShaped.has(value));
    for (const value of node.outputs) {
      if (value === '') continue;
      fromTokens.add(value);
      if (lookup || keeps) residualShaped.add(value);
    }
  });
  return { fromTokens, residualShaped };
}

/**
 * Replaces Shape(h), h (B, S, C), by Concat(Shape(ids), C), sliced to the node's start and end, and
 * Size(h) by the product of those.
 */
function replaceSizes(
  subgraph: Subgraph,
  ids: string,
  sizes: ReadonlyMap<string, Node>,
  hiddenSize: number,
): void {
  const width = 'espalier/residual/width';
  subgraph.nodes = subgraph.nodes.flatMap((node) => {
    const output = node.outputs[0] ?? '';
    if (!sizes.has(output)) return [node];
    subgraph.initializers.set(width, int64Tensor(width, [hiddenSize]));
    const full = [
      makeNode('Shape', [ids], [`${output}/ids`]),
      makeNode(
        'Concat',
        [`${output}/ids`, width],
        [node.op === 'Size' || dimRange(node) ? `${output}/full` : output],
        { axis: 0 },
      ),
    ];
    if (node.op === 'Size')
      return [...full, makeNode('ReduceProd', [`${output}/full`], [output], { keepdims: 0 })];
    const range = dimRange(node);
    if (!range) return full;
    const bounds = range.map((bound, k) => {
      const name = `${output}/${k === 0 ? 'start' : 'end'}`;
      subgraph.initializers.set(name, int64Tensor(name, [bound]));
      return name;
    });
    return [...full, makeNode('Slice', [`${output}/full`, ...bounds], [output])];
  });
}

/** [start, end) of the three dimensions that a Shape node asks for, or null for all. */
function dimRange(node: Node): [number, number] | null {
  const start = intAttribute(node, 'start') ?? 0;
  const end = intAttribute(node, 'end') ?? 3;
  return start === 0 && end === 3 ? null : [start, end];
}
