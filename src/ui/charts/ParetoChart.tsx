// Speed against perplexity, one point per measured variant, with the front of those that no other
// beats. Loaded when there are two; a mirror of the table.

import { type RefObject, useEffect, useRef } from 'react';
import {
  CartesianGrid,
  ComposedChart,
  Line,
  ResponsiveContainer,
  Scatter,
  XAxis,
  YAxis,
} from 'recharts';
import {
  plottable,
  predictedRows,
  type VariantRow,
  variantRows,
} from '../../state/variants/variants.ts';
import { formatPpl, formatRate, plural } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { TICK } from './axis.ts';
import css from './charts.module.css';
import { roundTicks, scaleOf, ticksOf } from './scale.ts';

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
  const ref = usePoints(onHover);
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
      <figure
        ref={ref}
        className={css.sweep}
        aria-label={inWords(measured, predicted.length)}
        data-testid="pareto-chart"
      >
        <ResponsiveContainer
          width="100%"
          height="100%"
          initialDimension={{ width: 600, height: 220 }}
        >
          <ComposedChart
            margin={{ top: 20, right: 24, bottom: 18, left: 0 }}
            accessibilityLayer={false}
          >
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis
              dataKey="speed"
              type="number"
              domain={[slowest, fastest]}
              ticks={roundTicks(slowest, fastest)}
              tickFormatter={(rate: number) => rate.toLocaleString('en')}
              tick={TICK}
              tickLine={false}
              axisLine={{ stroke: 'var(--line)' }}
              label={{
                value: predicted.length > 0 ? 'tok/s; dashed: predicted' : 'tok/s, measured',
                position: 'bottom',
                offset: 2,
                fill: 'var(--muted)',
                fontSize: 11.5,
              }}
            />
            <YAxis
              dataKey="ppl"
              type="number"
              scale="log"
              domain={[Math.exp(scale.low), Math.exp(scale.high)]}
              ticks={ticksOf(scale)}
              tickFormatter={(ppl: number) => ppl.toLocaleString('en')}
              tick={TICK}
              tickLine={false}
              axisLine={false}
              width={58}
              label={{
                value: 'perplexity',
                position: 'top',
                offset: 8,
                fill: 'var(--muted)',
                fontSize: 11.5,
              }}
            />
            <Line
              data={front}
              dataKey="ppl"
              stroke="var(--leaf-soft)"
              strokeWidth={2}
              dot={false}
              activeDot={false}
              isAnimationActive={false}
            />
            <Scatter
              data={data}
              dataKey="ppl"
              isAnimationActive={false}
              shape={({
                cx,
                cy,
                payload,
              }: {
                cx?: number | undefined;
                cy?: number | undefined;
                payload?: Datum;
              }) =>
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
        </ResponsiveContainer>
      </figure>
      {left > 0 && (
        <p className={css.beside}>
          Not drawn: {plural(left, 'variant')} measured with another protocol or device.
        </p>
      )}
    </>
  );
}

/** Hover and click of the points, heard on the figure: the table answers keys. */
function usePoints(onHover: Props['onHover']): RefObject<HTMLElement | null> {
  const ref = useRef<HTMLElement | null>(null);
  const actions = useActions();
  useEffect(() => {
    const stop = new AbortController();
    const keyOf = ({ target }: Event) =>
      (target instanceof Element
        ? target.closest('[data-variant]')?.getAttribute('data-variant')
        : null) ?? null;
    const listen = (name: string, act: (key: string | null) => void) =>
      ref.current?.addEventListener(name, (event) => act(keyOf(event)), { signal: stop.signal });
    listen('pointermove', onHover);
    listen('pointerleave', () => onHover(null));
    listen('click', (key) => key !== null && actions.applyVariant(key));
    return () => stop.abort();
  }, [actions, onHover]);
  return ref;
}

/** Perplexities beyond the axis lie on its edge. */
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
  const name = row.key === '' ? 'original' : hovered || row.present ? row.name : '';
  const label = name && !isMeasured ? `${name}, predicted` : name;
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
        fill={
          !isMeasured
            ? 'var(--card)'
            : row.present
              ? 'var(--gold)'
              : row.onFront
                ? 'var(--leaf)'
                : 'var(--card)'
        }
        stroke={row.present ? 'var(--gold)' : 'var(--leaf)'}
        strokeWidth={2}
        strokeDasharray={isMeasured ? undefined : '3 2'}
      />
      {label && (
        <text
          x={right ? cx + 8 : cx}
          y={cy - 11}
          textAnchor={right ? 'end' : 'middle'}
          className={`${css.offLabel} ${css.intact}`}
        >
          {label}
        </text>
      )}
    </g>
  );
}

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
