// The nodes that read a value which a removal replaces, and whether each can read the replacement
// instead.

import { capturesOf, dependencies, subgraphs } from '../../onnx/captures.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { LAYOUT_OPS } from './regions.ts';
import type { Structure } from './structure.ts';

/**
 * Nodes between a cache and the Shape that reads its size; more of them count as reading the data.
 */
const MAX_SIZE_READERS = 1000;
const SIZE_READERS: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** What becomes of the nodes and values of a graph. */
export interface Rewiring {
  /** True for the position of a node that goes with what is removed. */
  goes: (position: number) => boolean;
  /** Value to the value that takes its place, resolved. */
  replace: ReadonlyMap<string, string>;
  /**
   * Removed cache input to the surviving cache whose size is read instead (null: none of its kind).
   */
  sizeOf: ReadonlyMap<string, string | null>;
}

/** The node at a position with the inputs that it reads afterwards. */
export function rewired({ goes, replace, sizeOf }: Rewiring, node: Node, position: number): Node {
  const stays = !goes(position);
  let changed = false;
  const inputs = node.inputs.map((x) => {
    const to = replace.get(x) ?? (stays ? sizeOf.get(x) : undefined);
    if (to === undefined || to === null) return x;
    changed = true;
    return to;
  });
  return changed ? { ...node, inputs } : node;
}

/**
 * What keeps a removal from being exact, or null: caches of removed blocks may be read outside them
 * for their size only; subgraphs may not capture what is rewired.
 * @param none true when no cache stays at all
 */
export function readerObstacle(
  structure: Structure,
  { goes, replace, sizeOf }: Rewiring,
  none: boolean,
): string | null {
  const { graph } = structure;
  const touches = (x: string): boolean => replace.has(x) || sizeOf.has(x);
  for (const p of readersOf(structure, [...replace.keys(), ...sizeOf.keys()])) {
    const node = graph.nodes[p]!;
    const captured = subgraphs(node).flatMap(capturesOf).find(touches);
    if (captured)
      return `The subgraph of ${label(node)} reads ${captured}, which the removal replaces.`;
    if (goes(p)) continue;
    for (const x of node.inputs) {
      if (!sizeOf.has(x) || replace.has(x)) continue;
      if (!SIZE_READERS.has(node.op) && !readsSizeOnly(structure, goes, p))
        return `The cache ${x} of a removed block is read by ${label(node)}, outside the block.`;
      if (sizeOf.get(x) === null && !none)
        return `The size of cache ${x} is needed, and no cache of its kind would stay.`;
    }
  }
  return null;
}

/**
 * True when what the node makes of a cache ends at Shape or Size (a Cast before it in float16
 * graphs), or in a removed block.
 */
function readsSizeOnly(structure: Structure, goes: Rewiring['goes'], position: number): boolean {
  const pending = [position];
  const seen = new Set<number>();
  for (let p = pending.pop(); p !== undefined; p = pending.pop()) {
    for (const reader of readersOf(structure, structure.graph.nodes[p]!.outputs)) {
      if (seen.has(reader)) continue;
      seen.add(reader);
      if (seen.size > MAX_SIZE_READERS) return false;
      const node = structure.graph.nodes[reader]!;
      if (SIZE_READERS.has(node.op) || goes(reader)) continue;
      if (!LAYOUT_OPS.has(node.op) || dependencies(node).some((x) => structure.content.has(x)))
        return false;
      pending.push(reader);
    }
  }
  return true;
}

const readers = new WeakMap<Graph, Map<string, number[]>>();

/** Positions of the nodes that read any of the values, ascending, without repeats. */
function readersOf(structure: Structure, values: readonly string[]): number[] {
  let index = readers.get(structure.graph);
  if (!index) {
    index = new Map();
    for (const [p, node] of structure.graph.nodes.entries()) {
      for (const x of new Set(dependencies(node))) {
        const list = index.get(x);
        if (list) list.push(p);
        else index.set(x, [p]);
      }
    }
    readers.set(structure.graph, index);
  }
  const found = index;
  return [...new Set(values.flatMap((x) => (x ? (found.get(x) ?? []) : [])))].sort((a, b) => a - b);
}

function label(node: Node): string {
  return `${node.op} ${node.name || node.outputs[0] || ''}`.trim();
}
