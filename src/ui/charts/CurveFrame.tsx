// What the charts of blocks and of parts share: perplexity on a log axis over the blocks, the
// intact line, a range that can be narrowed. Marks come from outside.

import { type ReactNode, useMemo, useState } from 'react';
import {
  Brush,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceLine,
  ResponsiveContainer,
  XAxis,
  YAxis,
  ZIndexLayer,
} from 'recharts';
import { formatPpl } from '../format.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import { TICK } from './axis.ts';
import css from './charts.module.css';
import { type Scale, scaleOf, ticksOf } from './scale.ts';

/** From this many blocks on the curve can be narrowed to a range. */
const BRUSH_FROM = 40;
/** Pixels of the chart from which the intact label stands at the right of the curve. */
const LABEL_BESIDE_FROM = 480;
/** The layer of points in recharts: over lines and axes, under labels. */
const ABOVE_LINES = 600;

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
  /** NLL of the intact model, or null while unknown. */
  intact: number | null;
  /**
   * The same array as long as the scores are the same: recharts ends a drag of the brush when its
   * data change.
   */
  lines: readonly CurveLine[];
  /** Room for letters below the axis. */
  lettered: boolean;
  marks(props: MarksProps): ReactNode;
}

/** Drawn anew when scores or the range change; plan and pointer change the marks alone. */
export function CurveFrame({ label, testId, intact, lines, lettered, marks }: Props) {
  const ref = usePointing<HTMLElement>();
  const data = useMemo(
    () =>
      (lines[0]?.nlls ?? []).map(
        (_, index): Datum => ({ index, nlls: lines.map(({ nlls }) => nlls[index] ?? null) }),
      ),
    [lines],
  );
  const last = data.length - 1;
  const [range, setRange] = useState<{ from: number; to: number } | null>(null);
  const from = Math.min(range?.from ?? 0, last);
  const to = Math.min(range?.to ?? last, last);
  const shown = data.slice(from, to + 1);
  const known = shown.flatMap(({ nlls }) => nlls.filter((nll) => nll !== null));
  const scale = scaleOf(intact, known);
  const width = useWidth(ref, 640);
  // Beside the curve where there is room: over it, the label hides points near the intact line.
  const beside = width >= LABEL_BESIDE_FROM;
  const every = Math.ceil(shown.length / Math.max(4, (width - (beside ? 142 : 72)) / 26));
  return (
    <figure ref={ref} className={css.chart} aria-label={label} data-testid={testId}>
      <ResponsiveContainer
        width="100%"
        height="100%"
        initialDimension={{ width: 640, height: 300 }}
      >
        <ComposedChart
          data={data}
          margin={{ top: 22, right: beside ? 84 : 14, bottom: lettered ? 16 : 4, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} syncWithTicks stroke="var(--line)" />
          <XAxis
            dataKey="index"
            type="number"
            domain={[from - 0.5, to + 0.5]}
            allowDataOverflow
            ticks={shown.filter((_, i) => i % every === 0).map((point) => point.index)}
            interval={0}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: 'var(--line)' }}
            height={26}
          />
          <YAxis
            scale="log"
            domain={[Math.exp(scale.low), Math.exp(scale.high)]}
            allowDataOverflow
            ticks={intact === null && known.length === 0 ? [] : ticksOf(scale)}
            interval={0}
            tickFormatter={(ppl: number) =>
              ppl >= 1e6 ? formatPpl(Math.log(ppl), 2) : ppl.toLocaleString('en')
            }
            tick={TICK}
            tickLine={false}
            axisLine={false}
            width={scale.high > Math.log(1e6) ? 84 : 58}
          />
          {lines.map(({ name, stroke, shift, nlls }) => (
            <Line
              key={name}
              {...(shift !== 0 && {
                data: nlls.map(
                  (_, index): Datum => ({
                    index: index + shift,
                    nlls: nlls.slice(index, index + 1),
                  }),
                ),
              })}
              dataKey={({ nlls: [nll] }: Datum) =>
                nll == null ? null : Math.exp(Math.min(nll, scale.high))
              }
              stroke={stroke}
              strokeWidth={2}
              dot={false}
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
          {intact !== null && (
            <ReferenceLine
              y={Math.exp(intact)}
              stroke="var(--gold)"
              strokeDasharray="5 4"
              strokeWidth={1.5}
              label={{
                value: `intact ${formatPpl(intact)}`,
                position: beside ? 'right' : 'insideBottomRight',
                fill: 'var(--gold)',
                fontSize: 12,
                dy: beside ? 0 : 16,
                className: css.intact ?? '',
              }}
            />
          )}
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
      </ResponsiveContainer>
    </figure>
  );
}
