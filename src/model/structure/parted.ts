// Blocks that lost a sublayer in an earlier removal: the graph's metadata say where they are, the
// data flow must agree; must not trust the names alone.

import { MAX_CONFIG_BYTES, readJsonObject } from '../../json.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Sublayer } from '../../units.ts';
import { type Anchors, type Boundaries, lastSum, MAX_BLOCKS, middles } from './boundaries.ts';
import type { Cut, Flow } from './flow.ts';

/**
 * Key of the metadata of a graph in which some block lacks a sublayer: without its attention
 * nothing in the graph tells a block from its neighbour.
 */
const KEY = 'espalier_parts';

/** N + 1 values of the residual stream, and what each of the N blocks between them is made of. */
export interface Parting {
  cuts: string[];
  parts: Sublayer[][];
}

export interface Parted {
  anchors: Anchors;
  boundaries: Boundaries;
  lacks: (Sublayer | null)[];
}

/** The metadata of a graph with these blocks. */
export function withParting(
  metadata: ReadonlyMap<string, string>,
  parting: Parting,
): Map<string, string> {
  const told = new Map(metadata);
  if (parting.parts.every((sublayers) => sublayers.length === 2)) told.delete(KEY);
  else told.set(KEY, JSON.stringify(parting));
  return told;
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
 * Anchors and boundaries as the metadata tell them, or null when they tell nothing or the graph is
 * another by now: every value must be a cut, in order, and every block must hold the one anchor
 * that it says it has.
 * @param found anchors of the blocks that have attention
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
  const lacks = parting.parts.map((sublayers): Sublayer | null =>
    sublayers.length === 2 ? null : sublayers[0] === 'attn' ? 'ffn' : 'attn',
  );
  return { anchors, boundaries: { cuts, mids }, lacks };
}

/**
 * The cuts of these names. The sum before the final norm may have lost its name to the norm: it is
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
