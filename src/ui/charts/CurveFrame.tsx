// The frame of the importance charts: perplexity on a log axis over blocks, the baseline, a range.

import { type ReactNode, useMemo, useState } from 'react';
import {
  Brush,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceLine,
  usePlotArea,
  XAxis,
  YAxis,
  ZIndexLayer,
} from 'recharts';
import { axisTitles, curveWords } from '../../words/charts.ts';
import { formatPpl } from '../format.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import { ABOVE_LINES, longTitleAbove, STILL, X_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { pplAxis, type Scale, scaleOf, ticksOf } from './scale.ts';

/** From this many blocks on the curve can be narrowed to a range. */
const BRUSH_FROM = 40;
/** Pixels of the chart from which the label of the baseline stands at the right of the curve. */
const LABEL_BESIDE_FROM = 480;

interface CurveLine {
  name: string;
  stroke: string;
  /** Where its points lie beside their block, in blocks. */
  shift: number;
  /** One per block, in nats; null while unknown. */
  nlls: readonly (number | null)[];
}

export interface MarksProps {
  /** First and last block of the range that is shown. */
  from: number;
  to: number;
  scale: Scale;
}

interface Datum {
  index: number;
  nlls: readonly (number | null)[];
}

interface Props {
  /** The curve in words. */
  label: string;
  testId: string;
  /** Title of the vertical axis. */
  title: string;
  /** NLL of the original model, or null while unknown; no line where it is not finite. */
  baseline: number | null;
  /** The same array while the scores are the same: new data would end a drag of the brush. */
  lines: readonly CurveLine[];
  /** Room for letters below the axis. */
  lettered: boolean;
  marks(props: MarksProps): ReactNode;
}

/** Rendered again for new scores or another range; plan and pointer change the marks alone. */
export function CurveFrame({ label, testId, title, baseline, lines, lettered, marks }: Props) {
  const ref = usePointing<HTMLElement>();
  const data = useMemo(
    () =>
      (lines[0]?.nlls ?? []).map(
        (_, index): Datum => ({ index, nlls: lines.map(({ nlls }) => nlls[index] ?? null) }),
      ),
    [lines],
  );
  const last = data.length - 1;
  const [range, setRange] = useState<Range | null>(null);
  const from = Math.min(range?.from ?? 0, last);
  const to = Math.min(range?.to ?? last, last);
  const shown = data.slice(from, to + 1);
  const known = shown.flatMap(({ nlls }) => nlls.filter((nll) => nll !== null));
  const original = baseline !== null && Number.isFinite(baseline) ? baseline : null;
  const isEmpty = original === null && known.length === 0;
  const scale = scaleOf(original, known);
  const width = useWidth(ref, 640);
  // Beside the curve where there is room: over it, the label hides points near the baseline.
  const beside = width >= LABEL_BESIDE_FROM;
  const every = Math.ceil(shown.length / Math.max(4, (width - (beside ? 156 : 72)) / 26));
  return (
    <ChartFrame
      ref={ref}
      className={css.chart}
      label={label}
      testId={testId}
      width={640}
      height={300}
    >
      <ComposedChart
        data={data}
        margin={{ top: 38, right: beside ? 98 : 14, bottom: lettered ? 16 : 4, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} syncWithTicks stroke="var(--line)" />
        <XAxis
          {...X_AXIS}
          dataKey="index"
          domain={[from - 0.5, to + 0.5]}
          allowDataOverflow
          ticks={shown.filter((_, i) => i % every === 0).map((point) => point.index)}
          interval={0}
          height={26}
        />
        <YAxis
          {...pplAxis(scale)}
          allowDataOverflow
          ticks={isEmpty ? [] : ticksOf(scale)}
          interval={0}
          width={scale.high > Math.log(1e6) ? 84 : 58}
          label={longTitleAbove(title, -38)}
        />
        <AxisNames lettered={lettered} />
        {isEmpty && <Empty words={baseline === null ? curveWords.waiting : curveWords.none} />}
        {lines.map((line) => (
          <Curve key={line.name} {...line} high={scale.high} />
        ))}
        {original !== null && <Baseline nll={original} beside={beside} />}
        <ZIndexLayer zIndex={ABOVE_LINES}>{marks({ from, to, scale })}</ZIndexLayer>
        {last + 1 >= BRUSH_FROM && (
          <Brush
            dataKey="index"
            ariaLabel="Range of blocks shown"
            height={22}
            travellerWidth={9}
            stroke="var(--edge)"
            fill="var(--card)"
            startIndex={from}
            endIndex={to}
            onChange={({ startIndex, endIndex }) =>
              setRange({ from: startIndex ?? 0, to: endIndex ?? last })
            }
          />
        )}
      </ComposedChart>
    </ChartFrame>
  );
}

/** The original is measured before any block. */
function Empty({ words }: { words: string }) {
  const plot = usePlotArea();
  if (!plot || plot.width <= 0) return null;
  return (
    <text
      className={css.axisName}
      x={plot.x + plot.width / 2}
      y={plot.y + plot.height / 2}
      textAnchor="middle"
    >
      {words}
    </text>
  );
}

/** What the numbers and letters below the plot are, in the room left of them. */
function AxisNames({ lettered }: { lettered: boolean }) {
  const plot = usePlotArea();
  if (!plot || plot.width <= 0) return null;
  const below = plot.y + plot.height;
  return (
    <g className={css.axisName} textAnchor="end">
      <text x={plot.x - 8} y={below + 16}>
        {axisTitles.block}
      </text>
      {lettered && (
        <text x={plot.x - 8} y={below + 33}>
          {axisTitles.noise}
        </text>
      )}
    </g>
  );
}

interface Range {
  from: number;
  to: number;
}

/** One line through its own points; values off the scale lie on its edge. */
function Curve({ stroke, shift, nlls, high }: CurveLine & { high: number }) {
  const shifted = () =>
    nlls.map((_, i): Datum => ({ index: i + shift, nlls: nlls.slice(i, i + 1) }));
  return (
    <Line
      {...STILL}
      {...(shift !== 0 && { data: shifted() })}
      dataKey={({ nlls: [nll] }: Datum) => (nll == null ? null : Math.exp(Math.min(nll, high)))}
      stroke={stroke}
      strokeWidth={2}
      dot={false}
    />
  );
}

function Baseline({ nll, beside }: { nll: number; beside: boolean }) {
  return (
    <ReferenceLine
      y={Math.exp(nll)}
      stroke="var(--gold)"
      strokeDasharray="5 4"
      strokeWidth={1.5}
      label={{
        value: `original ${formatPpl(nll)}`,
        position: beside ? 'right' : 'insideBottomRight',
        fill: 'var(--gold)',
        fontSize: 12,
        dy: beside ? 0 : 16,
        className: css.halo ?? '',
      }}
    />
  );
}
