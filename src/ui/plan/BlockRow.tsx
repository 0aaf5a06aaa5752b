// One row of the block list: checkbox, score, group, lock, and its sublayers while it is open.

import { type MouseEvent, memo, useRef } from 'react';
import type { BlockSummary } from '../../model/open/summary.ts';
import { formatBytes, listed } from '../../quantities.ts';
import type { CurvePoint } from '../../state/score/selectors.ts';
import type { Sublayer } from '../../units.ts';
import { BLOCKS, lockLabel, rowWords, sublayersLabel, withinNoiseOf } from '../../words/blocks.ts';
import { formatPpl } from '../format.ts';
import { useActions } from '../studioContext.ts';
import { SublayerRows } from '../sublayers/SublayerRows.tsx';
import css from './blocks.module.css';
import type { RowEvents } from './rowEvents.ts';

interface Props extends RowEvents {
  block: BlockSummary;
  point: CurvePoint;
  /** Length of its bar, 0 to 1. */
  share: number;
  /** Its value is larger than the bar can show. */
  clipped: boolean;
  hover: boolean;
  open: boolean;
  /** What the Tab key reaches of this block: at most one checkbox of the list. */
  current: 'block' | Sublayer | null;
}

/** Rendered again only when its own block changes. */
export const BlockRow = memo(function BlockRow(props: Props) {
  const { block, point, share, clipped, hover, open, current, onFocus, onKey } = props;
  const actions = useActions();
  const shiftDown = useRef(false);
  const { index } = block;
  return (
    <li
      className={css.row}
      data-block={index}
      data-removed={point.removed}
      data-gone={point.removedSublayer ?? undefined}
      data-hover={hover}
    >
      <Opener {...props} />
      <label className={css.face}>
        <span className={css.mark}>
          <input
            ref={(input) => {
              if (input) input.indeterminate = point.removedSublayer !== null;
            }}
            type="checkbox"
            checked={!point.removed}
            tabIndex={current === 'block' ? 0 : -1}
            aria-label={nameOf(block, point)}
            aria-disabled={isFixed(block) || point.locked}
            title={isFixed(block) ? undefined : block.unremovable}
            data-unit={index}
            data-testid={`block-${index}`}
            onFocus={() => onFocus(index)}
            onBlur={() => actions.hover(null)}
            onClick={(event: MouseEvent) => {
              shiftDown.current = event.shiftKey;
            }}
            onChange={() => (shiftDown.current ? actions.extendTo(index) : actions.toggle(index))}
            onKeyDown={(event) => onKey(event, index, 'checkbox')}
          />
          <span className={css.index}>{index}</span>
        </span>
        <span className={css.bar} title={clipped ? BLOCKS.clipped : undefined}>
          {point.nll !== null && <i style={{ width: `${100 * share}%` }} data-clipped={clipped} />}
        </span>
        <span className={css.value} title={point.refused ?? undefined}>
          {point.nll !== null && formatPpl(point.nll)}
          {point.nll === null &&
            point.refused &&
            (isFixed(block) || !block.borrowers ? BLOCKS.refused : BLOCKS.notAlone)}
          {point.noNumber && BLOCKS.noNumber}
        </span>
        <span
          className={css.group}
          title={point.withinNoise.length ? withinNoiseOf(listed(point.withinNoise)) : undefined}
        >
          {point.group}
        </span>
      </label>
      {isFixed(block) ? (
        <span className={css.fixed} title={block.unremovable}>
          {BLOCKS.fixed}
        </span>
      ) : (
        <button
          type="button"
          className={css.lock}
          aria-pressed={point.locked}
          aria-label={lockLabel(index)}
          title={point.locked ? BLOCKS.locked : BLOCKS.lock}
          tabIndex={-1}
          data-testid={`lock-${index}`}
          onClick={() => actions.setLock(index, !point.locked)}
          onKeyDown={(event) => onKey(event, index, 'lock')}
        >
          <Padlock closed={point.locked} />
        </button>
      )}
      {open && (
        <SublayerRows
          block={block}
          point={point}
          current={current}
          onFocus={onFocus}
          onKey={onKey}
        />
      )}
    </li>
  );
});

/** True for a block that cannot be removed, not even together with those that read its cache. */
function isFixed({ unremovable, borrowers }: BlockSummary): boolean {
  return unremovable !== undefined && !borrowers;
}

/** Shows and hides the sublayers; an empty cell where the block has none. */
function Opener({ block: { index, hasSublayers }, point, open, onOpen }: Props) {
  if (!hasSublayers) return <span />;
  return (
    <button
      type="button"
      className={css.opener}
      aria-expanded={open}
      aria-controls={open ? `parts-${index}` : undefined}
      aria-label={sublayersLabel(index)}
      title={point.removedSublayer ? BLOCKS.oneSublayerRemoved : BLOCKS.sublayers}
      tabIndex={-1}
      data-testid={`open-${index}`}
      onClick={() => onOpen(index, !open)}
    >
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
        <path d="M4 2l4 4-4 4" fill="none" stroke="currentColor" strokeWidth="1.8" />
      </svg>
    </button>
  );
}

function Padlock({ closed }: { closed: boolean }) {
  return (
    <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
      <rect
        x="3"
        y="7"
        width="10"
        height="7"
        rx="1.5"
        fill={closed ? 'currentColor' : 'none'}
        stroke="currentColor"
        strokeWidth="1.4"
      />
      <path
        d={closed ? 'M5 7V5a3 3 0 0 1 6 0v2' : 'M5 7V4.5a3 3 0 0 1 5.8-1'}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
      />
    </svg>
  );
}

/** All that the row shows, in words. */
function nameOf(block: BlockSummary, point: CurvePoint): string {
  return rowWords({
    index: block.index,
    size: formatBytes(block.bytes),
    perplexity: point.nll === null ? null : formatPpl(point.nll),
    group: point.withinNoise.length ? point.group : '',
    removedSublayer: point.removedSublayer,
    locked: point.locked,
    unremovable: block.unremovable,
    together: !isFixed(block),
  });
}
