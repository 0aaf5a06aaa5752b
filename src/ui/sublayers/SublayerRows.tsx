// The sublayers of an open row of the block list: kept or removed, perplexity without, size.

import type { BlockSummary } from '../../model/open/summary.ts';
import { formatBytes } from '../../quantities.ts';
import type { CurvePoint } from '../../state/score/selectors.ts';
import { isRemoved, sublayersData } from '../../state/sublayers/selectors.ts';
import { type Sublayer, sublayerUnit } from '../../units.ts';
import { formatPpl } from '../format.ts';
import css from '../plan/blocks.module.css';
import type { RowEvents } from '../plan/rowEvents.ts';
import { useActions, useStudio } from '../studioContext.ts';

interface Props extends Pick<RowEvents, 'onFocus' | 'onKey'> {
  block: BlockSummary;
  point: CurvePoint;
  current: 'block' | Sublayer | null;
}

const SUBLAYERS = [
  { sublayer: 'attn', name: 'attention' },
  { sublayer: 'ffn', name: 'feed-forward' },
] as const;

export function SublayerRows({ block, point, current, onFocus, onKey }: Props) {
  const actions = useActions();
  const removed = useStudio((state) => state.plan.present.removed);
  const scores = useStudio((state) => sublayersData(state).blocks[block.index]);
  return (
    <ul
      id={`parts-${block.index}`}
      className={css.parts}
      aria-label={`Sublayers of block ${block.index}`}
    >
      {SUBLAYERS.map(({ sublayer, name }, i) => {
        const unit = sublayerUnit(block.index, sublayer);
        const size = sublayer === 'attn' ? block.attention : block.feedForward;
        const nll = scores?.[i]?.nll ?? null;
        const isOut = isRemoved(removed, unit);
        const words = [`${name} of block ${block.index}`];
        if (size) words.push(formatBytes(size.bytes));
        if (nll !== null) words.push(`perplexity without it ${formatPpl(nll)}`);
        if (point.locked) words.push('locked');
        return (
          <li key={sublayer} data-removed={isOut}>
            <label className={css.part}>
              <span className={css.mark}>
                <input
                  type="checkbox"
                  checked={!isOut}
                  tabIndex={current === sublayer ? 0 : -1}
                  aria-label={words.join(', ')}
                  aria-disabled={point.locked}
                  data-unit={unit}
                  data-testid={`part-${unit}`}
                  onFocus={() => onFocus(unit)}
                  onBlur={() => actions.hover(null)}
                  onChange={() => actions.toggle(unit)}
                  onKeyDown={(event) => onKey(event, unit, 'checkbox')}
                />
                <span className={css.index}>{name}</span>
              </span>
              <span className={css.value}>{nll !== null && formatPpl(nll)}</span>
              <span className={css.size}>{size && formatBytes(size.bytes)}</span>
            </label>
          </li>
        );
      })}
    </ul>
  );
}
