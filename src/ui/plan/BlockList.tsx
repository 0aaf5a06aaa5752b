// The blocks as a list of checkboxes (checked = kept) that can be used by keyboard alone.

import { useCallback, useState } from 'react';
import { hasNumbers } from '../../analysis/perplexity.ts';
import { curveView } from '../../state/score/selectors.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import { BLOCKS } from '../../words/blocks.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { BlockRow } from './BlockRow.tsx';
import css from './blocks.module.css';
import { rowsOf, useRowKeys } from './useRowKeys.ts';

export function BlockList() {
  const blocks = useStudio((state) => state.model.current?.summary.blocks);
  const view = useStudio(curveView);
  const hover = useStudio((state) => state.view.hover);
  const actions = useActions();
  const list = usePointing<HTMLUListElement>(false);
  const [current, setCurrent] = useState<Unit>(0);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());

  const onFocus = useCallback(
    (unit: Unit) => {
      setCurrent(unit);
      actions.hover(blockOf(unit));
    },
    [actions],
  );

  const onOpen = useCallback((index: number, open: boolean) => {
    // Focus in a sublayer that is folded away moves to its block.
    if (!open) setCurrent((unit) => (blockOf(unit) === index ? index : unit));
    setOpened(
      (before) => new Set(open ? [...before, index] : [...before].filter((one) => one !== index)),
    );
  }, []);

  const onKey = useRowKeys(list, opened, onOpen);

  if (!blocks) return null;
  const bar = barScale(
    view.points.flatMap((point) => (point.nll === null ? [] : [point.nll])),
    view.baseline?.nll,
  );
  const isSound = !view.baseline || hasNumbers(view.baseline);
  // Of a model with fewer blocks, or of a row that is closed by now.
  const last = blocks.length - 1;
  const reached = rowsOf(blocks, opened).includes(current)
    ? current
    : Math.min(blockOf(current), last);
  return (
    <ul ref={list} className={css.list} data-dense={blocks.length > 40} aria-label={BLOCKS.list}>
      {blocks.map((block) => {
        const point = view.points[block.index]!;
        return (
          <BlockRow
            key={block.index}
            block={block}
            point={point}
            share={point.nll === null || !isSound ? 0 : Math.min(1, bar(point.nll))}
            clipped={isSound && point.nll !== null && bar(point.nll) > 1}
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

/** Bars compare most blocks with each other: beside one huge value all others would look alike. */
function barScale(
  values: readonly number[],
  baseline: number | undefined,
): (nll: number) => number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const low = Math.min(sorted[0] ?? 0, baseline ?? Number.POSITIVE_INFINITY);
  const upperQuartile = sorted[Math.floor((sorted.length - 1) * 0.75)] ?? low;
  const span = Math.max(0.25, 4 * (upperQuartile - low));
  return (nll) => Math.max(0.04, (nll - low) / span);
}
