// Marks that the charts of perplexity share: error bars, values off the scale, missing values.

import { formatPpl } from '../format.ts';
import css from './charts.module.css';
import type { Scale } from './scale.ts';

/** True for what lies above the axis. */
export const isOff = (nll: number, { high }: Scale) => nll > high || !Number.isFinite(nll);

interface ErrorBarProps {
  cx: number;
  low: number;
  high: number;
  scale: Scale;
  /** Pixels of an NLL, held to the axis. */
  yOf(nll: number): number;
}

/** A 95 % interval, with arrowheads where the axis cuts it; nothing without one. */
export function ErrorBar({ cx, low, high, scale, yOf }: ErrorBarProps) {
  return (
    <>
      {Number.isFinite(low) && (
        <line className={css.interval} x1={cx} x2={cx} y1={yOf(low)} y2={yOf(high)} />
      )}
      {high > scale.high && <Beyond cx={cx} cy={yOf(high)} down={false} />}
      {low < scale.low && <Beyond cx={cx} cy={yOf(low)} down />}
    </>
  );
}

function Beyond({ cx, cy, down }: { cx: number; cy: number; down: boolean }) {
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
