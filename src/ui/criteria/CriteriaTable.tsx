// Scores and ranks by every known criterion, a row per block.

import type { ModelSummary } from '../../model/open/summary.ts';
import { criteriaView } from '../../state/criteria/selectors.ts';
import { CRITERIA_WORDS } from '../../words/compare.ts';
import { formatPpl, formatScore } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import { Scroll } from '../kit/Scroll.tsx';
import { useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

const NONE: ModelSummary['blocks'] = [];

export function CriteriaTable() {
  const known = useStudio(criteriaView);
  const blocks = useStudio((state) => state.model.current?.summary.blocks ?? NONE);
  return (
    <Scroll label={CRITERIA_WORDS.scoresLabel}>
      <DataTable
        testId="criteria-table"
        caption={CRITERIA_WORDS.caption}
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
                  words={criterion.contiguous?.words(score) ?? null}
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

interface CellsProps {
  id: string;
  score: string;
  /** The score as people read it, where that differs. */
  words: string | null;
  rank: number;
}

function Cells({ id, score, words, rank }: CellsProps) {
  return (
    <>
      <td>
        <span data-testid={`score-${id}`}>{score}</span>
        {words && <small> {words}</small>}
      </td>
      <td className={css.rank}>{rank}</td>
    </>
  );
}
