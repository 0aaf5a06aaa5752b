// Finds the anchor of each block (first reader of its cache, or attention operator) and the cuts
// between blocks, without using names.

import { EspalierError } from '../../errors.ts';
import { shortName } from '../../onnx/limits.ts';
import { type Cut, type Flow, SHAPE_OPS } from './flow.ts';
import { isAttention } from './stream/attention.ts';
import { mixerAnchors, sumAnchors } from './stream/mixers.ts';
import { unsupported } from './stream/unsupported.ts';

/** Operators that pass the residual stream on unchanged; their outputs are no boundaries. */
const PASSING_OPS: ReadonlySet<string> = new Set(['Cast', 'Identity']);

export interface Anchors {
  kind: 'kv' | 'attention-op' | 'residual';
  /**
   * State index of each block; its ordinal in graphs without states, -1 for a block without keys
   * and values of its own.
   */
  stateIndices: number[];
  /** Position of the anchor of each block, ascending. */
  positions: number[];
}

export interface Boundaries {
  /** N + 1 cuts: before block 0, ..., after block N - 1. */
  cuts: Cut[];
  /** The value between attention and feed-forward of each block, or null. */
  mids: (string | null)[];
}

/**
 * Most blocks of a model. The deepest known decoders have 126; several steps are quadratic in it.
 */
export const MAX_BLOCKS = 512;

/**
 * One anchor per block, in graph order: what reads its cache, its attention operator, attention
 * that reads the cache of an earlier block, or another operator that mixes tokens (Mamba). Where
 * the layer count is known, it decides what counts; blocks without any of these are found by the
 * number of residual sums.
 * @param layers layer count of the config, or null when it is not known.
 * @throws EspalierError `unsupported-graph`; `too-large` beyond MAX_BLOCKS.
 */
export function findAnchors(flow: Flow, layers: number | null): Anchors {
  const attentions = attentionAnchors(flow);
  const all = merged(flow, attentions, mixerAnchors(flow, attentions.positions));
  const anchors = layers === attentions.positions.length ? attentions : all;
  const bySums =
    layers === null || layers === anchors.positions.length
      ? null
      : sumAnchors(flow, attentions.positions, layers);
  const found = bySums ? placed(flow, attentions, bySums) : anchors;
  const n = found.positions.length;
  if (n === 0)
    throw unsupported(
      'No blocks were found: the graph has no cache inputs and no attention operators.',
      'Choose the decoder graph of a transformer language model.',
    );
  if (n <= MAX_BLOCKS) return found;
  throw new EspalierError(
    'too-large',
    `The graph has ${n} blocks; Espalier stops at ${MAX_BLOCKS}.`,
    'No known decoder is that deep: export the model again, or report it if it is genuine.',
  );
}

/** Anchors together with further ones that have no cache. */
function merged(flow: Flow, anchors: Anchors, more: readonly number[]): Anchors {
  if (more.length === 0) return anchors;
  return placed(
    flow,
    anchors,
    [...anchors.positions, ...more].sort((a, b) => a - b),
  );
}

/** The positions as anchors; those that are no anchors of attention have no cache. */
function placed({ states }: Flow, anchors: Anchors, positions: number[]): Anchors {
  const indices = new Map(anchors.positions.map((p, k) => [p, anchors.stateIndices[k]!]));
  const ordinal = states.size === 0;
  return {
    kind: anchors.positions.length > 0 ? anchors.kind : 'residual',
    positions,
    stateIndices: positions.map((p, k) => {
      const index = indices.get(p) ?? -1;
      return ordinal && index >= 0 ? k : index;
    }),
  };
}

/** The anchors of blocks with attention or a cache, those that borrow their cache included. */
function attentionAnchors(flow: Flow): Anchors {
  const borrowed = new Set(flow.borrowings.map(({ position }) => position));
  const own =
    flow.states.size > 0
      ? cacheAnchors(flow)
      : attentionPositions(flow).filter((p) => !borrowed.has(p));
  const indices = [...flow.states.keys()];
  const anchors: Anchors = {
    kind: flow.states.size > 0 ? 'kv' : 'attention-op',
    positions: own,
    stateIndices: own.map((_, k) => indices[k] ?? k),
  };
  return merged(
    flow,
    anchors,
    [...borrowed].filter((p) => !own.includes(p) && separate(flow, own, p)),
  );
}

/** True when the graph can be cut between a position and the last anchor before it. */
function separate(flow: Flow, anchors: readonly number[], position: number): boolean {
  const before = anchors.findLast((p) => p < position) ?? -1;
  return flow.cuts.some((cut) => cut.position >= before && cut.position < position);
}

/** The first node that reads data of each cache. */
function cacheAnchors(flow: Flow): number[] {
  const { nodes, deps, states, isConstant, isContent, onPath, content } = flow;
  const indices = [...states.keys()];
  // Layers whose caches a value without content depends on; sizes do not count.
  const carried = new Map<string, ReadonlySet<number>>();
  for (const [i, pairs] of states) for (const s of pairs) carried.set(s.input, new Set([i]));
  const first = new Map<number, number>();
  for (const [p, n] of nodes.entries()) {
    if (SHAPE_OPS.has(n.op) || isConstant[p]) continue;
    const layers = union(
      deps[p]!.flatMap((x) => ((!isContent[p] || !content.has(x)) && carried.get(x)) || []),
    );
    if (layers.size === 0) continue;
    if (!isContent[p]) {
      for (const o of n.outputs) if (o) carried.set(o, layers);
    } else if (onPath[p]) for (const i of layers) if (!first.has(i)) first.set(i, p);
  }
  const unread = indices.filter((i) => !first.has(i));
  // The branch without a past of a merged decoder declares caches and reads none.
  const attention = unread.length === indices.length ? attentionPositions(flow) : [];
  if (unread.length > 0 && attention.length === indices.length) return attention;
  if (unread.length > 0) {
    throw unsupported(
      `The caches of layers ${unread.join(', ')} never reach the logits ` +
        `(${states.get(unread[0]!)?.[0]?.input ?? ''}).`,
      'Export the model again; its cache inputs do not belong to this graph.',
    );
  }
  const positions = indices.map((i) => first.get(i)!);
  const wrong = positions.findIndex((p, k) => k > 0 && p < positions[k - 1]!);
  if (wrong > 0) {
    throw unsupported(
      `The caches are not in graph order: layer ${indices[wrong]} is read before layer ` +
        `${indices[wrong - 1]}.`,
      'Models whose layers run in another order than their caches cannot be pruned here.',
    );
  }
  return positions;
}

/** Positions of the attention operators on the path to the logits. */
function attentionPositions(flow: Flow): number[] {
  return flow.nodes.flatMap((_, p) => (isAttention(flow, p) ? [p] : []));
}

/**
 * The union of sets: the largest of them itself when it contains the others, so that long chains of
 * values share one set.
 */
function union(sets: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  let most: ReadonlySet<number> = new Set();
  for (const set of sets) if (set.size > most.size) most = set;
  const more = new Set<number>();
  for (const set of new Set(sets))
    if (set !== most) for (const i of set) if (!most.has(i)) more.add(i);
  return more.size === 0 ? most : new Set([...most, ...more]);
}

/**
 * The boundaries between blocks: boundary i is the last cut before anchor i. The end of the last
 * block is found by comparing the operators that follow its anchor with those of other blocks.
 * @throws EspalierError `unsupported-graph` when more than one value crosses between two blocks.
 */
export function findBoundaries(
  flow: Flow,
  anchors: Anchors,
  typeOf: (value: string) => number,
): Boundaries {
  const { nodes } = flow;
  const at = anchors.positions;
  const n = at.length;
  // Cuts and anchors are both in graph order.
  const intervals = (cuts: readonly Cut[]): Cut[][] => {
    const found = Array.from({ length: n + 1 }, (): Cut[] => []);
    let i = 0;
    for (const cut of cuts) {
      while (i < n && cut.position >= at[i]!) i++;
      found[i]!.push(cut);
    }
    return found;
  };
  const lasts = (sets: readonly Cut[][]): (Cut | undefined)[] =>
    sets.slice(0, n).map((s) => s.at(-1));
  let candidates = intervals(
    flow.cuts.filter((c) => c.position < 0 || !PASSING_OPS.has(nodes[c.position]!.op)),
  );
  const plain = lasts(candidates);
  if (plain.some((c) => !c) || new Set(plain.map((c) => typeOf(c!.value))).size > 1)
    candidates = intervals(flow.cuts);
  const empty = candidates.slice(0, n).findIndex((s) => s.length === 0);
  if (empty >= 0) throw crossing(flow, at, empty);
  const cuts = lasts(candidates).map((c) => c!);
  cuts[0] = measuredStart(flow, cuts[0]!, at[0]!, typeOf);
  const end = lastEnd(candidates, n, flow);
  if (!end)
    throw unsupported(
      'The end of the last block was not found: what follows it looks unlike the other blocks.',
      'Export the model without fusing its head into the last block.',
    );
  cuts.push(end);
  const types = new Set(cuts.map((c) => typeOf(c.value)));
  if (types.size > 1) {
    throw unsupported(
      'The residual stream changes its element type between blocks (ONNX types ' +
        `${[...types].join(', ')}).`,
      'Export the model in one precision (float32 or float16).',
    );
  }
  return { cuts, mids: middles(flow, cuts, typeOf) };
}

/**
 * The start of the first block: behind Cast and Identity where sizes, and masks from these, are
 * taken of what they make, as all blocks use them.
 * @param end position of the first block's anchor
 */
function measuredStart(
  flow: Flow,
  start: Cut,
  end: number,
  typeOf: (value: string) => number,
): Cut {
  const later = new Map<string, Cut>();
  for (const cut of flow.cuts) {
    if (cut.position >= end) break;
    if (cut.position > start.position && typeOf(cut.value) === typeOf(start.value))
      later.set(cut.value, cut);
  }
  if (later.size === 0) return start;
  let found = start;
  for (const { op, inputs } of flow.nodes.slice(0, end)) {
    const cut = SHAPE_OPS.has(op) ? later.get(inputs[0] ?? '') : undefined;
    if (cut && cut.position > found.position) found = cut;
  }
  return found;
}

/**
 * For the block between each two cuts, the value between attention and feed-forward: the first of
 * exactly two residual sums. Null where there are not two.
 */
export function middles(
  flow: Flow,
  cuts: readonly Cut[],
  typeOf: (value: string) => number,
): (string | null)[] {
  const sums = cuts.slice(1).map((): Cut[] => []);
  let i = 0;
  for (const cut of flow.cuts) {
    while (i < sums.length && cut.position > cuts[i + 1]!.position) i++;
    if (
      i < sums.length &&
      cut.position > cuts[i]!.position &&
      flow.nodes[cut.position]!.op === 'Add'
    )
      sums[i]!.push(cut);
  }
  const type = typeOf(cuts[0]!.value);
  return sums.map(([first, ...more]) =>
    first && more.length === 1 && typeOf(first.value) === type ? first.value : null,
  );
}

/** The last cut that adds two content values: it ends a block, unlike the addition of a bias. */
export function lastSum(flow: Flow, cuts: readonly Cut[]): Cut | undefined {
  return cuts.findLast(({ position }) => {
    const node = flow.nodes[position];
    return node?.op === 'Add' && node.inputs.every((x) => flow.content.has(x));
  });
}

/**
 * The end of the last block: the cuts after its anchor are matched against those of earlier blocks.
 * The longest match counts, since a block without feed-forward matches the beginning of any other.
 */
function lastEnd(candidates: readonly Cut[][], n: number, flow: Flow): Cut | undefined {
  const tail = candidates[n]!;
  const op = (c: Cut): string => flow.nodes[c.position]?.op ?? '';
  if (n === 1) return lastSum(flow, tail) ?? tail.filter((c) => op(c) === 'Add').at(-1);
  let longest = 0;
  for (let i = n - 1; i > 0; i--) {
    const pattern = candidates[i]!;
    if (
      pattern.length > longest &&
      tail.length >= pattern.length &&
      pattern.every((c, k) => op(tail[k]!) === op(c))
    )
      longest = pattern.length;
  }
  return longest > 0 ? tail[longest - 1] : lastSum(flow, tail);
}

/** The error of several values between two blocks; it names those at the narrowest position. */
function crossing(flow: Flow, at: readonly number[], i: number): EspalierError {
  const where =
    i === 0 ? 'between the embedding and block 0' : `between block ${i - 1} and block ${i}`;
  const definedAt = (x: string): number => flow.producer.get(x) ?? -1;
  // Differences of the number of live values from node to node: one more where a value is computed,
  // one less at its last use.
  const steps = new Int32Array(flow.nodes.length + 2);
  for (const [x, last] of flow.lastUse) {
    if (definedAt(x) >= last) continue;
    steps[Math.max(definedAt(x), 0)]!++;
    steps[last]!--;
  }
  const from = Math.max(i ? at[i - 1]! : 0, 0);
  let best = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let gap = 0, alive = 0; gap < at[i]!; gap++) {
    alive += steps[gap]!;
    if (gap < from || !flow.onPath[gap] || alive > fewest) continue;
    fewest = alive;
    best = gap;
  }
  const names = [...flow.lastUse]
    .filter(([x, last]) => best >= 0 && definedAt(x) <= best && best < last)
    .map(([x]) => x);
  names.sort((a, b) => definedAt(a) - definedAt(b));
  return unsupported(
    `${names.length} values cross ${where} where one residual stream was expected: ` +
      `${names.slice(0, 6).map(shortName).join(', ')}.`,
    'Models that pass more than the residual stream from block to block (value residuals, ' +
      'shared states) cannot be pruned by block.',
  );
}
