// Which parts of a pruned model are refitted, in which order, and towards which state of the
// original.

import { blockOf, sublayerOf, sublayerUnit, type Unit } from '../../units.ts';

/** A state of the original: before block `cut` (after the last one: N), or inside of a block. */
export interface OriginalState {
  cut: number;
  /** After the attention of block `cut`. */
  insideBlock: boolean;
}

export interface RefitTarget {
  /** A kept block, or what is left of one. */
  unit: Unit;
  /** Index of the unit among those that are kept. */
  at: number;
  /** What the residual stream after it should be. */
  wanted: OriginalState;
  /** The removed units that follow at once; none for a block that is refitted because of `all`. */
  run: Unit[];
}

export interface RefitOrder {
  /** Blocks, and what is left of blocks, in the order in which the pruned model runs them. */
  kept: Unit[];
  targets: RefitTarget[];
  /** The removed units that nothing is before: nothing can make up for them. */
  first: Unit[];
}

interface Part {
  unit: Unit;
  isKept: boolean;
  ends: OriginalState;
}

/** @param all every kept unit behind the first removal, not only the last one before each run */
export function refitOrder(numBlocks: number, removed: readonly Unit[], all: boolean): RefitOrder {
  const parts = partsOf(numBlocks, new Set(removed));
  const kept = parts.filter(({ isKept }) => isKept).map(({ unit }) => unit);
  const firstKept = parts.findIndex(({ isKept }) => isKept);
  const before = firstKept < 0 ? parts : parts.slice(0, firstKept);
  const targets: RefitTarget[] = [];
  let hasRemoved = before.length > 0;
  for (let k = Math.max(0, firstKept); k < parts.length && firstKept >= 0; k++) {
    const { unit, isKept } = parts[k]!;
    if (!isKept) continue;
    let end = k + 1;
    while (end < parts.length && !parts[end]!.isKept) end++;
    const run = parts.slice(k + 1, end).map((part) => part.unit);
    if (run.length > 0 || (all && hasRemoved))
      targets.push({ unit, at: kept.indexOf(unit), wanted: parts[end - 1]!.ends, run });
    hasRemoved ||= run.length > 0;
  }
  return { kept, targets, first: before.map(({ unit }) => unit) };
}

function partsOf(numBlocks: number, removed: ReadonlySet<Unit>): Part[] {
  return Array.from({ length: numBlocks }, (_, block): Part[] => {
    const after = { cut: block + 1, insideBlock: false };
    const inside = { cut: block, insideBlock: true };
    const [attention, feedForward] = [sublayerUnit(block, 'attn'), sublayerUnit(block, 'ffn')];
    const gone = [attention, feedForward].find((unit) => removed.has(unit));
    if (gone === undefined || removed.has(block))
      return [{ unit: block, isKept: !removed.has(block), ends: after }];
    return [attention, feedForward].map((unit) => ({
      unit,
      isKept: unit !== gone,
      ends: unit === attention ? inside : after,
    }));
  }).flat();
}

/** "block 6", "the attention of block 6", for messages. */
export function unitInWords(unit: Unit): string {
  const sublayer = sublayerOf(unit);
  if (sublayer === null) return `block ${blockOf(unit)}`;
  return `the ${sublayer === 'attn' ? 'attention' : 'feed-forward'} of block ${blockOf(unit)}`;
}
