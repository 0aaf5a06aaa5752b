// The speed of original and pruned as a figure: bars from zero with the range of their runs, on an
// axis. The panel shows the same bars beside their numbers.

import type { VariantMeasure } from '../../contract/speed.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { axisTitles } from '../../words/charts.ts';
import { columnHeads } from '../../words/takeaway/files.ts';
import { roundTicks } from '../charts/scale.ts';
import { formatRate } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { AxisText, FIGURE_WIDTH } from './plainAxis.tsx';

const LEFT = 76;
const RIGHT = 70;
const TOP = 12;
const BAR = 26;
const GAP = 14;

/** The end of a whisker, within its bar. */
const end = (x: number, y: number) => `M${x} ${y + 7}v${BAR - 14}`;

export function SpeedFigure() {
  const { original, pruned, stale } = useStudio(speedView);
  const rows: [string, string, VariantMeasure | null][] = [
    [columnHeads.original, 'var(--leaf-soft)', original],
    [columnHeads.pruned, 'var(--leaf)', stale ? null : pruned],
  ];
  const shown = rows.flatMap(([name, fill, measure]) => (measure ? [{ name, fill, measure }] : []));
  const most = Math.max(...shown.map(({ measure }) => measure.speed.throughput.max), 1e-9);
  const x = (rate: number) => LEFT + (rate / most) * (FIGURE_WIDTH - LEFT - RIGHT);
  const bottom = TOP + shown.length * (BAR + GAP);
  return (
    <svg
      width={FIGURE_WIDTH}
      height={bottom + 42}
      role="img"
      aria-label={shown
        .map(
          ({ name, measure }) =>
            `${name}: ${formatRate(measure.speed.throughput.mean)} ${axisTitles.rate}.`,
        )
        .join(' ')}
    >
      {roundTicks(0, most).map((rate) => (
        <g key={rate}>
          <line x1={x(rate)} x2={x(rate)} y1={TOP - 6} y2={bottom} stroke="var(--line)" />
          <AxisText x={x(rate)} y={bottom + 16} anchor="middle">
            {rate.toLocaleString('en')}
          </AxisText>
        </g>
      ))}
      {shown.map(({ name, fill, measure }, i) => {
        const { mean, min, max } = measure.speed.throughput;
        const y = TOP + i * (BAR + GAP);
        const middle = y + BAR / 2;
        return (
          <g key={name}>
            <text x={LEFT - 10} y={middle + 4} textAnchor="end" fontSize="12.5" fill="var(--ink)">
              {name}
            </text>
            <rect x={LEFT} y={y} width={x(mean) - LEFT} height={BAR} rx="2" fill={fill} />
            <path
              d={`M${x(min)} ${middle}H${x(max)}${end(x(min), y)}${end(x(max), y)}`}
              fill="none"
              stroke="var(--ink)"
              strokeWidth="1.2"
            />
            <text x={x(max) + 8} y={middle + 4} fontSize="12.5" fill="var(--ink)">
              {formatRate(mean)}
            </text>
          </g>
        );
      })}
      <AxisText x={(LEFT + FIGURE_WIDTH - RIGHT) / 2} y={bottom + 34} anchor="middle">
        {axisTitles.rate}
      </AxisText>
    </svg>
  );
}
