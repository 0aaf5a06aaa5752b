// The accessible truth of the selection: one checkbox per block (checked = kept), with score, parts and lock; arrows, space and shift work.

import { type KeyboardEvent, type MouseEvent, useRef, useState } from 'react';
import type { BlockSummary } from '../../model/summary.ts';
import type { CurvePoint } from '../../state/selectors.ts';
import { curveView } from '../../state/selectors.ts';
import { formatBytes, formatPpl, listed } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import css from './blocks.module.css';

export function BlockList() {
  const blocks = useStudio((state) => state.model.current?.summary.blocks);
  const view = useStudio(curveView);
  const hover = useStudio((state) => state.view.hover);
  const actions = useActions();
  const list = usePointing<HTMLUListElement>(false);
  const [current, setCurrent] = useState(0);
  const shiftDown = useRef(false);
  if (!blocks) return null;

  const known = view.points.flatMap((point) => (point.nll !== null && Number.isFinite(point.nll) ? [point.nll] : []));
  const low = Math.min(...known, view.baseline?.nll ?? Number.POSITIVE_INFINITY);
  const high = barTop(known, low);

  function focus(index: number, part: 'checkbox' | 'lock' = 'checkbox'): void {
    const row = list.current?.querySelector(`[data-block="${index}"]`);
    const target = row?.querySelector<HTMLElement>(part === 'lock' ? 'button' : 'input');
    if (!target) return;
    setCurrent(index);
    target.focus();
  }

  function onKey(event: KeyboardEvent, index: number, part: 'checkbox' | 'lock'): void {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const last = blocks!.length - 1;
    const step: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: last,
      PageDown: index + 8,
      PageUp: index - 8,
    };
    const wanted = step[event.key];
    if (wanted !== undefined) {
      const next = Math.max(0, Math.min(last, wanted));
      focus(next, part);
      if (event.shiftKey && next !== index && part === 'checkbox') actions.extendTo(next);
    } else if (event.key === 'ArrowRight') focus(index, 'lock');
    else if (event.key === 'ArrowLeft') focus(index, 'checkbox');
    else if (event.key.toLowerCase() === 'l') actions.setLock(index, !view.points[index]?.locked);
    else return;
    event.preventDefault();
  }

  return (
    <ul ref={list} className={css.list} data-dense={blocks.length > 40} aria-label="Blocks; checked blocks are kept">
      {blocks.map((block) => {
        const point = view.points[block.index]!;
        return (
          <li key={block.index} data-block={block.index} data-removed={point.removed} data-hover={hover === block.index}>
            <label>
              <input
                type="checkbox"
                checked={!point.removed}
                tabIndex={current === block.index ? 0 : -1}
                aria-label={nameOf(block, point)}
                aria-disabled={block.unremovable !== undefined || point.locked}
                data-testid={`block-${block.index}`}
                onFocus={() => {
                  setCurrent(block.index);
                  actions.hover(block.index);
                }}
                onBlur={() => actions.hover(null)}
                onClick={(event: MouseEvent) => {
                  shiftDown.current = event.shiftKey;
                }}
                onChange={() => (shiftDown.current ? actions.extendTo(block.index) : actions.toggle(block.index))}
                onKeyDown={(event) => onKey(event, block.index, 'checkbox')}
              />
              <span className={css.index}>{block.index}</span>
            </label>
            <span className={css.bar}>{point.nll !== null && <i style={{ width: `${100 * barShare(point.nll, low, high)}%` }} />}</span>
            <span className={css.value} title={point.refused ?? undefined}>
              {point.nll !== null ? formatPpl(point.nll) : point.refused ? 'refused' : ''}
            </span>
            <span className={css.group} title={point.equals.length ? `Cannot be told apart from ${listed(point.equals)}` : undefined}>
              {point.group}
            </span>
            {block.unremovable ? (
              <span className={css.fixed} title={block.unremovable}>
                fixed
              </span>
            ) : (
              <button
                type="button"
                className={css.lock}
                aria-pressed={point.locked}
                aria-label={`Lock block ${block.index}`}
                title={point.locked ? 'Locked: never dropped' : 'Lock'}
                tabIndex={-1}
                data-testid={`lock-${block.index}`}
                onClick={() => actions.setLock(block.index, !point.locked)}
                onKeyDown={(event) => onKey(event, block.index, 'lock')}
              >
                <Padlock closed={point.locked} />
              </button>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Padlock({ closed }: { closed: boolean }) {
  return (
    <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
      <rect x="3" y="7" width="10" height="7" rx="1.5" fill={closed ? 'currentColor' : 'none'} stroke="currentColor" strokeWidth="1.4" />
      <path d={closed ? 'M5 7V5a3 3 0 0 1 6 0v2' : 'M5 7V4.5a3 3 0 0 1 5.8-1'} fill="none" stroke="currentColor" strokeWidth="1.4" />
    </svg>
  );
}

/** All that the row shows, in words. */
function nameOf(block: BlockSummary, point: CurvePoint): string {
  const parts = [`Block ${block.index}`, formatBytes(block.bytes)];
  if (point.nll !== null) parts.push(`perplexity without it ${formatPpl(point.nll)}`);
  if (point.equals.length) parts.push(`group ${point.group}`);
  if (point.locked) parts.push('locked');
  if (block.unremovable) parts.push(`cannot be removed: ${block.unremovable}`);
  return parts.join(', ');
}

/** Bars compare the bulk: the three highest quarters would be all the same beside one huge value. */
function barTop(values: readonly number[], low: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor((sorted.length - 1) * 0.75)] ?? low;
  return low + Math.max(0.25, 4 * (upper - low));
}

function barShare(nll: number, low: number, high: number): number {
  return Math.max(0.04, Math.min(1, (nll - low) / (high - low)));
}
