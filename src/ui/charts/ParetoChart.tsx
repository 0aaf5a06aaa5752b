// Speed against perplexity of the variants, with the Pareto front of those that were measured.

import { CartesianGrid, ComposedChart, Line, Scatter, XAxis, YAxis } from 'recharts';
import {
  plottable,
  predictedRows,
  type VariantRow,
  variantRows,
} from '../../state/variants/variants.ts';
import { formatPpl, formatRate, plural } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { type DotProps, STILL, titleAbove, titleBelow, X_AXIS, Y_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { roundTicks, scaleOf, ticksOf } from './scale.ts';
import { usePoints } from './usePoints.ts';

interface Datum {
  speed: number;
  ppl: number;
  row: VariantRow;
}

interface Props {
  hover: string | null;
  onHover(key: string | null): void;
}

export default function ParetoChart({ hover, onHover }: Props) {
  const rows = useStudio(variantRows);
  const { applyVariant } = useActions();
  const ref = usePoints('data-variant', onHover, applyVariant);
  const points = plottable(rows);
  const original = points.find((row) => row.key === '');
  const predicted = predictedRows(rows);
  const nlls = [...points, ...predicted].map((row) => row.nll!);
  const scale = scaleOf(original?.nll ?? Math.min(...nlls), nlls);
  const measured = points.map((row): Datum => datum(row, scale.high));
  const data = [...measured, ...predicted.map((row): Datum => datum(row, scale.high))];
  const front = measured.filter(({ row }) => row.onFront).sort((a, b) => a.speed - b.speed);
  const speeds = data.map(({ speed }) => speed);
  const [slowest, fastest] = [Math.min(...speeds) * 0.92, Math.max(...speeds) * 1.08];
  const left =
    rows.filter((row) => row.nll !== null && row.measure !== null).length - points.length;
  return (
    <>
      <ChartFrame
        ref={ref}
        className={css.sweep}
        label={inWords(measured, predicted.length)}
        testId="pareto-chart"
        width={600}
        height={220}
      >
        <ComposedChart
          margin={{ top: 20, right: 24, bottom: 18, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            {...X_AXIS}
            dataKey="speed"
            domain={[slowest, fastest]}
            ticks={roundTicks(slowest, fastest)}
            tickFormatter={(rate: number) => rate.toLocaleString('en')}
            label={titleBelow(
              predicted.length > 0 ? 'tok/s; dashed: predicted' : 'tok/s, measured',
            )}
          />
          <YAxis
            {...Y_AXIS}
            dataKey="ppl"
            type="number"
            scale="log"
            domain={[Math.exp(scale.low), Math.exp(scale.high)]}
            ticks={ticksOf(scale)}
            tickFormatter={(ppl: number) => ppl.toLocaleString('en')}
            width={58}
            label={titleAbove('perplexity', 8)}
          />
          <Line
            data={front}
            dataKey="ppl"
            stroke="var(--leaf-soft)"
            strokeWidth={2}
            dot={false}
            {...STILL}
          />
          <Scatter
            data={data}
            dataKey="ppl"
            isAnimationActive={false}
            shape={({ cx, cy, payload }: DotProps<Datum>) =>
              payload ? (
                <Point
                  cx={cx ?? 0}
                  cy={cy ?? 0}
                  row={payload.row}
                  hovered={hover === payload.row.key}
                  right={payload.speed > (slowest + 3 * fastest) / 4}
                />
              ) : (
                <g />
              )
            }
          />
        </ComposedChart>
      </ChartFrame>
      {left > 0 && (
        <p className={css.beside}>
          Not drawn: {plural(left, 'variant')} measured with another protocol or device.
        </p>
      )}
    </>
  );
}

/** Perplexities off the scale lie on its edge. */
function datum(row: VariantRow, high: number): Datum {
  return {
    row,
    speed: row.measure?.speed.throughput.mean ?? row.predicted!,
    ppl: Math.exp(Math.min(row.nll!, high)),
  };
}

interface PointProps {
  cx: number;
  cy: number;
  row: VariantRow;
  hovered: boolean;
  /** Near the right edge: its label ends at the point. */
  right: boolean;
}

function Point({ cx, cy, row, hovered, right }: PointProps) {
  const isMeasured = row.measure !== null;
  const label = labelOf(row, hovered);
  return (
    <g
      className={css.column}
      data-testid={isMeasured ? 'pareto-point' : 'pareto-predicted'}
      data-variant={row.key}
    >
      <circle cx={cx} cy={cy} r={14} className={css.hit} />
      <circle
        cx={cx}
        cy={cy}
        r={hovered ? 6.5 : 5}
        fill={fillOf(row)}
        stroke={row.present ? 'var(--gold)' : 'var(--leaf)'}
        strokeWidth={2}
        strokeDasharray={isMeasured ? undefined : '3 2'}
      />
      {label && (
        <text
          x={right ? cx + 8 : cx}
          y={cy - 11}
          textAnchor={right ? 'end' : 'middle'}
          className={`${css.offLabel} ${css.halo}`}
        >
          {label}
        </text>
      )}
    </g>
  );
}

function labelOf(row: VariantRow, hovered: boolean): string {
  const isOriginal = row.key === '';
  if (!isOriginal && !hovered && !row.present) return '';
  const name = isOriginal ? 'original' : row.name;
  return row.measure ? name : `${name}, predicted`;
}

function fillOf({ measure, present, onFront }: VariantRow): string {
  if (!measure) return 'var(--card)';
  if (present) return 'var(--gold)';
  return onFront ? 'var(--leaf)' : 'var(--card)';
}

/** The ends of the chart in words, for screen readers; the table has every number. */
function inWords(data: readonly Datum[], predicted: number): string {
  const fastest = data.reduce((a, b) => (a.speed >= b.speed ? a : b));
  const best = data.reduce((a, b) => (a.row.nll! <= b.row.nll! ? a : b));
  return (
    `Speed against perplexity of ${data.length} variants. Fastest: ${fastest.row.name}, ` +
    `${formatRate(fastest.speed)} tokens per second at perplexity ` +
    `${formatPpl(fastest.row.nll!)}. Lowest perplexity: ${best.row.name}, ` +
    `${formatPpl(best.row.nll!)} at ${formatRate(best.speed)} tokens per ` +
    `second.${predicted > 0 ? ` ${plural(predicted, 'more plan')} with a predicted speed.` : ''}`
  );
}
