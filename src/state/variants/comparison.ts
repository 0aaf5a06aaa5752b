// Two pinned rows of the Variants table side by side.

import type { Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';
import { tableRows } from './folderRows.ts';
import { type VariantRow, wayOfRow } from './variants.ts';

export interface Comparison {
  a: VariantRow;
  b: VariantRow;
  /** Units that only one of them has removed. */
  onlyA: Unit[];
  onlyB: Unit[];
  /** False when the two speeds were measured differently. */
  speedsCompare: boolean;
}

/** The two pinned variants, or null. */
export const comparison = derive(
  (state: StudioState) => [tableRows(state), state.variants.pinned],
  (rows, pinned): Comparison | null => {
    const [a, b] = pinned.map((key) => rows.find((row) => row.key === key));
    if (!a || !b) return null;
    // Blocks of another folder's source have other numbers than those of this one.
    const isAlike = a.folder === null && b.folder === null;
    const onlyIn = (one: VariantRow, other: VariantRow) =>
      isAlike ? one.removed.filter((unit) => !other.removed.includes(unit)) : [];
    return {
      a,
      b,
      onlyA: onlyIn(a, b),
      onlyB: onlyIn(b, a),
      speedsCompare: wayOfRow(a) !== null && wayOfRow(a) === wayOfRow(b),
    };
  },
);
