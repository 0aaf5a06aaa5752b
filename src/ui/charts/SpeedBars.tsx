// Two bars of throughput with the range of their runs; predictions are dashed.

import type { Stat } from '../../analysis/speed.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { useStudio } from '../studioContext.ts';
import css from './speedBars.module.css';

const WIDTH = 320;
const BAR = 12;
const GAP = 8;

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
  const x = (value: number) => (most > 0 ? (value / (most * 1.03)) * WIDTH : 0);
  const dots = (values: readonly number[], y: number) =>
    values.map((value) => `M${x(value)} ${y}h0`).join('');
  const second = BAR + GAP;
  return (
    <svg
      viewBox={`0 -2 ${WIDTH} ${2 * BAR + GAP + 6}`}
      className={css.bars}
      aria-hidden="true"
      data-testid="speed-bars"
    >
      <rect className={css.base} x={0} y={0} width={WIDTH} height={BAR} rx={2} />
      <rect className={css.base} x={0} y={second} width={WIDTH} height={BAR} rx={2} />
      {original && <Bar stat={original.speed.throughput} y={0} x={x} kind="original" />}
      {fresh && <Bar stat={fresh} y={second} x={x} kind="pruned" />}
      {old && <Bar stat={old.speed.throughput} y={second} x={x} kind="stale" />}
      {outline !== null && (
        <rect
          className={css.predicted}
          x={0.75}
          y={second - 1.5}
          width={Math.max(0, x(outline) - 1.5)}
          height={BAR + 3}
          rx={2}
          data-testid="bar-predicted"
        />
      )}
      {predicted && (
        <path
          className={css.predicted}
          d={`M${x(predicted.tokensPerSecond)} ${second - 3}v${BAR + 6}`}
          data-testid="bar-foretold"
        />
      )}
      {live && (
        <path
          className={css.live}
          d={dots(live.original, BAR / 2) + dots(live.pruned, second + BAR / 2)}
        />
      )}
    </svg>
  );
}

function Bar({
  stat,
  y,
  x,
  kind,
}: {
  stat: Stat;
  y: number;
  x: (value: number) => number;
  kind: string;
}) {
  const middle = y + BAR / 2;
  const [from, to] = [x(stat.min), x(stat.max)];
  return (
    <g data-kind={kind}>
      <rect
        className={css.bar}
        data-kind={kind}
        x={0}
        y={y}
        width={x(stat.mean)}
        height={BAR}
        rx={2}
      />
      <path
        className={css.whisker}
        d={`M${from} ${middle}H${to}M${from} ${y + 2}v${BAR - 4}M${to} ${y + 2}v${BAR - 4}`}
      />
    </g>
  );
}
