// What may be removed: a whole block or one of its two parts, as plain values that every room can hold and compare. Must not know graphs or weights.

/** The attention part (MHA) or the feed-forward part (FFN) of a block, as plans, addresses and the command line write them. */
export type Part = 'attn' | 'ffn';

/** A part alone: "7.attn" is the attention of block 7. */
export type PartUnit = `${number}.${Part}`;

/**
 * A unit in the numbering of the original model: the number of a whole block, or a part of one. Lists of units (plans) are kept in the order
 * that `sortUnits` gives, so that `join()` is a key of the plan: "3,7.attn,9".
 */
export type Unit = number | PartUnit;

const WRITTEN = /^(\d{1,6})(?:\.(attn|ffn))?$/;

export function partUnit(block: number, part: Part): PartUnit {
  return `${block}.${part}`;
}

export function blockOf(unit: Unit): number {
  return typeof unit === 'number' ? unit : Number.parseInt(unit, 10);
}

/** null for a whole block. */
export function partOf(unit: Unit): Part | null {
  return typeof unit === 'number' ? null : unit.endsWith('.attn') ? 'attn' : 'ffn';
}

/** A unit as it is written ("7", "7.attn"), or null for anything else. */
export function parseUnit(text: string): Unit | null {
  const match = WRITTEN.exec(text.trim());
  if (!match) return null;
  const block = Number(match[1]);
  return match[2] ? partUnit(block, match[2] as Part) : block;
}

/** Ascending by block, attention before feed-forward, without repeats; both parts of a block, or a part beside its block, become the block. */
export function sortUnits(units: Iterable<Unit>): Unit[] {
  const found = new Map<number, Set<Part | null>>();
  for (const unit of units) found.set(blockOf(unit), (found.get(blockOf(unit)) ?? new Set()).add(partOf(unit)));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([block, parts]) =>
      parts.has(null) || parts.size > 1 ? block : parts.has('attn') ? partUnit(block, 'attn') : partUnit(block, 'ffn'),
    );
}

/** Whole blocks of a plan, ascending. */
export function wholeBlocks(units: readonly Unit[]): number[] {
  return units.filter((unit) => typeof unit === 'number');
}

/** Parts of a plan that are removed alone, in its order. */
export function partUnits(units: readonly Unit[]): PartUnit[] {
  return units.filter((unit) => typeof unit !== 'number');
}
