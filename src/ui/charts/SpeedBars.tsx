// Two bars of throughput with the range of their runs on one axis; predictions are dashed.

import type { ReactNode } from 'react';
import type { Stat } from '../../analysis/speed.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { SPEED } from '../../words/speed.ts';
import { useStudio } from '../studioContext.ts';
import { roundTicks } from './scale.ts';
import css from './speedBars.module.css';

const BAR = 14;
const GAP = 8;
const SECOND = BAR + GAP;
const BOTTOM = 2 * BAR + GAP + 4;

export function SpeedBars() {
  const { original, pruned, stale, prediction, predicted } = useStudio(speedView);
  const live = useStudio((state) => state.speed.running?.samples);
  const fresh = pruned && !stale ? pruned.speed.throughput : null;
  const outline = prediction?.tokensPerSecond ?? null;
  const old = stale && outline === null ? pruned : null;
  const most = Math.max(
    original?.speed.throughput.max ?? 0,
    fresh?.max ?? 0,
    old?.speed.throughput.max ?? 0,
    outline ?? 0,
    predicted?.tokensPerSecond ?? 0,
    ...(live?.original ?? []),
    ...(live?.pruned ?? []),
  );
  if (most === 0) return null;
  /** Percent of the width. */
  const x = (value: number) => (value / (most * 1.03)) * 100;
  return (
    <figure className={css.figure} data-testid="speed-bars" aria-hidden="true">
      <div className={css.names}>
        <span>{SPEED.original}</span>
        <span>{SPEED.pruned}</span>
      </div>
      <div className={css.plot}>
        <svg className={css.bars} height={BOTTOM} aria-hidden="true">
          <rect className={css.base} x={0} y={0} width="100%" height={BAR} rx={2} />
          <rect className={css.base} x={0} y={SECOND} width="100%" height={BAR} rx={2} />
          {original && <Bar stat={original.speed.throughput} y={0} x={x} kind="original" />}
          {fresh && <Bar stat={fresh} y={SECOND} x={x} kind="pruned" />}
          {old && <Bar stat={old.speed.throughput} y={SECOND} x={x} kind="stale" />}
          {outline !== null && (
            <rect
              className={css.predicted}
              x={1}
              y={SECOND + 1}
              width={`${x(outline)}%`}
              height={BAR - 2}
              rx={2}
              data-testid="bar-predicted"
            />
          )}
          {predicted && (
            <Upright
              className={css.predicted}
              at={x(predicted.tokensPerSecond)}
              from={SECOND - 3}
              to={SECOND + BAR + 3}
              testId="bar-foretold"
            />
          )}
          {live && (
            <>
              <Dots values={live.original} x={x} y={BAR / 2} />
              <Dots values={live.pruned} x={x} y={SECOND + BAR / 2} />
            </>
          )}
        </svg>
        <Axis most={most * 1.03} x={x} />
      </div>
      <figcaption className={css.title}>
        {SPEED.bars}
        {(outline !== null || predicted) && `; ${SPEED.barsPredicted}`}
      </figcaption>
    </figure>
  );
}

function Axis({ most, x }: { most: number; x(value: number): number }): ReactNode {
  return (
    <div className={css.axis}>
      {[0, ...roundTicks(most / 100, most)]
        .filter((tick) => x(tick) < 97)
        .map((tick) => (
          <span key={tick} style={{ left: `${x(tick)}%` }}>
            {tick.toLocaleString('en')}
          </span>
        ))}
    </div>
  );
}

interface UprightProps {
  className: string | undefined;
  at: number;
  from: number;
  to: number;
  testId?: string;
}

const Upright = ({ className, at, from, to, testId }: UprightProps) => (
  <line className={className} x1={`${at}%`} x2={`${at}%`} y1={from} y2={to} data-testid={testId} />
);

function Dots({
  values,
  x,
  y,
}: {
  values: readonly number[];
  x(value: number): number;
  y: number;
}) {
  return values.map((value, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: runs only grow.
    <circle key={i} className={css.live} cx={`${x(value)}%`} cy={y} r={2.5} />
  ));
}

interface BarProps {
  stat: Stat;
  y: number;
  x(value: number): number;
  kind: string;
}

function Bar({ stat, y, x, kind }: BarProps) {
  const middle = y + BAR / 2;
  const [from, to] = [x(stat.min), x(stat.max)];
  return (
    <g data-kind={kind}>
      <rect
        className={css.bar}
        data-kind={kind}
        x={0}
        y={y}
        width={`${x(stat.mean)}%`}
        height={BAR}
        rx={2}
      />
      <line className={css.whisker} x1={`${from}%`} x2={`${to}%`} y1={middle} y2={middle} />
      <Upright className={css.whisker} at={from} from={y + 3} to={y + BAR - 3} />
      <Upright className={css.whisker} at={to} from={y + 3} to={y + BAR - 3} />
    </g>
  );
}
