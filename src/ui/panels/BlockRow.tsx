// One row of the block list: checkbox, score, group, lock. Drawn anew only when its own block changes.

import { type KeyboardEvent, type MouseEvent, memo, useRef } from 'react';
import type { BlockSummary } from '../../model/summary.ts';
import type { CurvePoint } from '../../state/selectors.ts';
import { formatBytes, formatPpl, listed } from '../format.ts';
import { useActions } from '../studioContext.ts';
import css from './blocks.module.css';

export type RowPart = 'checkbox' | 'lock';

interface Props {
  block: BlockSummary;
  point: CurvePoint;
  /** Length of its bar, 0 to 1. */
  share: number;
  hover: boolean;
  /** True for the one row that the Tab key reaches. */
  current: boolean;
  onFocus(index: number): void;
  onKey(event: KeyboardEvent, index: number, part: RowPart, locked: boolean): void;
}

export const BlockRow = memo(function BlockRow({ block, point, share, hover, current, onFocus, onKey }: Props) {
  const actions = useActions();
  const shiftDown = useRef(false);
  const { index } = block;
  return (
    <li data-block={index} data-removed={point.removed} data-hover={hover}>
      <label>
        <span className={css.mark}>
          <input
            type="checkbox"
            checked={!point.removed}
            tabIndex={current ? 0 : -1}
            aria-label={nameOf(block, point)}
            aria-disabled={block.unremovable !== undefined || point.locked}
            data-testid={`block-${index}`}
            onFocus={() => onFocus(index)}
            onBlur={() => actions.hover(null)}
            onClick={(event: MouseEvent) => {
              shiftDown.current = event.shiftKey;
            }}
            onChange={() => (shiftDown.current ? actions.extendTo(index) : actions.toggle(index))}
            onKeyDown={(event) => onKey(event, index, 'checkbox', point.locked)}
          />
          <span className={css.index}>{index}</span>
        </span>
        <span className={css.bar}>{point.nll !== null && <i style={{ width: `${100 * share}%` }} />}</span>
        <span className={css.value} title={point.refused ?? undefined}>
          {point.nll !== null ? formatPpl(point.nll) : point.refused ? 'refused' : ''}
        </span>
        <span className={css.group} title={point.equals.length ? `Cannot be told apart from ${listed(point.equals)}` : undefined}>
          {point.group}
        </span>
      </label>
      {block.unremovable ? (
        <span className={css.fixed} title={block.unremovable}>
          fixed
        </span>
      ) : (
        <button
          type="button"
          className={css.lock}
          aria-pressed={point.locked}
          aria-label={`Lock block ${index}`}
          title={point.locked ? 'Locked: never dropped' : 'Lock'}
          tabIndex={-1}
          data-testid={`lock-${index}`}
          onClick={() => actions.setLock(index, !point.locked)}
          onKeyDown={(event) => onKey(event, index, 'lock', point.locked)}
        >
          <Padlock closed={point.locked} />
        </button>
      )}
    </li>
  );
});

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
