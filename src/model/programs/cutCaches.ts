// Takes the KV cache out of blocks for scoring, where every run starts from an empty one; must not
// touch states of fixed size.

import type { Node } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import { copyNode } from './cutPiece.ts';

/**
 * Where attention operators take the past and give the present; both may be omitted (ONNX 23 and
 * com.microsoft operator definitions).
 */
const CACHED: Readonly<Record<string, { past: readonly number[]; present: readonly number[] }>> = {
  '.Attention': { past: [4, 5], present: [1, 2] },
  'com.microsoft.Attention': { past: [4], present: [1] },
  'com.microsoft.GroupQueryAttention': { past: [3, 4], present: [1, 2] },
  'com.microsoft.MultiHeadAttention': { past: [6, 7], present: [1, 2] },
};

/** What keeps an empty tensor empty along its sequence axis. */
const KEEPS_EMPTY = new Set(['Cast', 'Identity', 'Transpose', 'Unsqueeze', 'Squeeze']);

/**
 * Nodes parallel to `structure.graph.nodes` in which the growing caches are gone: attention
 * operators without past and present, and Concat(past, k) as Identity(k). Readers that remain (a
 * Shape of the past, say) still name the cache input and get an empty one.
 */
export function withoutCaches(structure: Structure): Node[] {
  const empty = new Set<string>();
  for (const block of structure.blocks) {
    for (const state of block.states) {
      if (state.kind !== 'kv') continue;
      empty.add(state.input);
    }
  }
  return structure.graph.nodes.map((node) => {
    const slots = CACHED[`${node.domain === 'ai.onnx' ? '' : node.domain}.${node.op}`];
    if (slots) return withoutPast(node, slots, empty);
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

/** Only caches that are graph states are dropped: another past would change the numbers. */
function withoutPast(
  node: Node,
  slots: { past: readonly number[]; present: readonly number[] },
  empty: ReadonlySet<string>,
): Node {
  const past = slots.past.filter((slot) => node.inputs[slot]);
  if (!past.every((slot) => empty.has(node.inputs[slot] ?? ''))) return node;
  const copy = copyNode(node);
  for (const slot of past) copy.inputs[slot] = '';
  // A rolling cache must be fed; the window itself is local_window_size, which stays.
  copy.attributes.delete('sliding_window_cache');
  for (const slot of slots.present) if (slot < copy.outputs.length) copy.outputs[slot] = '';
  trimTail(copy.inputs);
  trimTail(copy.outputs);
  return copy;
}

/** Drops omitted operands at the end of a list. */
export function trimTail(values: string[]): void {
  while (values.length > 0 && values[values.length - 1] === '') values.pop();
}
