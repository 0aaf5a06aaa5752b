// Latency against throughput at growing batch sizes, original and plan. Loaded when there is a
// sweep; a mirror of its table.

import { CartesianGrid, Line, LineChart, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { SweepPoint, SweepResult } from '../../contract/speed.ts';
import { formatRate, formatShort } from '../format.ts';
import { TICK } from './axis.ts';
import css from './charts.module.css';

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
  return (
    <figure className={css.sweep} aria-label={inWords(result)} data-testid="sweep-chart">
      <ResponsiveContainer
        width="100%"
        height="100%"
        initialDimension={{ width: 320, height: 220 }}
      >
        <LineChart margin={{ top: 24, right: 16, bottom: 18, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            dataKey="latency"
            type="number"
            scale="log"
            domain={[Math.min(...latencies) / 1.15, Math.max(...latencies) * 1.15]}
            tickFormatter={formatShort}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: 'var(--line)' }}
            label={{
              value: 'latency T of a run',
              position: 'bottom',
              offset: 2,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          <YAxis
            domain={[0, 'auto']}
            tickFormatter={(rate: number) => rate.toLocaleString('en')}
            tick={TICK}
            tickLine={false}
            axisLine={false}
            width={50}
            label={{
              value: 'tok/s',
              position: 'top',
              offset: 10,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          {series.map(({ name, points, stroke }) => (
            <Line
              key={name}
              data={points}
              dataKey="throughput"
              name={name}
              stroke={stroke}
              strokeWidth={2}
              isAnimationActive={false}
              activeDot={false}
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
      </ResponsiveContainer>
    </figure>
  );
}

/** The sweep in a sentence or two, for those who do not see it; the table has every number. */
function inWords({ original, pruned }: SweepResult): string {
  const side = (name: string, points: readonly SweepPoint[]) => {
    const best = points.reduce<SweepPoint | null>(
      (a, b) => (a && a.throughput.mean >= b.throughput.mean ? a : b),
      null,
    );
    return best
      ? ` ${name}: most at M = ${best.batch}, ${formatRate(best.throughput.mean)} tokens per ` +
          'second.'
      : '';
  };
  return (
    'Throughput against latency at growing batch ' +
    `sizes.${side('Original', original)}${side('Pruned', pruned)}`
  );
}
