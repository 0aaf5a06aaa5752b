// The losses of a training over its steps: of every step, and on the held-out part.

import { CartesianGrid, ComposedChart, Line, ReferenceLine, XAxis, YAxis } from 'recharts';
import { LOSSES, lossesInWords } from '../../words/heal.ts';
import { longTitleAbove, STILL, titleBelow, X_AXIS, Y_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { roundTicks } from './scale.ts';

interface Point {
  step: number;
  /** In nats per token. */
  loss: number;
}

interface Props {
  /** Steps that were asked for: the end of the axis. */
  steps: number;
  training: readonly Point[];
  heldOut: readonly Point[];
  /** The step whose weights were kept; null while it is not known. */
  kept: number | null;
}

/** Room above and below the curves, as a share of their range. */
const ROOM = 0.08;

export default function HealChart({ steps, training, heldOut, kept }: Props) {
  const losses = [...training, ...heldOut].map(({ loss }) => loss).filter(Number.isFinite);
  const [low, high] = losses.length > 0 ? [Math.min(...losses), Math.max(...losses)] : [0, 1];
  const room = Math.max(ROOM * (high - low), 0.005 * Math.abs(high), 1e-6);
  const domain: [number, number] = [low - room, high + room];
  const ticks = losses.length > 0 ? roundTicks(...domain) : [];
  return (
    <ChartFrame
      className={css.sweep}
      label={inWords({ steps, training, heldOut })}
      testId="heal-chart"
      width={640}
      height={220}
    >
      <ComposedChart
        margin={{ top: 24, right: 20, bottom: 18, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          {...X_AXIS}
          dataKey="step"
          domain={[0, steps]}
          ticks={[0, ...roundTicks(0, steps).filter((tick) => tick > 0 && Number.isInteger(tick))]}
          label={titleBelow(LOSSES.step)}
        />
        <YAxis
          {...Y_AXIS}
          domain={domain}
          allowDataOverflow
          ticks={ticks}
          interval={0}
          tickFormatter={(loss: number) => String(Number(loss.toPrecision(4)))}
          width={58}
          label={longTitleAbove(LOSSES.title)}
        />
        {kept !== null && (
          <ReferenceLine
            x={kept}
            stroke="var(--muted)"
            strokeDasharray="4 3"
            label={{
              value: LOSSES.kept(kept),
              position: kept > steps / 2 ? 'insideTopRight' : 'insideTopLeft',
              fill: 'var(--muted)',
              fontSize: 11.5,
              className: css.halo ?? '',
            }}
          />
        )}
        <Line
          {...STILL}
          data={[...training]}
          dataKey="loss"
          stroke="var(--edge)"
          strokeWidth={1.4}
          dot={training.length < 2 ? { r: 2.5, fill: 'var(--edge)', stroke: 'none' } : false}
        />
        <Line
          {...STILL}
          data={[...heldOut]}
          dataKey="loss"
          stroke="var(--leaf)"
          strokeWidth={2}
          dot={{ r: 3.5, fill: 'var(--card)', stroke: 'var(--leaf)', strokeWidth: 1.8 }}
        />
      </ComposedChart>
    </ChartFrame>
  );
}

const digits = (loss: number) => loss.toFixed(3);

function inWords({ steps, training, heldOut }: Omit<Props, 'kept'>): string {
  const now = training.at(-1);
  return lossesInWords({
    step: now?.step ?? 0,
    steps,
    training: now ? digits(now.loss) : null,
    heldOut: heldOut.map(({ step, loss }) => ({ step, loss: digits(loss) })),
  });
}
