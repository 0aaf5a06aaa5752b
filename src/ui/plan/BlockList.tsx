// The accessible truth of the selection: one checkbox per block (checked = kept), and per part of
// an open block; arrows, space and shift work.

import { type KeyboardEvent, useCallback, useRef, useState } from 'react';
import type { BlockSummary } from '../../model/open/summary.ts';
import { curveView } from '../../state/selectors.ts';
import { blockOf, sublayerOf, sublayerUnit, type Unit } from '../../units.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { BlockRow } from './BlockRow.tsx';
import css from './blocks.module.css';
import type { RowElement } from './rowEvents.ts';

export function BlockList() {
  const blocks = useStudio((state) => state.model.current?.summary.blocks);
  const view = useStudio(curveView);
  const hover = useStudio((state) => state.view.hover);
  const actions = useActions();
  const list = usePointing<HTMLUListElement>(false);
  const [current, setCurrent] = useState<Unit>(0);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const sweepTo = useSweep();
  const store = useStudioStore();

  const onFocus = useCallback(
    (unit: Unit) => {
      setCurrent(unit);
      actions.hover(blockOf(unit));
    },
    [actions],
  );

  const onOpen = useCallback((index: number, open: boolean) => {
    // Focus in a part that goes away goes to its block.
    if (!open) setCurrent((unit) => (blockOf(unit) === index ? index : unit));
    setOpened(
      (before) => new Set(open ? [...before, index] : [...before].filter((one) => one !== index)),
    );
  }, []);

  const onKey = useCallback(
    (event: KeyboardEvent, unit: Unit, part: RowElement) => {
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
        sweeps || part === 'lock' ? all.map((block) => block.index) : rowsOf(all, opened);
      const wanted = destination(event.key, unit, rows);
      const canOpen = typeof unit === 'number' && all[index]?.hasSublayers;
      if (wanted !== null) {
        focus(wanted, part);
        if (sweeps && wanted !== unit && part === 'checkbox') sweepTo(index, blockOf(wanted));
      } else if (event.key === 'ArrowRight' && part === 'checkbox') {
        if (canOpen && !opened.has(index)) onOpen(index, true);
        else focus(index, 'lock');
      } else if (event.key === 'ArrowLeft') {
        if (part === 'lock' || typeof unit !== 'number') focus(index);
        else if (opened.has(index)) onOpen(index, false);
      } else if (event.key.toLowerCase() === 'l')
        actions.setLock(index, !plan.present.locked.includes(index));
      else return;
      event.preventDefault();
    },
    [actions, list, opened, onOpen, store, sweepTo],
  );

  if (!blocks) return null;
  const bar = barScale(
    view.points.flatMap((point) => (point.nll === null ? [] : [point.nll])),
    view.baseline?.nll,
  );
  // Of a model with fewer blocks, or of a row that is closed by now.
  const last = blocks.length - 1;
  const reached = rowsOf(blocks, opened).includes(current)
    ? current
    : Math.min(blockOf(current), last);
  return (
    <ul
      ref={list}
      className={css.list}
      data-dense={blocks.length > 40}
      aria-label="Blocks; checked blocks are kept"
    >
      {blocks.map((block) => {
        const point = view.points[block.index]!;
        return (
          <BlockRow
            key={block.index}
            block={block}
            point={point}
            share={point.nll === null ? 0 : bar(point.nll)}
            hover={hover === block.index}
            open={block.hasSublayers && opened.has(block.index)}
            current={blockOf(reached) === block.index ? (sublayerOf(reached) ?? 'block') : null}
            onFocus={onFocus}
            onKey={onKey}
            onOpen={onOpen}
          />
        );
      })}
    </ul>
  );
}

/** The rows from top to bottom: blocks, and after an open one its parts. */
function rowsOf(blocks: readonly BlockSummary[], opened: ReadonlySet<number>): Unit[] {
  return blocks.flatMap(({ index, hasSublayers }): Unit[] =>
    hasSublayers && opened.has(index)
      ? [index, sublayerUnit(index, 'attn'), sublayerUnit(index, 'ffn')]
      : [index],
  );
}

/**
 * Shift and arrows: rows from where the sweep began take that row's state, rows that it leaves
 * again get theirs back.
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
      const goesOn = sweep.current?.at === from && sweep.current.after === removed();
      const { start, before } =
        goesOn && sweep.current ? sweep.current : { start: from, before: removed() };
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

/** Where a key leads from a row, or null for keys that lead nowhere. */
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

/** Bars compare the bulk: beside one huge value all others would look the same. */
function barScale(values: readonly number[], intact: number | undefined): (nll: number) => number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const low = Math.min(sorted[0] ?? 0, intact ?? Number.POSITIVE_INFINITY);
  const upperQuartile = sorted[Math.floor((sorted.length - 1) * 0.75)] ?? low;
  const span = Math.max(0.25, 4 * (upperQuartile - low));
  return (nll) => Math.max(0.04, Math.min(1, (nll - low) / span));
}
