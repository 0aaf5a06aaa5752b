// Divides what a healing is given into what it learns from and what it never sees, and says where
// the parts have sequences of tokens in common.

import { EspalierError } from '../../errors.ts';
import { OVERLAP_TOKENS, overlapOf, percentWords } from '../overlap.ts';
import type { Sequence } from './sequences.ts';

export interface Parts<T> {
  fit: T[];
  heldOut: T[];
}

/**
 * The last `share` of the token ids of a text is held out. @throws EspalierError `bad-input` for a
 * share outside of [0, 1)
 */
export function splitIds(ids: readonly number[], share: number): Parts<number> {
  checkShare(share);
  const at = ids.length - Math.round(ids.length * share);
  return { fit: ids.slice(0, at), heldOut: ids.slice(at) };
}

/**
 * Holds out a share of rows, drawn at random, at least one where the share is not 0; both parts
 * keep their order.
 * @param random uniform unsigned 32-bit integers of a seeded generator
 * @throws EspalierError `bad-input` for a share outside of [0, 1), and for too few rows
 */
export function splitRows<T>(rows: readonly T[], share: number, random: () => number): Parts<T> {
  checkShare(share);
  if (share === 0) return { fit: [...rows], heldOut: [] };
  const count = Math.max(1, Math.round(rows.length * share));
  if (count >= rows.length)
    throw new EspalierError(
      'bad-input',
      `There are too few rows to hold some out: ${rows.length}.`,
      'Give more instructions, or hold none out.',
    );
  const chosen = drawn(rows.length, count, random);
  return {
    fit: rows.filter((_, k) => !chosen.has(k)),
    heldOut: rows.filter((_, k) => chosen.has(k)),
  };
}

/** `count` of the numbers below `total`, each set equally likely. */
function drawn(total: number, count: number, random: () => number): Set<number> {
  const chosen = new Set<number>();
  // Floyd's algorithm: one draw for each.
  for (let j = total - count; j < total; j++) {
    const pick = Math.floor((random() / 2 ** 32) * (j + 1));
    chosen.add(chosen.has(pick) ? j : pick);
  }
  return chosen;
}

/** At most `most` of a list, evenly spaced: element floor(k * n / most). */
export function evenly<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, k) => list[Math.floor((k * list.length) / most)] as T);
}

function checkShare(share: number): void {
  if (!(share >= 0 && share < 1))
    throw new EspalierError(
      'bad-input',
      `The share that is held out must be at least 0 and below 1, not ${share}.`,
      'A tenth is 0.1.',
    );
}

/**
 * A warning where a text to measure on shares sequences of tokens with what the healing learns
 * from; null where it does not. What is not learned, such as prompts that are alike, is left out.
 * @param what the text, as in "the held-out part"
 */
export function learnedWarning(
  measured: readonly Sequence[],
  learned: readonly Sequence[],
  what: string,
): string | null {
  const share = overlapOf(measured.map(countedIds), learned.map(countedIds));
  if (share <= 0) return null;
  return (
    `${percentWords(share)} % of the ${OVERLAP_TOKENS}-token sequences of ${what} also occur ` +
    'in what the healing learns from: its numbers are too good there.'
  );
}

/** The token ids of a sequence whose predictions count; with the first of a whole text. */
function countedIds({ ids, weights }: Sequence): number[] {
  return ids.filter((_, k) => (weights[k - 1] ?? weights[0] ?? 0) > 0);
}
