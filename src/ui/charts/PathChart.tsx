// Perplexity against the number of removed blocks: the iterative search and the one-shot paths.

import { useCallback } from 'react';
import { CartesianGrid, ComposedChart, Line, ReferenceLine, XAxis, YAxis } from 'recharts';
import { type PathPoint, type PathSeries, pathsView } from '../../state/search/selectors.ts';
import { axisTitles } from '../../words/charts.ts';
import { formatPpl } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { useWidth } from '../useWidth.ts';
import { type DotProps, longTitleAbove, STILL, titleBelow, X_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { pathLook } from './pathLook.ts';
import { pplAxis, scaleOf, ticksOf } from './scale.ts';
import { usePoints } from './usePoints.ts';

interface Props {
  /** `name/count` of the point under the pointer, here or in the table. */
  hover: string | null;
  onHover(id: string | null): void;
}

interface Datum {
  count: number;
  ppl: number;
  point: PathPoint;
}

export default function PathChart({ hover, onHover }: Props) {
  const { series } = useStudio(pathsView);
  const { takePath } = useActions();
  const take = useCallback(
    (id: string) => {
      const point = series
        .flatMap(({ name, points }) => points.filter(({ count }) => id === `${name}/${count}`))
        .at(0);
      if (point) takePath(point.removed);
    },
    [series, takePath],
  );
  const ref = usePoints('data-point', onHover, take);
  const width = useWidth(ref, 600);
  const known = series.map((one) => ({
    ...one,
    points: one.points.filter(({ nll }) => nll !== null),
  }));
  const points = known.flatMap((one) => one.points);
  const baseline = Math.min(...points.map(({ nll }) => nll!));
  const scale = scaleOf(
    Number.isFinite(baseline) ? baseline : null,
    points.map(({ nll }) => nll!),
  );
  const counts = series.flatMap((one) => one.points.map(({ count }) => count));
  const [first, last] = [Math.min(...counts), Math.max(...counts, Math.min(...counts) + 1)];
  const every = Math.ceil((last - first + 1) / Math.max(4, (width - 90) / 28));
  const ticks = Array.from(
    { length: Math.floor((last - first) / every) + 1 },
    (_, i) => first + i * every,
  );
  return (
    <ChartFrame
      ref={ref}
      className={css.path}
      label={inWords(known)}
      testId="path-chart"
      width={600}
      height={240}
    >
      <ComposedChart
        margin={{ top: 24, right: 20, bottom: 18, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="count"
          {...X_AXIS}
          domain={[first - 0.3, last + 0.3]}
          ticks={ticks}
          interval={0}
          label={titleBelow(axisTitles.blocksRemoved)}
        />
        <YAxis
          {...pplAxis(scale)}
          allowDataOverflow
          ticks={points.length > 0 ? ticksOf(scale) : []}
          interval={0}
          label={longTitleAbove(axisTitles.pathPpl)}
        />
        <Bound high={scale.high} />
        {/* The iterative path lies over the others. */}
        {known.toReversed().map((one) => (
          <Path key={one.name} path={one} high={scale.high} last={last} hover={hover} />
        ))}
      </ComposedChart>
    </ChartFrame>
  );
}

interface PathProps {
  /** With measured points only. */
  path: PathSeries;
  /** NLL at the top of the axis, in nats. */
  high: number;
  /** The highest number of blocks on the axis. */
  last: number;
  hover: string | null;
}

function Path({ path: { name, points }, high, last, hover }: PathProps) {
  const present = useStudio((state) => state.plan.present.removed.join());
  const { stroke, dash, shape } = pathLook(name);
  const dot = ({ cx, cy, payload }: DotProps<Datum>) => {
    const id = `${name}/${payload?.count ?? 0}`;
    const nll = payload?.point.nll ?? 0;
    return (
      <Point
        key={id}
        id={id}
        cx={cx ?? 0}
        cy={cy ?? 0}
        stroke={stroke}
        shape={shape}
        beyond={nll > high ? { nll, left: payload?.count === last } : null}
        big={hover === id}
        present={payload?.point.removed.join() === present}
      />
    );
  };
  return (
    <Line
      {...STILL}
      data={points.map(
        (point): Datum => ({
          count: point.count,
          ppl: Math.exp(Math.min(point.nll!, high)),
          point,
        }),
      )}
      dataKey="ppl"
      stroke={stroke}
      strokeWidth={2}
      strokeDasharray={dash}
      dot={dot}
    />
  );
}

/** The perplexity that the search must not exceed. */
function Bound({ high }: { high: number }) {
  const bound = useStudio((state) => state.search.path?.request.maxPpl ?? null);
  if (bound === null || Math.log(bound) > high) return null;
  return <ReferenceLine y={bound} stroke="var(--cut)" strokeDasharray="5 4" strokeWidth={1.2} />;
}

interface PointProps {
  id: string;
  cx: number;
  cy: number;
  stroke: string;
  shape: (cx: number, cy: number, r: number) => string;
  /** Its NLL when the axis ends below it; the number then stands at that side. */
  beyond: { nll: number; left: boolean } | null;
  big: boolean;
  /** It is the current plan. */
  present: boolean;
}

function Point({ id, cx, cy, stroke, shape, beyond, big, present }: PointProps) {
  const r = big ? 6.5 : 4.5;
  return (
    <g className={css.column} data-testid="path-point" data-point={id}>
      <circle className={css.hit} cx={cx} cy={cy} r={13} />
      {present && <circle className={css.equal} cx={cx} cy={cy} r={r + 4} />}
      {beyond && (
        <text
          className={css.offLabel}
          x={cx + (beyond.left ? -11 : 11)}
          y={cy + 12}
          textAnchor={beyond.left ? 'end' : 'start'}
        >
          ↑ {formatPpl(beyond.nll)}
        </text>
      )}
      <path
        d={shape(cx, beyond ? cy + 8 : cy, r)}
        fill={id.startsWith('iterative/') ? stroke : 'var(--card)'}
        stroke={stroke}
        strokeWidth={2}
      />
    </g>
  );
}

/** The end of each path in a sentence, for screen readers; the table has every number. */
function inWords(series: readonly PathSeries[]): string {
  const ends = series.flatMap(({ label, points }) => {
    const last = points.at(-1);
    return last ? [` ${label}: ${formatPpl(last.nll!)} without ${last.count} blocks.`] : [];
  });
  return `Perplexity against the number of blocks removed.${ends.join('')}`;
}
