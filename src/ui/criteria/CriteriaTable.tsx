// Scores and ranks by every known criterion, a row per block.

import type { ModelSummary } from '../../model/open/summary.ts';
import { criteriaView } from '../../state/criteria/selectors.ts';
import { formatPpl, formatScore } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import { Scroll } from '../kit/Scroll.tsx';
import { useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

const NONE: ModelSummary['blocks'] = [];

const CAPTION =
  'Score and rank (1 = removed first) of each block. Angular distance is listed at the first of ' +
  'its blocks.';

export function CriteriaTable() {
  const known = useStudio(criteriaView);
  const blocks = useStudio((state) => state.model.current?.summary.blocks ?? NONE);
  return (
    <Scroll label="Scores and ranks of the blocks">
      <DataTable
        testId="criteria-table"
        caption={CAPTION}
        className={css.table}
        columns={[
          { key: 'block', title: 'block' },
          ...known.map(({ name, label }) => ({ key: name, title: label, span: 2 })),
        ]}
      >
        {blocks.map(({ index: block }) => (
          <tr key={block}>
            <th scope="row">{block}</th>
            {known.map(({ criterion, name, scores, ranks }) => {
              const score = scores[block] ?? Number.NaN;
              return Number.isNaN(score) ? (
                <td key={name} colSpan={2}>
                  –
                </td>
              ) : (
                <Cells
                  key={name}
                  id={`${name}/${block}`}
                  score={criterion.perplexity ? formatPpl(score) : formatScore(score)}
                  rank={ranks[block]!}
                />
              );
            })}
          </tr>
        ))}
      </DataTable>
    </Scroll>
  );
}

function Cells({ id, score, rank }: { id: string; score: string; rank: number }) {
  return (
    <>
      <td data-testid={`score-${id}`}>{score}</td>
      <td className={css.rank}>{rank}</td>
    </>
  );
}
