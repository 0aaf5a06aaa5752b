// Scores and ranks of every known criterion, a row per block: the accessible truth of the chart of
// criteria.

import type { ModelSummary } from '../../model/open/summary.ts';
import { criteriaView } from '../../state/criteria/selectors.ts';
import { formatPpl, formatScore } from '../format.ts';
import { Scroll } from '../kit/Scroll.tsx';
import { useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

const NONE: ModelSummary['blocks'] = [];

export function CriteriaTable() {
  const known = useStudio(criteriaView);
  const blocks = useStudio((state) => state.model.current?.summary.blocks ?? NONE);
  return (
    <Scroll label="Scores and ranks of the blocks">
      <table className={css.table} data-testid="criteria-table">
        <caption>
          Score and rank (1 = removed first) of each block. Angular distance stands at the first of
          its blocks.
        </caption>
        <thead>
          <tr>
            <th scope="col">block</th>
            {known.map(({ name, label }) => (
              <th key={name} scope="col" colSpan={2}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {blocks.map(({ index: block }) => (
            <tr key={block}>
              <th scope="row">{block}</th>
              {known.map(({ name, scores, ranks }) => {
                const score = scores[block] ?? Number.NaN;
                return Number.isNaN(score) ? (
                  <td key={name} colSpan={2}>
                    –
                  </td>
                ) : (
                  <Cells
                    key={name}
                    id={`${name}/${block}`}
                    score={name === 'ppl' ? formatPpl(score) : formatScore(score)}
                    rank={ranks[block]!}
                  />
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
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
