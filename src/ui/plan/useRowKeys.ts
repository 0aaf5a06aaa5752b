// The block list by keyboard: moving, sweeping a range, opening rows, locking.

import { type KeyboardEvent, type RefObject, useCallback, useRef } from 'react';
import type { BlockSummary } from '../../model/open/summary.ts';
import { blockOf, sublayerUnit, type Unit } from '../../units.ts';
import { useActions, useStudioStore } from '../studioContext.ts';
import type { RowElement, RowEvents } from './rowEvents.ts';

/** @param opened blocks whose sublayers are shown */
export function useRowKeys(
  list: RefObject<HTMLElement | null>,
  opened: ReadonlySet<number>,
  onOpen: RowEvents['onOpen'],
): RowEvents['onKey'] {
  const actions = useActions();
  const store = useStudioStore();
  const sweepTo = useSweep();
  return useCallback(
    (event: KeyboardEvent, unit: Unit, element: RowElement) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      const { model, plan } = store.state.getState();
      const all = model.current?.summary.blocks ?? [];
      const index = blockOf(unit);
      const focus = (to: Unit, what: RowElement = 'checkbox') => {
        const target = what === 'lock' ? `[data-testid="lock-${to}"]` : `[data-unit="${to}"]`;
        list.current?.querySelector<HTMLElement>(target)?.focus();
      };
      // Ranges and locks go by blocks.
      const sweeps = event.shiftKey && typeof unit === 'number';
      const rows =
        sweeps || element === 'lock' ? all.map((block) => block.index) : rowsOf(all, opened);
      const wanted = destination(event.key, unit, rows);
      const canOpen = typeof unit === 'number' && all[index]?.hasSublayers;
      if (wanted !== null) {
        focus(wanted, element);
        if (sweeps && wanted !== unit && element === 'checkbox') sweepTo(index, blockOf(wanted));
      } else if (event.key === 'ArrowRight' && element === 'checkbox') {
        if (canOpen && !opened.has(index)) onOpen(index, true);
        else focus(index, 'lock');
      } else if (event.key === 'ArrowLeft') {
        if (element === 'lock' || typeof unit !== 'number') focus(index);
        else if (opened.has(index)) onOpen(index, false);
      } else if (event.key.toLowerCase() === 'l')
        actions.setLock(index, !plan.present.locked.includes(index));
      else return;
      event.preventDefault();
    },
    [actions, list, opened, onOpen, store, sweepTo],
  );
}

/** The rows from top to bottom: blocks, and after an open one its sublayers. */
export function rowsOf(blocks: readonly BlockSummary[], opened: ReadonlySet<number>): Unit[] {
  return blocks.flatMap(({ index, hasSublayers }): Unit[] =>
    hasSublayers && opened.has(index)
      ? [index, sublayerUnit(index, 'attn'), sublayerUnit(index, 'ffn')]
      : [index],
  );
}

/**
 * Shift and arrows: rows take the state of the row where the sweep began, and get their own back
 * when the sweep leaves them again.
 */
function useSweep(): (from: number, to: number) => void {
  const store = useStudioStore();
  const sweep = useRef<{
    start: number;
    at: number;
    before: readonly Unit[];
    after: readonly Unit[];
  } | null>(null);
  return useCallback(
    (from, to) => {
      const removed = () => store.state.getState().plan.present.removed;
      const continues = sweep.current?.at === from && sweep.current.after === removed();
      const { start, before } =
        continues && sweep.current ? sweep.current : { start: from, before: removed() };
      const isInside = (block: number) =>
        block >= Math.min(start, to) && block <= Math.max(start, to);
      for (let block = Math.min(start, from); block <= Math.max(start, from); block++) {
        if (!isInside(block)) store.actions.setRange(block, block, before.includes(block));
      }
      store.actions.setRange(start, to, before.includes(start));
      sweep.current = { start, at: to, before, after: removed() };
    },
    [store],
  );
}

/** The row that a key moves to, or null for other keys. */
function destination(key: string, from: Unit, rows: readonly Unit[]): Unit | null {
  const at = rows.indexOf(from);
  const last = rows.length - 1;
  const wanted: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: last,
    PageDown: at + 8,
    PageUp: at - 8,
  };
  const to = wanted[key];
  return to === undefined ? null : (rows[Math.max(0, Math.min(last, to))] ?? null);
}
