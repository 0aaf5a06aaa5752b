// Units: what can be removed from a model, a block or one of its two sublayers, as plain values.

/** The attention (MHA) or the feed-forward sublayer (FFN) of a block. */
export type Sublayer = 'attn' | 'ffn';

/** A sublayer of a block: "7.attn" is the attention of block 7. */
export type SublayerUnit = `${number}.${Sublayer}`;

/**
 * A block or a sublayer, numbered as in the original. Plans are lists of units in the order of
 * `sortUnits`, so that `join()` identifies a plan: "3,7.attn,9".
 */
export type Unit = number | SublayerUnit;

const UNIT = /^(\d{1,4})(?:\.(attn|ffn))?$/;
const RANGE = /^(\d{1,4})\s*-\s*(\d{1,4})$/;

export function sublayerUnit(block: number, sublayer: Sublayer): SublayerUnit {
  return `${block}.${sublayer}`;
}

export function blockOf(unit: Unit): number {
  return typeof unit === 'number' ? unit : Number.parseInt(unit, 10);
}

/** The sublayer of a unit; null for a block. */
export function sublayerOf(unit: Unit): Sublayer | null {
  if (typeof unit === 'number') return null;
  return unit.endsWith('.attn') ? 'attn' : 'ffn';
}

/** The other sublayer of the same block. */
export function otherSublayer(unit: SublayerUnit): SublayerUnit {
  return sublayerUnit(blockOf(unit), sublayerOf(unit) === 'attn' ? 'ffn' : 'attn');
}

/** Parses a unit ("7", "7.attn"); null for anything else. */
export function parseUnit(text: string): Unit | null {
  const match = UNIT.exec(text.trim());
  if (!match) return null;
  const block = Number(match[1]);
  return match[2] ? sublayerUnit(block, match[2] as Sublayer) : block;
}

/**
 * Units in ascending order of blocks, each once. Both sublayers of a block, or a sublayer together
 * with its block, become the block.
 */
export function sortUnits(units: Iterable<Unit>): Unit[] {
  const found = new Map<number, Set<Sublayer | null>>();
  for (const unit of units)
    found.set(blockOf(unit), (found.get(blockOf(unit)) ?? new Set()).add(sublayerOf(unit)));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([block, sublayers]) => {
      const [only = null] = sublayers;
      return only === null || sublayers.size > 1 ? block : sublayerUnit(block, only);
    });
}

/** The blocks that a plan removes entirely, ascending. */
export function wholeBlocks(units: readonly Unit[]): number[] {
  return units.filter((unit) => typeof unit === 'number');
}

/** The sublayers that a plan removes alone, in its order. */
export function sublayerUnits(units: readonly Unit[]): SublayerUnit[] {
  return units.filter((unit) => typeof unit !== 'number');
}

/** How many of `numBlocks` blocks remain, including those that lose one sublayer. */
export function blocksLeft(numBlocks: number, removed: readonly Unit[]): number {
  return numBlocks - wholeBlocks(removed).length;
}

/** `[3, 7, 8, 9, '11.attn']` as "3,7-9,11.attn"; only ranges of three and more are abbreviated. */
export function formatUnits(units: readonly Unit[]): string {
  const written: string[] = [];
  for (let i = 0; i < units.length; ) {
    let j = i;
    while (typeof units[j] === 'number' && units[j + 1] === blockOf(units[j]!) + 1) j++;
    if (j - i >= 2) written.push(`${units[i]}-${units[j]}`);
    else for (let k = i; k <= j; k++) written.push(String(units[k]));
    i = j + 1;
  }
  return written.join(',');
}

/** Parses "3,7-9,11.attn": the units in order, or the first item that is not a unit or range. */
export function parseUnits(
  text: string,
): { units: Unit[]; wrong: null } | { units: null; wrong: string } {
  const units: Unit[] = [];
  for (const item of text.split(',').map((word) => word.trim())) {
    if (item === '') continue;
    const range = RANGE.exec(item);
    const [first, last] = [Number(range?.[1]), Number(range?.[2])];
    const unit = parseUnit(item);
    if (unit !== null) units.push(unit);
    else if (range && first <= last)
      for (let block = first; block <= last; block++) units.push(block);
    else return { units: null, wrong: item };
  }
  return { units: sortUnits(units), wrong: null };
}
