// The ranks of the blocks by every selected criterion: a row for each criterion, a column for each
// block. Dark cells are removed first; framed ones are those that the criterion would remove.

import { bestSpan, type CriterionView, shownCriteria } from '../../state/criteria/selectors.ts';
import { unlockedBlocks } from '../../state/plan/locks.ts';
import type { StudioState } from '../../state/state.ts';
import { isRemoved } from '../../state/sublayers/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { matrixWords } from '../../words/charts.ts';
import { CRITERIA_WORDS } from '../../words/compare.ts';
import { useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import css from './rankMatrix.module.css';

const ROW = 26;
const TOP = 24;
const GAP = 2;
/** From this width of a cell on it has its rank as a number. */
const NUMBERED_FROM = 17;
/** Pixels of the chart from which the names stand beside the rows, not above them. */
const BESIDE_FROM = 480;
const LABEL_WIDTH = 140;
/** Opacity of the block that is removed first: its number stays readable in both schemes. */
const DARKEST = 0.46;

/** As many blocks as the plan removes; three while it removes none. */
const countOf = ({ plan }: StudioState) => wholeBlocks(plan.present.removed).length || 3;

export function RankMatrix() {
  const shown = useStudio(shownCriteria);
  const removed = useStudio((state) => state.plan.present.removed);
  const hover = useStudio((state) => state.view.hover);
  const count = useStudio(countOf);
  const ref = usePointing<HTMLElement>();
  const width = useWidth(ref, 640);
  const blocks = Math.max(0, ...shown.map(({ ranks }) => ranks.length));
  const beside = width >= BESIDE_FROM;
  const left = beside ? LABEL_WIDTH : 0;
  const pitch = (width - left) / Math.max(blocks, 1);
  const row = beside ? ROW : ROW + 16;
  const bottom = TOP + shown.length * row;
  const every = Math.ceil(22 / pitch);
  return (
    <figure ref={ref} className={css.matrix} aria-label={inWords(shown)} data-testid="rank-chart">
      <svg viewBox={`0 0 ${width} ${bottom + 40}`} height={bottom + 40} aria-hidden="true">
        <text className={css.label} x={left} y={13}>
          {beside ? matrixWords.title(count) : matrixWords.shortTitle}
        </text>
        {shown.map((criterion, i) => (
          <Row
            key={criterion.name}
            criterion={criterion}
            left={left}
            pitch={pitch}
            top={TOP + i * row + (row - ROW)}
            beside={beside}
          />
        ))}
        {Array.from({ length: blocks }, (_, block) => (
          <g
            // biome-ignore lint/suspicious/noArrayIndexKey: columns are blocks by number.
            key={block}
            className={css.column}
            data-block={block}
            data-hover={block === hover}
            data-removed={isRemoved(removed, block)}
          >
            <rect x={left + block * pitch} y={TOP} width={pitch} height={bottom - TOP + 24} />
            {block % every === 0 && (
              <text x={left + (block + 0.5) * pitch} y={bottom + 16} textAnchor="middle">
                {block}
              </text>
            )}
          </g>
        ))}
        <text
          className={css.label}
          x={left + (blocks * pitch) / 2}
          y={bottom + 34}
          textAnchor="middle"
        >
          {matrixWords.columns}
        </text>
      </svg>
    </figure>
  );
}

interface RowProps {
  criterion: CriterionView;
  left: number;
  pitch: number;
  top: number;
  /** The name stands left of the row. */
  beside: boolean;
}

function Row({ criterion, left, pitch, top, beside }: RowProps) {
  const { label, ranks, normalised, take, name } = criterion;
  const free = useStudio(unlockedBlocks);
  const count = useStudio(countOf);
  const best = useStudio(bestSpan);
  const lowest = take(free, count);
  const size = ROW - GAP;
  const inBest = (block: number) =>
    best?.name === name && block >= best.first && block < best.first + best.count;
  return (
    <g>
      <text
        className={css.name}
        x={beside ? left - 10 : 0}
        y={beside ? top + size / 2 + 4 : top - 4}
        textAnchor={beside ? 'end' : 'start'}
      >
        {label}
      </text>
      {ranks.map((rank, block) => {
        const x = left + block * pitch + GAP / 2;
        const known = !Number.isNaN(rank);
        const isLowest = lowest.includes(block);
        const shade = known ? DARKEST * (1 - (normalised[block] ?? 1)) : 0;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: cells are blocks by number.
          <g key={block}>
            <rect
              className={css.cell}
              data-lowest={isLowest}
              data-best={inBest(block)}
              x={x + 0.75}
              y={top + 0.75}
              width={Math.max(1, pitch - GAP - 1.5)}
              height={size - 1.5}
              rx={Math.min(4, pitch / 5)}
              fill="var(--leaf)"
              fillOpacity={shade}
            />
            {known && pitch >= NUMBERED_FROM && (
              <text
                className={css.rank}
                data-lowest={isLowest}
                x={x + (pitch - GAP) / 2}
                y={top + size / 2 + 4}
                textAnchor="middle"
              >
                {Number.isInteger(rank) ? rank : rank.toFixed(1)}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

/** The first block of each, for screen readers; the table has every number. */
function inWords(shown: readonly CriterionView[]): string {
  const firsts = shown.map(({ label, ranks, isRanking }) => {
    if (!isRanking) return `${label}: ${CRITERIA_WORDS.noRanking}.`;
    const known = ranks.filter((rank) => !Number.isNaN(rank));
    return matrixWords.first(label, ranks.indexOf(Math.min(...known)));
  });
  return matrixWords.inWords(shown.length, firsts);
}
