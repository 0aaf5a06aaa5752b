// What may be removed: a whole block or one of its two sublayers, as plain values that every room
// can hold and compare. Must not know graphs or weights.

/**
 * The attention sublayer (MHA) or the feed-forward sublayer (FFN) of a block, as plans, addresses
 * and the command line write them.
 */
export type Sublayer = 'attn' | 'ffn';

/** A sublayer alone: "7.attn" is the attention of block 7. */
export type SublayerUnit = `${number}.${Sublayer}`;

/**
 * A unit in the numbering of the original model: the number of a whole block, or a sublayer of one.
 * Lists of units (plans) are kept in the order that `sortUnits` gives, so that `join()` is a key of
 * the plan: "3,7.attn,9".
 */
export type Unit = number | SublayerUnit;

const WRITTEN = /^(\d{1,4})(?:\.(attn|ffn))?$/;
const RANGE = /^(\d{1,4})\s*-\s*(\d{1,4})$/;

export function sublayerUnit(block: number, sublayer: Sublayer): SublayerUnit {
  return `${block}.${sublayer}`;
}

export function blockOf(unit: Unit): number {
  return typeof unit === 'number' ? unit : Number.parseInt(unit, 10);
}

/** null for a whole block. */
export function sublayerOf(unit: Unit): Sublayer | null {
  return typeof unit === 'number' ? null : unit.endsWith('.attn') ? 'attn' : 'ffn';
}

/** A unit as it is written ("7", "7.attn"), or null for anything else. */
export function parseUnit(text: string): Unit | null {
  const match = WRITTEN.exec(text.trim());
  if (!match) return null;
  const block = Number(match[1]);
  return match[2] ? sublayerUnit(block, match[2] as Sublayer) : block;
}

/**
 * Ascending by block, attention before feed-forward, without repeats; both sublayers of a block, or
 * a sublayer beside its block, become the block.
 */
export function sortUnits(units: Iterable<Unit>): Unit[] {
  const found = new Map<number, Set<Sublayer | null>>();
  for (const unit of units)
    found.set(blockOf(unit), (found.get(blockOf(unit)) ?? new Set()).add(sublayerOf(unit)));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([block, sublayers]) =>
      sublayers.has(null) || sublayers.size > 1
        ? block
        : sublayers.has('attn')
          ? sublayerUnit(block, 'attn')
          : sublayerUnit(block, 'ffn'),
    );
}

/** Whole blocks of a plan, ascending. */
export function wholeBlocks(units: readonly Unit[]): number[] {
  return units.filter((unit) => typeof unit === 'number');
}

/** Sublayers of a plan that are removed alone, in its order. */
export function sublayerUnits(units: readonly Unit[]): SublayerUnit[] {
  return units.filter((unit) => typeof unit !== 'number');
}

/** How many of `numBlocks` blocks a plan leaves, those that lost one sublayer among them. */
export function blocksLeft(numBlocks: number, removed: readonly Unit[]): number {
  return numBlocks - wholeBlocks(removed).length;
}

/** `[3, 7, 8, 9, '11.attn']` as "3,7-9,11.attn"; runs of two stay apart. */
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

/**
 * The units of "3,7-9,11.attn" in order, or the first piece of the text that is none; an empty text
 * has none.
 */
export function parseUnits(
  text: string,
): { units: Unit[]; wrong: null } | { units: null; wrong: string } {
  const units: Unit[] = [];
  for (const piece of text.split(',').map((word) => word.trim())) {
    if (piece === '') continue;
    const range = RANGE.exec(piece);
    const [first, last] = [Number(range?.[1]), Number(range?.[2])];
    const unit = parseUnit(piece);
    if (unit !== null) units.push(unit);
    else if (range && first <= last)
      for (let block = first; block <= last; block++) units.push(block);
    else return { units: null, wrong: piece };
  }
  return { units: sortUnits(units), wrong: null };
}
