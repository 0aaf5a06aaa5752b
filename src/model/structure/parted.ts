// Blocks that lost a sublayer in an earlier removal: the metadata of the graph name their
// boundaries, and the data flow must confirm them.

import { readJsonObject } from '../../json.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Sublayer } from '../../units.ts';
import { type Anchors, type Boundaries, lastSum, MAX_BLOCKS, middles } from './boundaries.ts';
import { MAX_CONFIG_BYTES } from './config.ts';
import type { Cut, Flow } from './flow.ts';

/**
 * Metadata key of a graph in which some block lacks a sublayer. Without its attention nothing in
 * the graph separates a block from its neighbour.
 */
const KEY = 'espalier_parts';

/** N + 1 values of the residual stream, and the sublayers of each of the N blocks between them. */
export interface Parting {
  cuts: string[];
  parts: Sublayer[][];
}

export interface Parted {
  anchors: Anchors;
  boundaries: Boundaries;
  lacks: (Sublayer | null)[];
}

/** The metadata with an entry for these blocks; without one when every block has both sublayers. */
export function withParting(
  metadata: ReadonlyMap<string, string>,
  parting: Parting,
): Map<string, string> {
  const entries = new Map(metadata);
  if (parting.parts.every((sublayers) => sublayers.length === 2)) entries.delete(KEY);
  else entries.set(KEY, JSON.stringify(parting));
  return entries;
}

/** The metadata of the same graph with other names of its values. */
export function withCutNames(
  metadata: ReadonlyMap<string, string>,
  nameOf: (value: string) => string,
): Map<string, string> {
  const parting = readParting(metadata.get(KEY));
  if (!parting) return new Map(metadata);
  const cuts = parting.cuts.map(nameOf);
  return new Map(metadata).set(KEY, JSON.stringify({ ...parting, cuts }));
}

/**
 * Anchors and boundaries according to the metadata; null when there is no entry, or when the graph
 * was changed since. Every named value must be a cut, in order, and a block must contain an anchor
 * exactly if it is said to have attention.
 * @param found anchors of the blocks that have attention.
 */
export function partedBlocks(
  model: Model,
  flow: Flow,
  found: Anchors,
  typeOf: (value: string) => number,
): Parted | null {
  const parting = readParting(model.metadata.get(KEY));
  if (!parting) return null;
  const cuts = cutsNamed(flow, parting.cuts);
  if (!cuts || new Set(cuts.map((cut) => typeOf(cut.value))).size > 1) return null;
  const anchors: Anchors = { kind: found.kind, stateIndices: [], positions: [] };
  let next = 0;
  for (const [i, sublayers] of parting.parts.entries()) {
    const [from, to] = [cuts[i]!.position, cuts[i + 1]!.position];
    const at = found.positions[next];
    const inside = at !== undefined && at > from && at <= to;
    if (to <= from || inside !== sublayers.includes('attn')) return null;
    anchors.positions.push(inside ? at : from + 1);
    anchors.stateIndices.push(inside ? found.stateIndices[next]! : -1);
    if (inside) next++;
  }
  if (next < found.positions.length) return null;
  const mids = middles(flow, cuts, typeOf).map((mid, i) =>
    parting.parts[i]!.length < 2 ? null : mid,
  );
  const lacks = parting.parts.map((sublayers): Sublayer | null => {
    if (sublayers.length === 2) return null;
    return sublayers[0] === 'attn' ? 'ffn' : 'attn';
  });
  return { anchors, boundaries: { cuts, mids }, lacks };
}

/**
 * The cuts of these names. Fusing the final norm may have renamed the sum before it; that cut is
 * then the last sum of two content values.
 */
function cutsNamed(flow: Flow, names: readonly string[]): Cut[] | null {
  const byName = new Map(flow.cuts.map((cut) => [cut.value, cut]));
  const cuts = names.map(
    (name, k) =>
      byName.get(name) ?? (k === names.length - 1 ? lastSum(flow, flow.cuts) : undefined),
  );
  return cuts.every((cut) => cut !== undefined) ? cuts : null;
}

function readParting(text: string | undefined): Parting | null {
  const read = text === undefined ? null : readJsonObject(text, { max: MAX_CONFIG_BYTES });
  if (!read?.ok) return null;
  const { cuts, parts } = read.value;
  if (
    !Array.isArray(cuts) ||
    !Array.isArray(parts) ||
    cuts.length !== parts.length + 1 ||
    parts.length > MAX_BLOCKS
  )
    return null;
  if (!cuts.every((cut): cut is string => typeof cut === 'string')) return null;
  const known = parts.map((list: unknown) =>
    SUBLAYERS.find((some) => some.join() === String(list)),
  );
  return known.every((some) => some !== undefined)
    ? { cuts, parts: known.map((some) => [...some]) }
    : null;
}

const SUBLAYERS: readonly (readonly Sublayer[])[] = [['attn', 'ffn'], ['attn'], ['ffn']];
