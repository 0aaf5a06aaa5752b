// Makes a head that keeps only the last position compute all of them, for scoring; the model's own
// graph stays as it is.

import type { Node } from '../../onnx/graph.ts';
import { intAttribute } from '../../onnx/graph.ts';
import type { Subgraph } from './subgraph.ts';
import { constantInts, constantTensor, trimSubgraph } from './subgraph.ts';

/**
 * Removes the Gather or Slice of the last position from a head, residual (B, S, C) -> logits of one
 * position, and the Squeeze or Unsqueeze that goes with it, so that the logits become (B, S, V).
 * Exact when everything else treats each position alike, which the caller checks.
 * @param residual the value of the residual stream that the head reads.
 * @returns false when there is no such node; the subgraph is then unchanged.
 */
export function keepEveryPosition(subgraph: Subgraph, residual: string): boolean {
  const flowing = new Set([residual]);
  const alias = new Map<string, string>();
  const removed = new Set<Node>();
  let found = false;
  for (const node of subgraph.nodes) {
    const x = alias.get(node.inputs[0] ?? '') ?? node.inputs[0] ?? '';
    const output = node.outputs[0] ?? '';
    if (!node.inputs.some((value) => flowing.has(alias.get(value) ?? value))) continue;
    const selectsLast = flowing.has(x) && takesLastPosition(node, subgraph);
    if (selectsLast || (found && flowing.has(x) && changesRank(node, subgraph))) {
      found ||= selectsLast;
      alias.set(output, x);
      removed.add(node);
    } else for (const value of node.outputs) flowing.add(value);
  }
  if (!found) return false;
  subgraph.nodes = subgraph.nodes.filter((node) => !removed.has(node));
  for (const node of subgraph.nodes)
    node.inputs = node.inputs.map((value) => alias.get(value) ?? value);
  subgraph.outputs = subgraph.outputs.map((value) => alias.get(value) ?? value);
  trimSubgraph(subgraph);
  return true;
}

/** True for the sequence axis of (B, S, C), counted from either end. */
const isSequenceAxis = (axis: number | undefined): boolean => axis === 1 || axis === -2;

function takesLastPosition(node: Node, subgraph: Subgraph): boolean {
  const [, first = '', end = '', axes = '', steps = ''] = node.inputs;
  const only = (value: string, test: (n: number) => boolean): boolean => {
    const list = constantInts(subgraph, value);
    return list?.length === 1 && test(list[0] ?? 0);
  };
  if (node.op === 'Gather') {
    const rank = constantTensor(subgraph, first)?.dims.length ?? 0;
    return (
      rank <= 1 && isSequenceAxis(intAttribute(node, 'axis') ?? 0) && only(first, (n) => n === -1)
    );
  }
  if (node.op !== 'Slice') return false;
  return (
    only(first, (n) => n === -1) &&
    only(end, (n) => n >= 2 ** 31 - 1) &&
    only(axes, (n) => isSequenceAxis(n)) &&
    (steps === '' || only(steps, (n) => n === 1))
  );
}

/** True for a Squeeze or Unsqueeze of the sequence axis. */
function changesRank(node: Node, subgraph: Subgraph): boolean {
  if (node.op !== 'Squeeze' && node.op !== 'Unsqueeze') return false;
  const attribute = node.attributes.get('axes');
  const axes =
    attribute?.kind === 'ints' ? attribute.value : constantInts(subgraph, node.inputs[1] ?? '');
  return axes?.length === 1 && isSequenceAxis(axes[0]);
}
