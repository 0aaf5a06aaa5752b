// Nodes of an older operator set as those of a newer one.

import type { Node } from '../../onnx/graph.ts';
import { attributesOf, intsAttribute } from './attributes.ts';
import type { Builder } from './builder.ts';

/** DequantizeLinear knows blocks and 4-bit integers since then. */
export const RAISED_OPSET = 21;

/** Nodes of older sets are in forms that are not brought up to date here. */
const OLDEST = 13;

/** Operators that mean something else in the newer set, or hold graphs of their own. */
const CHANGED: ReadonlySet<string> = new Set(['GroupNormalization', 'If', 'Loop', 'Scan']);

/** Operators whose attribute `axes` is an input in the newer set. */
const REDUCTIONS = /^Reduce(L1|L2|LogSum|LogSumExp|Max|Mean|Min|Prod|Sum|SumSquare)$/;

/** True when `raised` can bring every node to `RAISED_OPSET`. */
export function canRaise(nodes: readonly Node[], opset: number): boolean {
  return opset >= OLDEST && !nodes.some(({ op, domain }) => domain === '' && CHANGED.has(op));
}

/**
 * A node of operator set 13 or later as one of `RAISED_OPSET`.
 * @source onnx/docs/Changelog.md: axes of reductions and num_outputs of Split since 18
 */
export function raised(b: Builder, node: Node): Node {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return node;
  const axes = intsAttribute(node, 'axes');
  if (REDUCTIONS.test(node.op) && axes) {
    const attributes = new Map(node.attributes);
    attributes.delete('axes');
    return { ...node, inputs: [node.inputs[0] ?? '', b.ints(axes)], attributes };
  }
  if (node.op === 'Split' && !node.inputs[1] && !node.attributes.has('num_outputs')) {
    const count = attributesOf({ num_outputs: node.outputs.length });
    return { ...node, attributes: new Map([...node.attributes, ...count]) };
  }
  return node;
}
