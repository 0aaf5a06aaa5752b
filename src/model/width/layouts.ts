// The orders in which the columns of a product may belong to groups or channels.

import type { ProductRole } from '../healing/peft/families.ts';
import type { BlockProduct } from '../healing/peft/product.ts';
import { joined, type Owners, runs } from './trace/label.ts';

/**
 * One where the columns of each part are known; otherwise the parts one after the other, or in turn
 * for each group or channel.
 * @param spans columns of one group or channel in each part
 * @returns none where the columns do not divide so
 */
export function layouts(
  { outputs, parts }: BlockProduct,
  spans: Partial<Record<ProductRole, number>>,
  count: number,
): Owners[] {
  const span = (role: ProductRole): number => spans[role] ?? Number.NaN;
  const inOrder = parts.toSorted((a, b) => (a.columns?.[0] ?? 0) - (b.columns?.[0] ?? 0));
  const together = inOrder.reduce((sum, { role }) => sum + span(role), 0);
  if (together * count !== outputs) return [];
  const consecutive = joined(inOrder.map(({ role }) => runs(count, span(role))));
  const fits = inOrder.every(
    ({ role, columns }) => !columns || columns[1] - columns[0] === count * span(role),
  );
  if (parts.every(({ columns }) => columns !== null)) return fits ? [consecutive] : [];
  return [consecutive, runs(count, together)];
}
