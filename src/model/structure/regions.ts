// Assigns every node to the prologue, a block or the head, and lists the side values that blocks
// read.

import type { Anchors, Boundaries } from './boundaries.ts';
import type { Flow } from './flow.ts';

/** Operators that only move, view or copy elements. */
export const LAYOUT_OPS: ReadonlySet<string> = new Set([
  'Unsqueeze',
  'Squeeze',
  'Expand',
  'Reshape',
  'Transpose',
  'Slice',
  'Cast',
  'Identity',
  'Neg',
  'Shape',
  'Gather',
  'Concat',
  'Constant',
  'CastLike',
]);
/**
 * Layout operators that compute sizes; they stay in the prologue even when only one block reads
 * them.
 */
const SIZE_OPS: ReadonlySet<string> = new Set(['Shape', 'Gather', 'Concat']);
const ARITHMETIC_OPS: ReadonlySet<string> = new Set(['Mul', 'Add', 'Sub', 'Div']);
/** Stands for a dependency on content before boundary 0. */
const CONTENT = '';
/**
 * Most inputs recorded for a prologue node. A block has a handful of states; a node that depends on
 * more inputs than this belongs to no single block.
 */
const MAX_SOURCES = 64;
const MANY: Set<string> = new Set([CONTENT]);
const CONSTANT_CONE = -1;

/** A value of one region that another region reads although it is no boundary. */
interface Leak {
  value: string;
  /** Region that computes it; 0 for prologue content. */
  from: number;
  /** Region that reads it. */
  to: number;
  /** Position of the node that reads it. */
  reader: number;
}

export interface Regions {
  /** Region of each node: 0 = prologue, 1..N = block 0..N-1, N + 1 = head, -1 = constants. */
  region: Int32Array;
  leaks: Leak[];
  sideValues: { name: string; blocks: number[] }[];
  copyable(block: number, position: number): boolean;
}

/** Regions, leaks and side values, as `Structure` describes them. */
export function assignRegions(flow: Flow, anchors: Anchors, boundaries: Boundaries): Regions {
  const { nodes, deps } = flow;
  const n = anchors.positions.length;
  const boundary = new Map(boundaries.cuts.map((c, i) => [c.value, i]));
  const first = boundaries.cuts[0]!.value;
  const { region, valueRegion } = byPosition(flow, boundaries, boundary);
  const { sources, layoutOnly } = prologueSources(flow, region, first);
  const stateRegion = new Map<string, number>();
  for (const [k, index] of anchors.stateIndices.entries())
    for (const s of flow.states.get(index) ?? []) stateRegion.set(s.input, k + 1);
  const readers = sinkSideNodes({ flow, region, valueRegion, sources, first, stateRegion });

  const leaks: Leak[] = [];
  for (const [p] of nodes.entries()) {
    const to = region[p]!;
    if (to === CONSTANT_CONE) continue;
    for (const x of deps[p]!) {
      if (flow.constants.has(x) || flow.inputs.has(x)) continue;
      const b = boundary.get(x);
      if (b !== undefined) {
        if (to !== b + 1 && !(b === 0 && to === 0))
          leaks.push({ value: x, from: b, to, reader: p });
        continue;
      }
      const from = valueRegion.get(x) ?? 0;
      if ((from !== to && from !== 0) || (from === 0 && to > 0 && flow.content.has(x)))
        leaks.push({ value: x, from, to, reader: p });
    }
  }

  const copyable = (block: number, position: number): boolean => {
    const from = sources[position];
    if (!from || from.size === 0 || block < 0 || block >= n || !layoutOnly[position]) return false;
    const own = (x: string): boolean =>
      stateRegion.get(x) === block + 1 || (block === 0 && x === first);
    return [...from].every(own) && [...readers[position]!].every((r) => r === 0 || r === block + 1);
  };

  const side = new Map<string, Set<number>>();
  for (const [p] of nodes.entries()) {
    const r = region[p]!;
    if (r <= 0) continue;
    for (const x of deps[p]!) {
      if (
        flow.constants.has(x) ||
        boundary.has(x) ||
        valueRegion.get(x) !== 0 ||
        stateRegion.has(x)
      )
        continue;
      const producer = flow.producer.get(x);
      if (producer !== undefined && copyable(r - 1, producer)) continue;
      const blocks = side.get(x) ?? new Set();
      if (r <= n) blocks.add(r - 1);
      side.set(x, blocks);
    }
  }
  const sideValues = [...side].map(([name, blocks]) => ({
    name,
    blocks: [...blocks].sort((a, b) => a - b),
  }));
  return { region, leaks, sideValues, copyable };
}

/** Nodes on the path by their position between the boundaries, others by their latest input. */
function byPosition(
  flow: Flow,
  boundaries: Boundaries,
  boundary: ReadonlyMap<string, number>,
): { region: Int32Array; valueRegion: Map<string, number> } {
  const { nodes, deps } = flow;
  const region = new Int32Array(nodes.length).fill(CONSTANT_CONE);
  const valueRegion = new Map<string, number>();
  for (const x of flow.inputs) valueRegion.set(x, 0);
  const ends = boundaries.cuts.map((c) => c.position);
  let current = 0;
  for (const [p, n] of nodes.entries()) {
    while (current < ends.length && p > ends[current]!) current++;
    if (flow.isConstant[p]) continue;
    let r = 0;
    if (flow.onPath[p]) r = current;
    else {
      for (const x of deps[p]!) {
        if (flow.constants.has(x)) continue;
        const b = boundary.get(x);
        // For nodes without content, boundary 0 counts as prologue. Content off the path (present
        // outputs) belongs to the block that the boundary enters.
        if (b === undefined) r = Math.max(r, valueRegion.get(x) ?? 0);
        else if (b > 0 || flow.isContent[p]) r = Math.max(r, b + 1);
      }
    }
    region[p] = r;
    for (const o of n.outputs) if (o) valueRegion.set(o, r);
  }
  return { region, valueRegion };
}

/**
 * For each prologue node without content: the graph inputs (and boundary 0) that it depends on, and
 * whether it does so through layout operators only.
 */
function prologueSources(
  flow: Flow,
  region: Int32Array,
  first: string,
): { sources: (Set<string> | undefined)[]; layoutOnly: boolean[] } {
  const sources: (Set<string> | undefined)[] = [];
  const layoutOnly: boolean[] = [];
  for (const [p, n] of flow.nodes.entries()) {
    if (region[p] !== 0 || flow.isContent[p]) continue;
    const from = new Set<string>();
    let layout = LAYOUT_OPS.has(n.op);
    for (const x of flow.deps[p]!) {
      if (flow.constants.has(x)) continue;
      if (x === first || flow.inputs.has(x)) {
        from.add(x);
        continue;
      }
      const q = flow.producer.get(x);
      const inner = q === undefined || flow.isContent[q] ? undefined : sources[q];
      if (inner) for (const y of inner) from.add(y);
      else from.add(CONTENT);
      if (from.size > MAX_SOURCES) break;
      if (q !== undefined && layoutOnly[q] === false) layout = false;
    }
    sources[p] = from.size > MAX_SOURCES ? MANY : from;
    layoutOnly[p] = layout && from.size <= MAX_SOURCES;
  }
  return { sources, layoutOnly };
}

/**
 * Moves prologue nodes that only one block reads into that block. Returns, for each node, the
 * regions that read its outputs.
 */
function sinkSideNodes(at: {
  flow: Flow;
  region: Int32Array;
  valueRegion: Map<string, number>;
  sources: readonly (Set<string> | undefined)[];
  first: string;
  stateRegion: ReadonlyMap<string, number>;
}): Set<number>[] {
  const { flow, region, valueRegion, sources, first, stateRegion } = at;
  const users = new Map<string, Set<number>>();
  const readers: Set<number>[] = [];
  const outputs = new Set(flow.graph.outputs.map((o) => o.name));
  for (let p = flow.nodes.length - 1; p >= 0; p--) {
    const n = flow.nodes[p]!;
    if (region[p] === CONSTANT_CONE) continue;
    const read = new Set<number>();
    for (const o of n.outputs) for (const r of users.get(o) ?? []) read.add(r);
    readers[p] = read;
    if (
      region[p] === 0 &&
      !flow.isContent[p] &&
      read.size === 1 &&
      !n.outputs.some((o) => outputs.has(o))
    ) {
      const [r = 0] = read;
      const operands = flow.deps[p]!.filter((x) => !flow.constants.has(x));
      const from = sources[p] ?? new Set([CONTENT]);
      const ownState =
        operands.length > 0 &&
        [...from].every((x) => stateRegion.get(x) === r || (r === 1 && x === first));
      const layout = LAYOUT_OPS.has(n.op) && !SIZE_OPS.has(n.op);
      const scaled = ARITHMETIC_OPS.has(n.op) && operands.length === 1;
      if (r !== 0 && (ownState || layout || scaled)) {
        region[p] = r;
        for (const o of n.outputs) if (o) valueRegion.set(o, r);
      }
    }
    for (const x of flow.deps[p]!) {
      const set = users.get(x) ?? new Set();
      set.add(region[p]!);
      users.set(x, set);
    }
  }
  return readers;
}
