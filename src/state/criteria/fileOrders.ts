// The orders and scores that came from files of other tools.

import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

/** An order that came from a file, with its name among the known orders. */
export interface FileOrder {
  name: 'file-order' | 'file-ppl';
  label: string;
  file: string;
  /** Least important first; blocks that the file leaves out are missing. */
  blocks: readonly number[];
}

export const fileOrders = derive(
  (state: StudioState) => [state.interop],
  ({ order, table }): FileOrder[] => {
    const orders: FileOrder[] = [];
    if (order) orders.push({ name: 'file-order', label: 'order from file', ...order });
    if (table) {
      const rows = [...table.table.rows].sort(
        (a, b) =>
          (a.ppl ?? Number.POSITIVE_INFINITY) - (b.ppl ?? Number.POSITIVE_INFINITY) ||
          a.block - b.block,
      );
      orders.push({
        name: 'file-ppl',
        label: 'PPL from file',
        file: table.file,
        blocks: rows.map(({ block }) => block),
      });
    }
    return orders;
  },
);

/**
 * Mean NLLs in nats of a table from a file, NaN for blocks that it leaves out; null without one.
 */
export const fileScores = derive(
  (state: StudioState) => [state.interop.table, state.model.current],
  (table, model): readonly number[] | null => {
    if (!table || !model) return null;
    const scores = Array<number>(model.summary.numBlocks).fill(Number.NaN);
    for (const { block, ppl } of table.table.rows)
      scores[block] = ppl === null ? Number.POSITIVE_INFINITY : Math.log(ppl);
    return scores;
  },
);
