// What GPTQ does in another way than asked, in words.

import { listed } from '../../../model/export/markdown.ts';
import type { QuantisableMatrix } from '../../../model/quantise/matrices.ts';

/** Names that a sentence holds; of more it says how many. */
const MOST = 4;

/** Of matrices in a form that statistics cannot be taken for. */
export function plainNotes(plain: readonly QuantisableMatrix[]): string[] {
  return rounded(
    plain.map(({ tensor }) => tensor),
    (one) => `because GPTQ does not find what ${one ? 'it multiplies' : 'they multiply'}`,
  );
}

/** Of experts that no token is sent to, for the most part. @param tensors by name */
export function unseenNotes(tensors: readonly string[]): string[] {
  return rounded(
    tensors,
    (one) =>
      `because what ${one ? 'it multiplies' : 'they multiply'} is zero on the whole calibration ` +
      'text',
  );
}

/** Multiplications and additions in float64 of one core of a recent computer, a second. */
const PER_SECOND = 4e9;
const LONG_SECONDS = 300;

/** @param operations multiplications and additions of the factors and of all columns */
export function timeNotes(operations: number): string[] {
  const seconds = operations / PER_SECOND;
  if (seconds < LONG_SECONDS) return [];
  const minutes = Math.round(seconds / 60);
  const time = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return [
    `The algebra of GPTQ alone takes about ${time} on one core of a recent computer. RTN and HQQ ` +
      'need none.',
  ];
}

function rounded(tensors: readonly string[], because: (one: boolean) => string): string[] {
  const names = [...new Set(tensors)];
  if (names.length === 0) return [];
  const one = names.length === 1;
  const shown = names.length > MOST ? names.slice(0, MOST - 1) : names;
  const more = names.length - shown.length;
  const all = listed(more > 0 ? [...shown, `${more} more`] : shown);
  return [
    `${one ? 'The matrix' : 'The matrices'} ${all} ${one ? 'is' : 'are'} rounded to the nearest, ` +
      `${because(one)}.`,
  ];
}
