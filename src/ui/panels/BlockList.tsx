// The accessible truth of the selection: one checkbox per block (checked = kept); arrows, space and shift work.

import { type KeyboardEvent, useCallback, useRef, useState } from 'react';
import { curveView } from '../../state/selectors.ts';
import type { Unit } from '../../units.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { BlockRow, type RowPart } from './BlockRow.tsx';
import css from './blocks.module.css';

export function BlockList() {
  const blocks = useStudio((state) => state.model.current?.summary.blocks);
  const view = useStudio(curveView);
  const hover = useStudio((state) => state.view.hover);
  const actions = useActions();
  const list = usePointing<HTMLUListElement>(false);
  const [current, setCurrent] = useState(0);
  const sweepTo = useSweep();
  const last = (blocks?.length ?? 1) - 1;

  const onFocus = useCallback(
    (index: number) => {
      setCurrent(index);
      actions.hover(index);
    },
    [actions],
  );

  const onKey = useCallback(
    (event: KeyboardEvent, index: number, part: RowPart, locked: boolean) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      const focus = (row: number, what: RowPart) =>
        list.current?.querySelector<HTMLElement>(`[data-block="${row}"] ${what === 'lock' ? 'button' : 'input'}`)?.focus();
      const wanted = destination(event.key, index, last);
      if (wanted !== null) {
        focus(wanted, part);
        if (event.shiftKey && wanted !== index && part === 'checkbox') sweepTo(index, wanted);
      } else if (event.key === 'ArrowRight') focus(index, 'lock');
      else if (event.key === 'ArrowLeft') focus(index, 'checkbox');
      else if (event.key.toLowerCase() === 'l') actions.setLock(index, !locked);
      else return;
      event.preventDefault();
    },
    [actions, list, last, sweepTo],
  );

  if (!blocks) return null;
  const bar = barScale(
    view.points.flatMap((point) => (point.nll === null ? [] : [point.nll])),
    view.baseline?.nll,
  );
  return (
    <ul ref={list} className={css.list} data-dense={blocks.length > 40} aria-label="Blocks; checked blocks are kept">
      {blocks.map((block) => {
        const point = view.points[block.index]!;
        return (
          <BlockRow
            key={block.index}
            block={block}
            point={point}
            share={point.nll === null ? 0 : bar(point.nll)}
            hover={hover === block.index}
            current={Math.min(current, last) === block.index}
            onFocus={onFocus}
            onKey={onKey}
          />
        );
      })}
    </ul>
  );
}

/** Shift and arrows: rows from where the sweep began take that row's state, rows that it leaves again get theirs back. */
function useSweep(): (from: number, to: number) => void {
  const store = useStudioStore();
  const sweep = useRef<{ start: number; at: number; before: readonly Unit[]; after: readonly Unit[] } | null>(null);
  return useCallback(
    (from, to) => {
      const removed = () => store.state.getState().plan.present.removed;
      const goesOn = sweep.current?.at === from && sweep.current.after === removed();
      const { start, before } = goesOn && sweep.current ? sweep.current : { start: from, before: removed() };
      const isInside = (block: number) => block >= Math.min(start, to) && block <= Math.max(start, to);
      for (let block = Math.min(start, from); block <= Math.max(start, from); block++) {
        if (!isInside(block)) store.actions.setRange(block, block, before.includes(block));
      }
      store.actions.setRange(start, to, before.includes(start));
      sweep.current = { start, at: to, before, after: removed() };
    },
    [store],
  );
}

/** Where a key leads from row `index`, or null for keys that lead nowhere. */
function destination(key: string, index: number, last: number): number | null {
  const rows: Record<string, number> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    Home: 0,
    End: last,
    PageDown: index + 8,
    PageUp: index - 8,
  };
  const wanted = rows[key];
  return wanted === undefined ? null : Math.max(0, Math.min(last, wanted));
}

/** Bars compare the bulk: beside one huge value all others would look the same. */
function barScale(values: readonly number[], intact: number | undefined): (nll: number) => number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const low = Math.min(sorted[0] ?? 0, intact ?? Number.POSITIVE_INFINITY);
  const upperQuartile = sorted[Math.floor((sorted.length - 1) * 0.75)] ?? low;
  const span = Math.max(0.25, 4 * (upperQuartile - low));
  return (nll) => Math.max(0.04, Math.min(1, (nll - low) / span));
}
