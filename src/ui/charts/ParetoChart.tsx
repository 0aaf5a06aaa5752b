// Gain over the original against perplexity of the variants, with the intervals of the gains and
// the Pareto front of those that were measured.

import {
  CartesianGrid,
  ComposedChart,
  ErrorBar,
  Line,
  ReferenceLine,
  Scatter,
  XAxis,
  YAxis,
} from 'recharts';
import { plural } from '../../quantities.ts';
import { formatGain } from '../../spread.ts';
import {
  gainOf,
  plottable,
  predictedRows,
  type VariantRow,
  variantRows,
} from '../../state/variants/variants.ts';
import { chartWords, notDrawn, predictedName, VARIANTS } from '../../words/variants.ts';
import { formatPpl } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { type DotProps, longTitleAbove, STILL, titleBelow, X_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { pplAxis, roundTicks, scaleOf } from './scale.ts';
import { usePoints } from './usePoints.ts';

/** So close to the top a label lies below its point. */
const TOP = 46;

interface Datum {
  gain: number;
  /** From the gain to the ends of its interval; null without one. */
  interval: [below: number, above: number] | null;
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
  const front = measured.filter(({ row }) => row.onFront).sort((a, b) => a.gain - b.gain);
  const [slowest, fastest] = rangeOf(data);
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
        height={240}
      >
        <ComposedChart
          margin={{ top: 28, right: 24, bottom: 18, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            {...X_AXIS}
            dataKey="gain"
            domain={[slowest, fastest]}
            ticks={roundTicks(slowest, fastest)}
            tickFormatter={(gain: number) => `${gain.toLocaleString('en')} ×`}
            label={titleBelow(
              predicted.length > 0 ? VARIANTS.gainAxisPredicted : VARIANTS.gainAxis,
            )}
          />
          <YAxis
            {...pplAxis(scale)}
            dataKey="ppl"
            type="number"
            tickFormatter={(ppl: number) => ppl.toLocaleString('en')}
            label={longTitleAbove(VARIANTS.pplAxis)}
          />
          <ReferenceLine x={1} stroke="var(--edge)" strokeDasharray="2 3" />
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
                  right={payload.gain > (slowest + 3 * fastest) / 4}
                />
              ) : (
                <g />
              )
            }
          >
            <ErrorBar
              dataKey={({ interval }: Datum) => interval ?? 0}
              direction="x"
              width={7}
              stroke="var(--edge)"
              strokeWidth={1.4}
              isAnimationActive={false}
            />
          </Scatter>
        </ComposedChart>
      </ChartFrame>
      {left > 0 && <p className={css.beside}>{notDrawn(plural(left, 'variant'))}</p>}
    </>
  );
}

/** Perplexities off the scale lie on its edge. */
function datum(row: VariantRow, high: number): Datum {
  const gain = gainOf(row) ?? row.predictedGain!;
  return {
    row,
    gain,
    interval: row.ci95 && [gain - row.ci95[0], row.ci95[1] - gain],
    ppl: Math.exp(Math.min(row.nll!, high)),
  };
}

/** Wide enough for every interval, with some room beside it. */
function rangeOf(data: readonly Datum[]): [number, number] {
  const low = Math.min(...data.map(({ gain, interval }) => gain - (interval?.[0] ?? 0)));
  const high = Math.max(...data.map(({ gain, interval }) => gain + (interval?.[1] ?? 0)));
  const room = Math.max(0.05, 0.06 * (high - low));
  return [Math.max(0, low - room), high + room];
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
          y={cy < TOP ? cy + 20 : cy - 11}
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
  const name = isOriginal ? VARIANTS.original : row.name;
  return row.measure ? name : predictedName(name);
}

function fillOf({ measure, present, onFront }: VariantRow): string {
  if (!measure) return 'var(--card)';
  if (present) return 'var(--gold)';
  return onFront ? 'var(--leaf)' : 'var(--card)';
}

/** The ends of the chart in words, for screen readers; the table has every number. */
function inWords(data: readonly Datum[], predicted: number): string {
  const fastest = data.reduce((a, b) => (a.gain >= b.gain ? a : b));
  const best = data.reduce((a, b) => (a.row.nll! <= b.row.nll! ? a : b));
  const words = ({ row, gain }: Datum) => ({
    name: row.name,
    gain: formatGain(gain, row.ci95 ?? [gain, gain]),
    ppl: formatPpl(row.nll!),
  });
  const more = predicted > 0 ? plural(predicted, 'more plan') : '';
  return chartWords(data.length, words(fastest), words(best), more);
}
