// Which nodes and states of a block belong to its attention sublayer and which to its feed-forward
// sublayer.

import { dependencies } from '../../onnx/captures.ts';
import { bypasses } from './bypass.ts';
import { remembered } from './remembered.ts';
import type { StatePair, Structure } from './structure.ts';

/**
 * Per node of the graph: 1 when it belongs to the feed-forward sublayer of its block, which means
 * that it depends on the middle value, or that the output of the block depends on it other than
 * through the middle value; 2 when it scales the residual stream and stays whichever sublayer goes.
 * Blocks without a middle value have no such nodes.
 */
export const feedForwardNodes = remembered(findFeedForward);

function findFeedForward(structure: Structure): Uint8Array {
  const { graph, region, blocks } = structure;
  const found = new Uint8Array(graph.nodes.length);
  const mids = new Set(blocks.map((block) => block.mid));
  // Value to the region in which it depends on the middle value, or is needed after it.
  const follows = new Map<string, number>();
  const needed = new Map<string, number>();
  for (const { index, mid, output } of blocks) {
    if (mid === null) continue;
    follows.set(mid, index + 1);
    needed.set(output, index + 1);
  }
  graph.nodes.forEach((node, p) => {
    const r = region[p]!;
    if (r < 1 || !dependencies(node).some((x) => follows.get(x) === r)) return;
    found[p] = 1;
    for (const x of node.outputs) if (x !== '' && !mids.has(x)) follows.set(x, r);
  });
  for (let p = graph.nodes.length - 1; p >= 0; p--) {
    const node = graph.nodes[p]!;
    const r = region[p]!;
    if (
      r < 1 ||
      node.outputs.some((x) => mids.has(x)) ||
      !node.outputs.some((x) => needed.get(x) === r)
    )
      continue;
    found[p] = 1;
    for (const x of dependencies(node)) if (!mids.has(x)) needed.set(x, r);
  }
  for (const { attn, ffn } of bypasses(structure))
    for (const p of [...attn.kept, ...ffn.kept]) found[p] = 2;
  return found;
}

/**
 * The first state of a block that its feed-forward sublayer reads or computes; null in the usual
 * case that all states belong to attention.
 */
export function feedForwardState(structure: Structure, block: number): StatePair | null {
  const { producer, blocks } = structure;
  const isFeedForward = feedForwardNodes(structure);
  const states = blocks[block]!.states;
  const computed = states.find((state) => isFeedForward[producer.get(state.output) ?? -1] === 1);
  if (computed) return computed;
  const read = feedForwardReads(structure).get(block + 1);
  return states.find((state) => read?.has(state.input)) ?? null;
}

/** Per region, what its feed-forward nodes read the data of; sizes do not count. */
const feedForwardReads = remembered((structure): Map<number, Set<string>> => {
  const { graph, region } = structure;
  const found = new Map<number, Set<string>>();
  const isFeedForward = feedForwardNodes(structure);
  for (const [p, node] of graph.nodes.entries()) {
    if (isFeedForward[p] !== 1 || node.op === 'Shape' || node.op === 'Size') continue;
    const read = found.get(region[p]!) ?? new Set();
    for (const x of dependencies(node)) read.add(x);
    found.set(region[p]!, read);
  }
  return found;
});
