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
 * depend on which. Where they ask for the shape of embedded tokens, Shape(h) = (B, S, C), they take
 * B and S from the token ids instead, so that no lookup is needed for it.
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
  const { fromTokens, widths } = tokenValues(structure, hiddenSize);
  const ofTokens = outputs.filter((name) => fromTokens.has(name));
  const ofLengths = outputs.filter((name) => !fromTokens.has(name));
  const inside = (position: number): boolean => structure.region[position] === 0;
  /** Sizes that are asked for, with the width of what they are asked of. */
  const asked = new Map<string, number>();
  nodes.forEach((node, p) => {
    const width = widths.get(node.inputs[0] ?? '');
    if (structure.region[p] === 0 && SIZES.has(node.op) && width !== undefined)
      asked.set(node.outputs[0] ?? '', width);
  });
  const stubbed = nodes.map((node) =>
    asked.has(node.outputs[0] ?? '') ? { ...node, inputs: [structure.tokenInput] } : node,
  );
  const cut = (values: readonly string[]): Subgraph | null => {
    if (values.length === 0) return null;
    const subgraph = cutSubgraph(structure, stubbed, values, inside);
    replaceSizes(subgraph, structure.tokenInput, asked);
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

/**
 * Values of the prologue that carry token data, and the width C of those among them of shape
 * (B, S, C): that of the table they come from, else of the residual stream.
 */
function tokenValues(
  structure: Structure,
  hiddenSize: number,
): { fromTokens: Set<string>; widths: Map<string, number> } {
  const fromTokens = new Set([structure.tokenInput]);
  const widths = new Map<string, number>();
  structure.graph.nodes.forEach((node, p) => {
    if (structure.region[p] !== 0 || SIZES.has(node.op)) return;
    const read = dependencies(node).filter((value) => fromTokens.has(value));
    if (read.length === 0) return;
    const lookup =
      structure.constants.has(node.inputs[0] ?? '') && fromTokens.has(node.inputs[1] ?? '');
    const { dims } = structure.graph.initializers.get(node.inputs[0] ?? '') ?? {};
    const isTable = node.op !== 'Gather' || dims === undefined || dims.length === 2;
    const ofTable = isTable ? (node.op === 'Gather' && dims?.[1]) || hiddenSize : undefined;
    const kept = KEEPS_SHAPE.has(node.op)
      ? read.map((value) => widths.get(value)).find((width) => width !== undefined)
      : undefined;
    const width = lookup ? ofTable : kept;
    for (const value of node.outputs) {
      if (value === '') continue;
      fromTokens.add(value);
      if (width !== undefined) widths.set(value, width);
    }
  });
  return { fromTokens, widths };
}

/**
 * Replaces Shape(h), h (B, S, C), by Concat(Shape(ids), C), sliced to the node's start and end, and
 * Size(h) by the product of those.
 */
function replaceSizes(subgraph: Subgraph, ids: string, widths: ReadonlyMap<string, number>): void {
  subgraph.nodes = subgraph.nodes.flatMap((node) => {
    const output = node.outputs[0] ?? '';
    const size = widths.get(output);
    if (size === undefined) return [node];
    const width = `espalier/width/${size}`;
    subgraph.initializers.set(width, int64Tensor(width, [size]));
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
