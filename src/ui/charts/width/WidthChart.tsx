// Perplexity of narrower models and of depth plans, against parameters or against speed.

import { CartesianGrid, ComposedChart, ErrorBar, Line, Scatter, XAxis, YAxis } from 'recharts';
import {
  rateOf,
  type WidthRow,
  type WidthRowId,
  type WidthView,
} from '../../../state/width/selectors.ts';
import { chartInWords, WIDTH_AXES } from '../../../words/comparison/width.ts';
import { formatCount, formatPpl, formatRate } from '../../format.ts';
import { type DotProps, longTitleAbove, STILL, titleBelow, X_AXIS } from '../axis.ts';
import { ChartFrame } from '../ChartFrame.tsx';
import css from '../charts.module.css';
import { pplAxis, roundTicks, type Scale, scaleOf } from '../scale.ts';
import { WidthSign } from './WidthSign.tsx';

interface Props {
  view: WidthView;
  axis: 'params' | 'speed';
  /** Batch size of the speeds. */
  batch: number;
}

interface Datum {
  id: WidthRowId;
  name: string;
  nll: number;
  x: number;
  /** From the point to the ends of its intervals; null without one. */
  xBar: [below: number, above: number] | null;
  ppl: number;
  pplBar: [below: number, above: number] | null;
}

/** How intervals are drawn, along either axis. */
const BAR = {
  width: 6,
  stroke: 'var(--edge)',
  strokeWidth: 1.2,
  isAnimationActive: false,
} as const;

export default function WidthChart({ view, axis, batch }: Props) {
  const rows = view.rows.flatMap((row) => {
    const at = positionOf(view, row, axis, batch);
    return row.nll === null || at === null ? [] : [{ row, nll: row.nll, ...at }];
  });
  const base = view.rows[0]?.nll ?? null;
  const line = lineOf(view, axis, batch);
  const scale = scaleOf(base, [
    ...rows.flatMap(({ row, nll }) => [nll, ...(row.nllEnds ?? [])]),
    ...line.map(({ nll }) => nll),
  ]);
  const data = rows.map(({ row, nll, x, ends }): Datum => {
    const ppl = onScale(nll, scale);
    return {
      id: row.id,
      name: row.label,
      nll,
      x,
      xBar: ends && [x - ends[0], ends[1] - x],
      ppl,
      pplBar: row.nllEnds && [
        ppl - onScale(row.nllEnds[0], scale),
        onScale(row.nllEnds[1], scale) - ppl,
      ],
    };
  });
  const [from, to] = rangeOf([
    ...data.flatMap(({ x, xBar }) => [x - (xBar?.[0] ?? 0), x + (xBar?.[1] ?? 0)]),
    ...line.map(({ x }) => x),
  ]);
  const format = axis === 'params' ? formatCount : (rate: number) => rate.toLocaleString('en');
  const words = data.map(({ name, nll, x }) => ({
    name,
    x: axis === 'params' ? formatCount(x) : formatRate(x),
    ppl: formatPpl(nll),
  }));
  return (
    <ChartFrame
      className={css.path}
      label={chartInWords(axis, words)}
      testId={`width-chart-${axis}`}
      width={420}
      height={240}
    >
      <ComposedChart
        margin={{ top: 26, right: 22, bottom: 18, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          {...X_AXIS}
          dataKey="x"
          domain={[from, to]}
          ticks={roundTicks(from, to)}
          tickFormatter={format}
          label={titleBelow(axis === 'params' ? WIDTH_AXES.params : WIDTH_AXES.speed(batch))}
        />
        <YAxis
          {...pplAxis(scale)}
          dataKey="ppl"
          type="number"
          allowDataOverflow
          label={longTitleAbove(WIDTH_AXES.ppl)}
        />
        <Line
          data={line.map(({ x, nll }) => ({ x, ppl: onScale(nll, scale) }))}
          dataKey="ppl"
          stroke="var(--leaf)"
          strokeWidth={1.6}
          strokeDasharray="6 3"
          dot={{ r: 2.5, fill: 'var(--card)', stroke: 'var(--leaf)', strokeDasharray: '' }}
          {...STILL}
        />
        <Scatter
          data={data}
          dataKey="ppl"
          isAnimationActive={false}
          shape={({ cx, cy, payload }: DotProps<Datum>) =>
            payload ? <Point cx={cx ?? 0} cy={cy ?? 0} datum={payload} scale={scale} /> : <g />
          }
        >
          <ErrorBar dataKey={({ pplBar }: Datum) => pplBar ?? 0} direction="y" {...BAR} />
          {axis === 'speed' && (
            <ErrorBar dataKey={({ xBar }: Datum) => xBar ?? 0} direction="x" {...BAR} />
          )}
        </Scatter>
      </ComposedChart>
    </ChartFrame>
  );
}

/** Perplexities off the scale lie on its edge. */
const onScale = (nll: number, { high }: Scale): number => Math.exp(Math.min(nll, high));

/** Where a row lies on the horizontal axis; null while it is not measured. */
function positionOf(
  view: WidthView,
  row: WidthRow,
  axis: Props['axis'],
  batch: number,
): { x: number; ends: readonly [number, number] | null } | null {
  if (axis === 'params') return { x: row.params, ends: null };
  const rate = rateOf(view, row, batch);
  return rate && { x: rate.rate, ends: rate.ends };
}

/** The line of depth: its plans of several sizes, as far as their place is known. */
function lineOf(view: WidthView, axis: Props['axis'], batch: number) {
  if (axis === 'params') return view.line.map(({ params, nll }) => ({ x: params, nll }));
  const rateOfRow = (id: WidthRowId) => {
    const row = view.rows.find((one) => one.id === id);
    return (row && rateOf(view, row, batch)?.rate) ?? null;
  };
  const [original, depth] = [rateOfRow('original'), rateOfRow('depth')];
  const own = view.depth.removed.join();
  return view.line.flatMap(({ removed, nll, gain }) => {
    // Other sizes were measured at batch 1, each with an original of its own.
    const other = batch === 1 && gain !== null && original !== null ? gain * original : null;
    const known = removed.length === 0 ? original : other;
    const x = removed.join() === own ? depth : known;
    return x === null ? [] : [{ x, nll }];
  });
}

function rangeOf(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.08 * (high - low), 0.01 * high);
  return [Math.max(0, low - room), high + room];
}

interface PointProps {
  cx: number;
  cy: number;
  datum: Datum;
  scale: Scale;
}

function Point({ cx, cy, datum: { id, name, nll }, scale }: PointProps) {
  return (
    <g data-testid="width-point" data-row={id}>
      <title>{`${name}: ${formatPpl(nll)}`}</title>
      <WidthSign id={id} cx={cx} cy={cy} r={5} />
      {nll > scale.high && (
        <text x={cx + 9} y={cy + 12} className={`${css.offLabel} ${css.halo}`}>
          ↑ {formatPpl(nll)}
        </text>
      )}
    </g>
  );
}
