// Perplexity against the number of blocks removed: the path of the iterative search and the
// one-shot paths. Loaded when there is one; a mirror of its table.

import { type RefObject, useEffect, useRef } from 'react';
import {
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceLine,
  ResponsiveContainer,
  XAxis,
  YAxis,
} from 'recharts';
import { type PathPoint, type PathSeries, pathsView } from '../../state/search/selectors.ts';
import { formatPpl } from '../format.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { useWidth } from '../useWidth.ts';
import { TICK } from './axis.ts';
import css from './charts.module.css';
import { pathLook } from './pathLook.ts';
import { scaleOf, ticksOf } from './scale.ts';

interface Props {
  /** `name/count` of the point that is pointed at, here or in the table. */
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
  const ref = usePoints(series, onHover);
  const width = useWidth(ref, 600);
  const present = useStudio((state) => state.plan.present.removed.join());
  const known = series.map((one) => ({
    ...one,
    points: one.points.filter(({ nll }) => nll !== null),
  }));
  const points = known.flatMap((one) => one.points);
  const intact = Math.min(...points.map(({ nll }) => nll!));
  const scale = scaleOf(
    Number.isFinite(intact) ? intact : null,
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
    <figure ref={ref} className={css.path} aria-label={inWords(known)} data-testid="path-chart">
      <ResponsiveContainer
        width="100%"
        height="100%"
        initialDimension={{ width: 600, height: 240 }}
      >
        <ComposedChart
          margin={{ top: 24, right: 20, bottom: 18, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            dataKey="count"
            type="number"
            domain={[first - 0.3, last + 0.3]}
            ticks={ticks}
            interval={0}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: 'var(--line)' }}
            label={{
              value: 'blocks removed',
              position: 'bottom',
              offset: 2,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          <YAxis
            scale="log"
            domain={[Math.exp(scale.low), Math.exp(scale.high)]}
            allowDataOverflow
            ticks={points.length > 0 ? ticksOf(scale) : []}
            interval={0}
            tickFormatter={(ppl: number) =>
              ppl >= 1e6 ? formatPpl(Math.log(ppl), 2) : ppl.toLocaleString('en')
            }
            tick={TICK}
            tickLine={false}
            axisLine={false}
            width={58}
            label={{
              value: 'perplexity',
              position: 'top',
              offset: 10,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          <Bound high={scale.high} />
          {/* The iterative path lies over the others. */}
          {known.toReversed().map(({ name, points: measured }) => {
            const { stroke, dash, shape } = pathLook(name);
            return (
              <Line
                key={name}
                data={measured.map(
                  (point): Datum => ({
                    count: point.count,
                    ppl: Math.exp(Math.min(point.nll!, scale.high)),
                    point,
                  }),
                )}
                dataKey="ppl"
                stroke={stroke}
                strokeWidth={2}
                strokeDasharray={dash}
                activeDot={false}
                isAnimationActive={false}
                dot={({
                  cx,
                  cy,
                  payload,
                }: {
                  cx?: number | undefined;
                  cy?: number | undefined;
                  payload?: Datum;
                }) => (
                  <Point
                    key={payload?.count ?? 0}
                    id={`${name}/${payload?.count ?? 0}`}
                    cx={cx ?? 0}
                    cy={cy ?? 0}
                    stroke={stroke}
                    shape={shape}
                    beyond={
                      payload && payload.point.nll! > scale.high
                        ? { nll: payload.point.nll!, left: payload.count === last }
                        : null
                    }
                    big={hover === `${name}/${payload?.count ?? 0}`}
                    present={payload?.point.removed.join() === present}
                  />
                )}
              />
            );
          })}
        </ComposedChart>
      </ResponsiveContainer>
    </figure>
  );
}

/** The perplexity that the search must not pass. */
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
  /** The plan in force. */
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

/** Hover and click of the points, heard on the figure: the table answers keys. */
function usePoints(
  series: readonly PathSeries[],
  onHover: Props['onHover'],
): RefObject<HTMLElement | null> {
  const ref = useRef<HTMLElement | null>(null);
  const actions = useActions();
  useEffect(() => {
    const stop = new AbortController();
    const idOf = ({ target }: Event) =>
      (target instanceof Element
        ? target.closest('[data-point]')?.getAttribute('data-point')
        : null) ?? null;
    const listen = (name: string, act: (id: string | null) => void) =>
      ref.current?.addEventListener(name, (event) => act(idOf(event)), { signal: stop.signal });
    listen('pointermove', onHover);
    listen('pointerleave', () => onHover(null));
    listen('click', (id) => {
      const point = series.flatMap(({ name, points }) =>
        points.filter(({ count }) => id === `${name}/${count}`),
      )[0];
      if (point) actions.takePath(point.removed);
    });
    return () => stop.abort();
  }, [actions, onHover, series]);
  return ref;
}

/** The paths in a sentence each, for those who do not see them; the table has every number. */
function inWords(series: readonly PathSeries[]): string {
  const ends = series.flatMap(({ label, points }) => {
    const last = points.at(-1);
    return last ? [` ${label}: ${formatPpl(last.nll!)} without ${last.count} blocks.`] : [];
  });
  return `Perplexity against the number of blocks removed.${ends.join('')}`;
}
