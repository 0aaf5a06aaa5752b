// Which nodes and states of a block belong to its attention and which to its feed-forward sublayer;
// must not decide what is removed.

import { dependencies } from '../../onnx/captures.ts';
import type { StatePair, Structure } from './structure.ts';

const known = new WeakMap<Structure, Uint8Array>();

/**
 * Per node of the graph: 1 when it belongs to the feed-forward sublayer of its block, that is when
 * it reads what follows the middle value, or when what follows reads it. Blocks without a middle
 * value have none.
 */
export function feedForwardNodes(structure: Structure): Uint8Array {
  let found = known.get(structure);
  if (!found) {
    found = findFeedForward(structure);
    known.set(structure, found);
  }
  return found;
}

function findFeedForward({ graph, region, blocks }: Structure): Uint8Array {
  const found = new Uint8Array(graph.nodes.length);
  const mids = new Set(blocks.map((block) => block.mid));
  // Value to the region in which it follows the middle value, or is needed behind it.
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
  return found;
}

/**
 * The first state of a block that its feed-forward sublayer reads or makes, or null: caches belong
 * to attention.
 */
export function feedForwardState(structure: Structure, block: number): StatePair | null {
  const { producer, blocks } = structure;
  const behind = feedForwardNodes(structure);
  const states = blocks[block]!.states;
  const made = states.find((state) => behind[producer.get(state.output) ?? -1] === 1);
  if (made) return made;
  const read = readBehind(structure).get(block + 1);
  return states.find((state) => read?.has(state.input)) ?? null;
}

const readers = new WeakMap<Structure, Map<number, Set<string>>>();

/** Per region, what its feed-forward nodes read the data of; sizes do not count. */
function readBehind(structure: Structure): Map<number, Set<string>> {
  let found = readers.get(structure);
  if (found) return found;
  found = new Map();
  const { graph, region } = structure;
  const behind = feedForwardNodes(structure);
  for (const [p, node] of graph.nodes.entries()) {
    if (behind[p] !== 1 || node.op === 'Shape' || node.op === 'Size') continue;
    const read = found.get(region[p]!) ?? new Set();
    for (const x of dependencies(node)) read.add(x);
    found.set(region[p]!, read);
  }
  readers.set(structure, found);
  return found;
}
