// The calibration study as a figure: the ranks of each block over the runs, in the order of their
// means. The panel shows the same as a table.

import { stabilityView } from '../../state/stability/selectors.ts';
import { isRemoved } from '../../state/sublayers/selectors.ts';
import { axisTitles } from '../../words/charts.ts';
import { useStudio } from '../studioContext.ts';
import { AxisText, FIGURE_WIDTH } from './plainAxis.tsx';

const HEIGHT = 260;
const LEFT = 44;
const TOP = 30;
const BOTTOM = 44;

export function StabilityFigure() {
  const view = useStudio(stabilityView);
  const removed = useStudio((state) => state.plan.present.removed);
  if (!view) return null;
  const { blocks } = view;
  const n = Math.max(blocks.length, 1);
  const pitch = (FIGURE_WIDTH - LEFT - 12) / n;
  const y = (rank: number) => HEIGHT - BOTTOM - ((rank - 0.5) / n) * (HEIGHT - TOP - BOTTOM);
  const every = Math.ceil(n / 8);
  const numberEvery = Math.ceil(20 / pitch);
  return (
    <svg
      width={FIGURE_WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={`Ranks of ${blocks.length} blocks over ${view.runs.length} runs.`}
    >
      <AxisText x={0} y={14} anchor="start">
        {axisTitles.rank}
      </AxisText>
      {blocks
        .map((_, i) => i + 1)
        .filter((rank) => rank === 1 || rank % every === 0)
        .map((rank) => (
          <g key={rank}>
            <line x1={LEFT} x2={FIGURE_WIDTH} y1={y(rank)} y2={y(rank)} stroke="var(--line)" />
            <AxisText x={LEFT - 8} y={y(rank) + 4} anchor="end">
              {rank}
            </AxisText>
          </g>
        ))}
      {blocks.map(({ block, meanRank, lowestRank, highestRank }, i) => {
        const x = LEFT + (i + 0.5) * pitch;
        const gone = isRemoved(removed, block);
        const width = Math.min(8, pitch * 0.5);
        return (
          <g key={block}>
            <rect
              x={x - width / 2}
              y={y(highestRank) - 4}
              width={width}
              height={y(lowestRank) - y(highestRank) + 8}
              rx={width / 2}
              fill="var(--leaf-soft)"
            />
            <circle
              cx={x}
              cy={y(meanRank)}
              r={Math.min(5, pitch * 0.4)}
              fill={gone ? 'var(--card)' : 'var(--leaf)'}
              stroke={gone ? 'var(--cut)' : 'none'}
              strokeWidth={2}
              strokeDasharray="3 2"
            />
            {i % numberEvery === 0 && (
              <AxisText x={x} y={HEIGHT - BOTTOM + 18} anchor="middle">
                {block}
              </AxisText>
            )}
          </g>
        );
      })}
      <AxisText x={(LEFT + FIGURE_WIDTH) / 2} y={HEIGHT - 8} anchor="middle">
        {axisTitles.byMeanRank}
      </AxisText>
    </svg>
  );
}
