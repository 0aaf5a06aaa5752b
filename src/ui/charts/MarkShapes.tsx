// Shapes that charts of perplexity share: what lies beyond the axis, and what is missing.

import { formatPpl } from '../format.ts';
import css from './charts.module.css';

/** An arrowhead where the axis cuts an error bar. */
export function Beyond({ cx, cy, down }: { cx: number; cy: number; down: boolean }) {
  return (
    <path
      className={css.beyond}
      d={`M${cx - 4} ${cy + (down ? -5 : 5)} L${cx} ${cy} L${cx + 4} ${cy + (down ? -5 : 5)}`}
    />
  );
}

/** A value above the axis, as a number beside an arrow. */
export function OffScale({
  cx,
  top,
  nll,
  left,
}: {
  cx: number;
  top: number;
  nll: number;
  left: boolean;
}) {
  return (
    <>
      <path className={css.off} d={`M${cx - 6} ${top + 5} l6 -10 l6 10 z`} />
      <text
        className={css.offLabel}
        x={cx + (left ? -9 : 9)}
        y={top + 5}
        textAnchor={left ? 'end' : 'start'}
      >
        {formatPpl(nll)}
      </text>
    </>
  );
}

export function Missing({ cx, cy }: { cx: number; cy: number }) {
  return <path className={css.missing} d={`M${cx - 4} ${cy - 4} l8 8 m0 -8 l-8 8`} />;
}
