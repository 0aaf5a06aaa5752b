// Latency against throughput at growing batch sizes, original and pruned.

import { CartesianGrid, Line, LineChart, XAxis, YAxis } from 'recharts';
import type { SweepPoint, SweepResult } from '../../contract/speed.ts';
import { formatBySpread } from '../../spread.ts';
import { SPEED, SWEEP, sweepBest, sweepInWords } from '../../words/speed.ts';
import { formatShort } from '../format.ts';
import { longTitleAbove, STILL, titleBelow, X_AXIS, Y_AXIS } from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { roundTicks } from './scale.ts';

interface Datum {
  latency: number;
  throughput: number;
  batch: number;
}

const dataOf = (points: readonly SweepPoint[]): Datum[] =>
  points.map(({ latency, throughput, batch }) => ({
    latency: latency.mean,
    throughput: throughput.mean,
    batch,
  }));

export default function SweepChart({ result }: { result: SweepResult }) {
  const series = [
    { name: 'original', points: dataOf(result.original), stroke: 'var(--edge)' },
    { name: 'pruned', points: dataOf(result.pruned), stroke: 'var(--leaf)' },
  ].filter(({ points }) => points.length > 0);
  const latencies = series.flatMap(({ points }) => points.map((point) => point.latency));
  const fastest = Math.max(
    ...series.flatMap(({ points }) => points.map(({ throughput }) => throughput)),
  );
  return (
    <ChartFrame
      className={css.sweep}
      label={inWords(result)}
      testId="sweep-chart"
      width={600}
      height={220}
    >
      <LineChart margin={{ top: 24, right: 16, bottom: 18, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          {...X_AXIS}
          dataKey="latency"
          scale="log"
          domain={[Math.min(...latencies) / 1.15, Math.max(...latencies) * 1.15]}
          tickFormatter={formatShort}
          label={titleBelow(SWEEP.latencyAxis)}
        />
        <YAxis
          {...Y_AXIS}
          domain={[0, fastest * 1.1]}
          ticks={roundTicks(0, fastest * 1.1)}
          tickFormatter={(rate: number) => rate.toLocaleString('en')}
          width={50}
          label={longTitleAbove(SWEEP.rateAxis)}
        />
        {series.map(({ name, points, stroke }) => (
          <Line
            key={name}
            data={points}
            dataKey="throughput"
            name={name}
            stroke={stroke}
            strokeWidth={2}
            {...STILL}
            dot={{ r: 3.5, fill: name === 'pruned' ? stroke : 'var(--card)', stroke }}
            label={{
              dataKey: 'batch',
              position: name === 'pruned' ? 'top' : 'bottom',
              offset: 8,
              fill: 'var(--ink)',
              fontSize: 11.5,
            }}
          />
        ))}
      </LineChart>
    </ChartFrame>
  );
}

/** The sweep in a sentence or two, for screen readers; the table has every number. */
function inWords({ original, pruned }: SweepResult): string {
  const side = (name: string, points: readonly SweepPoint[]) => {
    const best = points.reduce<SweepPoint | null>(
      (a, b) => (a && a.throughput.mean >= b.throughput.mean ? a : b),
      null,
    );
    if (!best) return '';
    const { mean, min, max } = best.throughput;
    return sweepBest(name, best.batch, formatBySpread(mean, [min, max]));
  };
  return sweepInWords(side(SPEED.original, original), side(SPEED.pruned, pruned));
}
