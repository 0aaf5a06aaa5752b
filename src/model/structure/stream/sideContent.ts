// Values computed from the embedded tokens once and then read by many blocks, each its own part of
// them: the per-layer inputs of Gemma 3n and Gemma 4. They are no part of the residual stream.

import type { Node } from '../../../onnx/graph.ts';
import { PRODUCT_OPS } from './attention.ts';

/** Operators that take a part of a value, chosen by constants. */
export const SELECTING_OPS: ReadonlySet<string> = new Set(['Gather', 'Slice', 'Split']);
/** Operators that pass a part on. */
const VIEW_OPS: ReadonlySet<string> = new Set([
  'Squeeze',
  'Unsqueeze',
  'Reshape',
  'Cast',
  'Identity',
  'Transpose',
]);

/** What is needed of a flow to find side content in it. */
export interface SideContentFlow {
  nodes: readonly Node[];
  deps: readonly string[][];
  producer: ReadonlyMap<string, number>;
  constants: ReadonlySet<string>;
  content: ReadonlySet<string>;
  onPath: Uint8Array;
  source: string;
}

/**
 * Positions of the nodes that compute values of which each block reads its own part: from the
 * embedded tokens up to the parts. `separates` says whether the graph can be cut between two
 * positions when the values of these nodes do not count.
 */
export function findSideContent(
  flow: SideContentFlow,
  separates: (nodes: ReadonlySet<number>, from: number, to: number) => boolean,
): Set<number> {
  const readers = contentReaders(flow);
  const sums = sumPositions(flow);
  const found = new Set<number>();
  for (const [p, node] of flow.nodes.entries()) {
    if (!flow.onPath[p] || found.has(p) || SELECTING_OPS.has(node.op)) continue;
    const [value, ...more] = node.outputs.filter((x) => x !== '');
    if (value === undefined || more.length > 0) continue;
    const parts = partsOf(flow, readers, value);
    if (!parts) continue;
    // A block's own parts (queries, keys and values) are read before its next residual sum.
    if (!sums.some((sum) => sum > parts.first && sum < parts.last)) continue;
    const cone = coneOf(flow, readers, p, parts.nodes);
    if (cone && separates(cone, parts.first, parts.last)) for (const q of cone) found.add(q);
  }
  return found;
}

/** Positions of the nodes on the path that read each content value. */
function contentReaders({ nodes, deps, content, onPath }: SideContentFlow): Map<string, number[]> {
  const readers = new Map<string, number[]>();
  for (let p = 0; p < nodes.length; p++) {
    if (!onPath[p]) continue;
    for (const x of new Set(deps[p]!)) {
      if (!content.has(x)) continue;
      const list = readers.get(x);
      if (list) list.push(p);
      else readers.set(x, [p]);
    }
  }
  return readers;
}

/** Positions where two content values are added. */
function sumPositions({ nodes, deps, content, onPath }: SideContentFlow): number[] {
  return nodes.flatMap((node, p) =>
    onPath[p] && node.op === 'Add' && deps[p]!.every((x) => content.has(x)) ? [p] : [],
  );
}

interface Parts {
  /** Positions of the selecting nodes and of the views behind them. */
  nodes: Set<number>;
  /** Positions of the first and the last node that computes with a part. */
  first: number;
  last: number;
}

/** The parts of a value of which nothing is read but two or more parts; null otherwise. */
function partsOf(
  { nodes, deps, constants, content }: SideContentFlow,
  readers: ReadonlyMap<string, number[]>,
  value: string,
): Parts | null {
  const selecting = readers.get(value) ?? [];
  const selects = (p: number): boolean =>
    SELECTING_OPS.has(nodes[p]!.op) &&
    nodes[p]!.inputs[0] === value &&
    nodes[p]!.inputs.slice(1).every((x) => x === '' || constants.has(x));
  if (selecting.length === 0 || !selecting.every(selects)) return null;
  const outputs = selecting.flatMap((p) => nodes[p]!.outputs.filter((x) => content.has(x)));
  if (outputs.length < 2) return null;
  const parts: Parts = { nodes: new Set(selecting), first: nodes.length, last: -1 };
  const pending = [...outputs];
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    for (const p of readers.get(x) ?? []) {
      const others = deps[p]!.filter((y) => y !== x && content.has(y));
      if (VIEW_OPS.has(nodes[p]!.op) && others.length === 0) {
        parts.nodes.add(p);
        pending.push(...nodes[p]!.outputs.filter((y) => y !== ''));
        continue;
      }
      parts.first = Math.min(parts.first, p);
      parts.last = Math.max(parts.last, p);
    }
  }
  return parts.last > parts.first ? parts : null;
}

/**
 * The nodes between the embedded tokens and the parts that compute for nothing else, parts
 * included; null when they mix positions of the sequence (a product of two activations).
 */
function coneOf(
  flow: SideContentFlow,
  readers: ReadonlyMap<string, number[]>,
  root: number,
  parts: ReadonlySet<number>,
): Set<number> | null {
  const { nodes, deps, producer, content, onPath, source } = flow;
  const cone = new Set([...parts, root]);
  const pending = [root];
  for (let p = pending.pop(); p !== undefined; p = pending.pop()) {
    const operands = deps[p]!.filter((x) => content.has(x));
    if (PRODUCT_OPS.has(nodes[p]!.op) && operands.length > 1) return null;
    for (const x of operands) {
      const q = producer.get(x);
      if (x === source || q === undefined || cone.has(q) || !onPath[q]) continue;
      // What the residual stream reads too stays with it.
      if ((readers.get(x) ?? []).every((reader) => cone.has(reader))) {
        cone.add(q);
        pending.push(q);
      }
    }
  }
  return cone;
}
