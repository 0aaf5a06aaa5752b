// The order of the rows of the Variants table. Pure.

import { type VariantRow, wayOfRow } from '../../state/variants/variants.ts';
import { COLUMNS, type Column } from './columns.ts';

export interface Sort {
  id: Column['id'];
  down: boolean;
}

export type Order = 'none' | 'ascending' | 'descending';

/** What a click on the head of a column makes of its order. */
export const NEXT: Record<Order, (id: Column['id']) => Sort | null> = {
  none: (id) => ({ id, down: true }),
  descending: (id) => ({ id, down: false }),
  ascending: () => null,
};

export function orderOf(sort: Sort | null, id: Column['id']): Order {
  if (sort?.id !== id) return 'none';
  return sort.down ? 'descending' : 'ascending';
}

/** Unknown numbers come last in either order. */
function compare(a: number | null, b: number | null, down: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return down ? b - a : a - b;
}

/**
 * @param ways how speeds were measured, the commonest first: speeds of another way are not held
 *   against those of the first, and their rows follow
 */
export function sortedRows(
  rows: readonly VariantRow[],
  sort: Sort | null,
  ways: readonly string[],
): readonly VariantRow[] {
  const column = COLUMNS.find(({ id }) => id === sort?.id);
  if (!sort || !column) return rows;
  // A predicted speed is one of the commonest way.
  const group = (row: VariantRow) =>
    column.ofSpeed ? Math.max(0, ways.indexOf(wayOfRow(row) ?? '')) : 0;
  return [...rows].sort(
    (a, b) => group(a) - group(b) || compare(column.value(a), column.value(b), sort.down),
  );
}
