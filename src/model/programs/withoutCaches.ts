// Removes the KV caches from a graph for scoring, where every run starts from an empty cache;
// states of fixed size stay.

import { dependencies } from '../../onnx/captures.ts';
import type { Node } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import { copyNode } from './subgraph.ts';

/**
 * Positions of past inputs and present outputs of attention operators. All are optional (operator
 * definitions of ONNX opset 23 and of com.microsoft).
 */
const CACHED: Readonly<Record<string, { past: readonly number[]; present: readonly number[] }>> = {
  '.Attention': { past: [4, 5], present: [1, 2] },
  'com.microsoft.Attention': { past: [4], present: [1] },
  'com.microsoft.GroupQueryAttention': { past: [3, 4], present: [1, 2] },
  'com.microsoft.MultiHeadAttention': { past: [6, 7], present: [1, 2] },
};

/** Operators that keep a tensor empty that is empty along its sequence axis. */
const KEEPS_EMPTY = new Set(['Cast', 'Identity', 'Transpose', 'Unsqueeze', 'Squeeze']);

/**
 * Nodes parallel to `structure.graph.nodes` without the growing caches: attention operators without
 * past and present, and Identity(k) in place of Concat(past, k). Other readers of a cache (a Shape
 * of the past, say) still name the cache input and are fed an empty one.
 */
export function withoutCaches(structure: Structure): Node[] {
  const empty = new Set<string>();
  for (const block of structure.blocks) {
    for (const state of block.states) {
      if (state.kind !== 'kv') continue;
      empty.add(state.input);
    }
  }
  // Present caches that other blocks read as well.
  const lent = new Set(structure.graph.nodes.flatMap(dependencies));
  return structure.graph.nodes.map((node) => {
    const slots = CACHED[`${node.domain === 'ai.onnx' ? '' : node.domain}.${node.op}`];
    if (slots) return withoutPast(node, slots, empty, lent);
    if (!node.inputs.some((value) => empty.has(value))) return node;
    if (KEEPS_EMPTY.has(node.op)) {
      for (const value of node.outputs) empty.add(value);
      return node;
    }
    if (node.op !== 'Concat') return node;
    const rest = node.inputs.filter((value) => !empty.has(value));
    if (rest.length !== 1) return node;
    return { ...copyNode(node), op: 'Identity', inputs: rest, attributes: new Map() };
  });
}

/** Drops only pasts that are states of the graph: dropping another would change the numbers. */
function withoutPast(
  node: Node,
  slots: { past: readonly number[]; present: readonly number[] },
  empty: ReadonlySet<string>,
  lent: ReadonlySet<string>,
): Node {
  const past = slots.past.filter((slot) => node.inputs[slot]);
  if (!past.every((slot) => empty.has(node.inputs[slot] ?? ''))) return node;
  const copy = copyNode(node);
  for (const slot of past) copy.inputs[slot] = '';
  // With this flag the operator demands a cache. The sliding window itself, local_window_size,
  // stays.
  copy.attributes.delete('sliding_window_cache');
  for (const slot of slots.present)
    if (slot < copy.outputs.length && !lent.has(copy.outputs[slot] ?? '')) copy.outputs[slot] = '';
  trimTail(copy.inputs);
  trimTail(copy.outputs);
  return copy;
}

/** Drops omitted operands (empty names) from the end of a list. */
export function trimTail(values: string[]): void {
  while (values.length > 0 && values[values.length - 1] === '') values.pop();
}
