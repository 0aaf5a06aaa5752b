// The importance curve: perplexity with each block left out, on a log axis. Loaded when there is a curve; a mirror of the block list.

import { useMemo, useState } from 'react';
import { Brush, CartesianGrid, ComposedChart, Line, ReferenceLine, ResponsiveContainer, XAxis, YAxis, ZIndexLayer } from 'recharts';
import { type CurveData, curveData } from '../../state/selectors.ts';
import { formatPpl } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import { TICK } from './axis.ts';
import { CurveMarks } from './CurveMarks.tsx';
import css from './charts.module.css';
import { scaleOf, ticksOf } from './scale.ts';

/** From this many blocks on the curve can be narrowed to a range. */
const BRUSH_FROM = 40;
/** Pixels of the chart from which the intact label stands at the right of the curve. */
const LABEL_BESIDE_FROM = 480;
/** The layer of points in recharts: over lines and axes, under labels. */
const ABOVE_LINES = 600;

interface Datum {
  index: number;
  nll: number | null;
}

/** Another model starts with its whole range. */
export default function ImportanceChart() {
  const model = useStudio((state) => state.model.current?.summary);
  return model ? <Chart key={`${model.name}/${model.graph}/${model.numBlocks}`} /> : null;
}

/** Drawn anew when scores or the range change; plan and pointer change the marks alone. */
function Chart() {
  const view = useStudio(curveData);
  const ref = usePointing<HTMLElement>();
  const last = view.scores.length - 1;
  const [range, setRange] = useState<{ from: number; to: number } | null>(null);
  const from = Math.min(range?.from ?? 0, last);
  const to = Math.min(range?.to ?? last, last);
  const shown = view.scores.slice(from, to + 1);
  const known = shown.flatMap((point) => (point.nll === null ? [] : [point.nll]));
  const intact = view.baseline?.nll ?? null;
  const scale = scaleOf(intact, known);
  const hasGroups = view.scores.some((point) => point.group);
  // The same array while the range changes: recharts ends a drag of the brush when its data change.
  const data = useMemo(() => view.scores.map(({ index, nll }): Datum => ({ index, nll })), [view.scores]);
  const width = useWidth(ref, 640);
  // Beside the curve where there is room: over it, the label hides points near the intact line.
  const beside = width >= LABEL_BESIDE_FROM;
  const every = Math.ceil(shown.length / Math.max(4, (width - (beside ? 142 : 72)) / 26));
  return (
    <figure ref={ref} className={css.chart} aria-label={inWords(view)} data-testid="importance-chart">
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 640, height: 300 }}>
        <ComposedChart
          data={data}
          margin={{ top: 22, right: beside ? 84 : 14, bottom: hasGroups ? 16 : 4, left: 0 }}
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
            tickFormatter={(ppl: number) => (ppl >= 1e6 ? formatPpl(Math.log(ppl), 2) : ppl.toLocaleString('en'))}
            tick={TICK}
            tickLine={false}
            axisLine={false}
            width={scale.high > Math.log(1e6) ? 84 : 58}
          />
          <Line
            dataKey={({ nll }: Datum) => (nll === null ? null : Math.exp(Math.min(nll, scale.high)))}
            stroke="var(--leaf-soft)"
            strokeWidth={2}
            dot={false}
            activeDot={false}
            isAnimationActive={false}
          />
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
          <ZIndexLayer zIndex={ABOVE_LINES}>
            <CurveMarks from={from} to={to} scale={scale} />
          </ZIndexLayer>
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
              onChange={({ startIndex, endIndex }) => setRange({ from: startIndex ?? 0, to: endIndex ?? last })}
            />
          )}
        </ComposedChart>
      </ResponsiveContainer>
    </figure>
  );
}

/** The curve in one sentence, for those who do not see it; the list has every number. */
function inWords(view: CurveData): string {
  const known = view.scores.filter((point) => point.nll !== null).sort((a, b) => a.nll! - b.nll!);
  const [least] = known;
  const most = known.at(-1);
  if (!least || !most) return 'Importance of blocks: nothing scored yet.';
  const intact = view.baseline ? ` Intact: ${formatPpl(view.baseline.nll)}.` : '';
  const ends = `Lowest without block ${least.index}: ${formatPpl(least.nll!)}. Highest without block ${most.index}: ${formatPpl(most.nll!)}.`;
  return `Perplexity with each of ${known.length} blocks left out.${intact} ${ends}`;
}
