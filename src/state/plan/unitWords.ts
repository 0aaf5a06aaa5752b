// Units of removal in words, the same everywhere: how many, which ones.

import { blockOf, sublayerOf, sublayerUnits, type Unit, wholeBlocks } from '../../units.ts';

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

const joined = (items: readonly string[]) =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** How many units: "3 blocks", "2 blocks and 1 attention sublayer", "no block". */
export function countUnits(units: readonly Unit[]): string {
  const blocks = wholeBlocks(units).length;
  const sublayers = sublayerUnits(units);
  const attention = sublayers.filter((unit) => sublayerOf(unit) === 'attn').length;
  const feedForward = sublayers.length - attention;
  const words = [
    blocks > 0 && count(blocks, 'block'),
    attention > 0 && count(attention, 'attention sublayer'),
    feedForward > 0 && count(feedForward, 'feed-forward sublayer'),
  ].filter((word) => word !== false);
  return words.length > 0 ? joined(words) : 'no block';
}

/**
 * Which units, after "without": "2, 7 and 8", "3, 8 and the attention of 7". Sublayers come last:
 * numbers after one would read as more of its kind.
 */
export function listUnits(units: readonly Unit[]): string {
  return joined([
    ...wholeBlocks(units).map(String),
    ...sublayerUnits(units).map((unit) => `the ${sublayerName(unit)} of ${blockOf(unit)}`),
  ]);
}

/** One unit: "block 7", "the attention of block 7". */
export function nameUnit(unit: Unit): string {
  return typeof unit === 'number'
    ? `block ${unit}`
    : `the ${sublayerName(unit)} of block ${blockOf(unit)}`;
}

const sublayerName = (unit: Unit) => (sublayerOf(unit) === 'attn' ? 'attention' : 'feed-forward');

/** Sublayers that a plan removes, two for a whole block. */
export function countSublayers(units: readonly Unit[]): number {
  return units.reduce<number>((sum, unit) => sum + (typeof unit === 'number' ? 2 : 1), 0);
}
