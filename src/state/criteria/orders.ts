// The orders in which blocks could go at once, one per criterion that is known for the open model,
// and which of them is current.

import { type Take, takeInOrder } from '../../analysis/criterion.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import { orderOfStudy, studiedLabel } from '../stability/order.ts';
import type { StudioState } from '../state.ts';
import { fileOrders } from './fileOrders.ts';
import { knownCriteria } from './selectors.ts';
import type { OrderName } from './state.ts';

export interface KnownOrder {
  name: OrderName;
  /** As legends and tables write it. */
  label: string;
  /** Takes neighbours only: the k blocks of one plan need not be among the k + 1 of the next. */
  contiguous?: true;
  take: Take;
}

const studyName = (state: StudioState): string =>
  state.stability.criterion === 'ppl' ? 'study order' : `study order by ${studiedLabel(state)}`;

/** Those of criteria that rank: where the model gives no numbers, magnitudes alone do. */
export const knownOrders = derive(
  (state: StudioState) => [
    knownCriteria(state),
    orderOfStudy(state),
    studyName(state),
    fileOrders(state),
  ],
  (known, study, studied, files): KnownOrder[] => [
    ...known
      .filter(({ isRanking }) => isRanking)
      .map(({ criterion, name, orderLabel, take }): KnownOrder => {
        const order = { name, label: orderLabel, take };
        return criterion.contiguous ? { ...order, contiguous: true } : order;
      }),
    ...(study ? [{ name: 'study' as const, label: studied, take: takeInOrder(study) }] : []),
    // A table of perplexities is a criterion; an order alone is not.
    ...files
      .filter(({ name }) => name === 'file-order')
      .map(({ name, label, blocks }) => ({ name, label, take: takeInOrder(blocks) })),
  ],
);

/** The orders whose criteria are shown, for charts; orders that are no criterion always are. */
export const shownOrders = derive(
  (state: StudioState) => [knownOrders(state), knownCriteria(state), state.criteria.shown],
  (orders, criteria, shown): KnownOrder[] =>
    orders.filter(
      ({ name }) => !criteria.some((one) => one.name === name) || shown.some((one) => one === name),
    ),
);

/**
 * The order that "drop the lowest" takes: the chosen one while it is known, else the first. Null
 * when none is known.
 */
export const currentOrder = derive(
  (state: StudioState) => [knownOrders(state), state.criteria.orderBy],
  (orders, name): KnownOrder | null =>
    orders.find((order) => order.name === name) ?? orders[0] ?? null,
);

/** Most blocks that an order takes of these at once; one block of the model always stays. */
function mostOf(order: KnownOrder | null, free: readonly number[], numBlocks: number): number {
  for (let k = Math.min(free.length, numBlocks - 1); order && k > 0; k--) {
    const took = order.take(free, k).length;
    if (took === k) return k;
    // A plain order has no more than this; one of neighbours may still have k - 1.
    if (took > 0) return took;
  }
  return 0;
}

/**
 * Number of blocks that "remove the lowest" may take: removable, in the current order, not locked,
 * and never all blocks of the model.
 */
export const droppable = derive(
  (state: StudioState) => [currentOrder(state), unlockedBlocks(state), numBlocksOf(state)],
  mostOf,
);

/** Number of blocks that the current order could take if nothing were locked. */
export function takable(state: StudioState): number {
  const blocks = state.model.current?.summary.blocks ?? [];
  const free = blocks.filter(({ unremovable }) => !unremovable).map(({ index }) => index);
  return currentOrder(state)?.take(free, free.length).length ?? 0;
}

/**
 * The one-shot plan of k removals by the current order: its blocks, ascending; fewer where
 * fewer may.
 */
export function oneShot(state: StudioState, k: number): number[] {
  return [...(currentOrder(state)?.take(unlockedBlocks(state), k) ?? [])].sort((a, b) => a - b);
}
