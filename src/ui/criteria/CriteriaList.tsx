// One row per criterion: whether it is drawn, how far it agrees with perplexity, what it would
// remove at what perplexity, and the button that makes its order the current one.

import { useId } from 'react';
import type { CriterionName } from '../../analysis/criteriaTable.ts';
import { lowestCount, lowestOf } from '../../state/criteria/lowest.ts';
import { currentOrder } from '../../state/criteria/orders.ts';
import { type CriterionView, criteriaView, REFERENCE } from '../../state/criteria/selectors.ts';
import { noNumbers } from '../../state/score/selectors.ts';
import { CRITERIA_WORDS, lowestHead, showInChart } from '../../words/compare.ts';
import type { TermId } from '../../words/terms.ts';
import { formatOriginal, formatPpl } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Sign } from '../kit/Sign.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

export function CriteriaList() {
  const known = useStudio(criteriaView);
  const count = useStudio(lowestCount);
  const lowest = useStudio(lowestOf);
  const measured = known.flatMap(({ name }) => lowest.get(name)?.nll ?? []);
  const isSound = useStudio((state) => noNumbers(state) === null);
  const best = isSound && measured.length > 1 ? Math.min(...measured) : null;
  return (
    <div className={css.scroll}>
      <DataTable
        testId="criteria-list"
        caption={CRITERIA_WORDS.table}
        captionHidden
        className={css.list}
        columns={[
          { key: 'criterion', title: CRITERIA_WORDS.criterion, text: true },
          {
            key: 'spearman',
            title: (
              <>
                <Term id="spearman">Spearman</Term> {CRITERIA_WORDS.withPpl}
              </>
            ),
          },
          { key: 'lowest', title: lowestHead(count), text: true },
          { key: 'ppl', title: CRITERIA_WORDS.without },
          { key: 'use', title: <span className={kit.hidden}>{CRITERIA_WORDS.use}</span> },
        ]}
      >
        {known.map((criterion) => (
          <Row key={criterion.name} criterion={criterion} best={best} />
        ))}
      </DataTable>
    </div>
  );
}

function Row({ criterion, best }: { criterion: CriterionView; best: number | null }) {
  const { name, label, spearman, isRanking } = criterion;
  const shown = useStudio((state) => state.criteria.shown);
  const hasPpl = useStudio((state) => state.score.curve !== null);
  const isCurrent = useStudio((state) => currentOrder(state)?.name === name);
  const lowest = useStudio((state) => lowestOf(state).get(name));
  const actions = useActions();
  const format = useStudio((state) => (noNumbers(state) ? formatOriginal : formatPpl));
  const id = useId();
  const nll = lowest?.nll ?? null;
  return (
    <tr data-testid={`criterion-${name}`}>
      <th scope="row">
        <span className={css.name}>
          <input
            type="checkbox"
            checked={shown.includes(name)}
            aria-label={showInChart(label)}
            data-testid={`show-${name}`}
            onChange={() =>
              actions.setCriteria({
                shown: shown.includes(name)
                  ? shown.filter((one) => one !== name)
                  : [...shown, name],
              })
            }
          />
          <Sign name={name} />
          <span id={id}>
            <Name name={name} label={label} />
          </span>
        </span>
      </th>
      <td>
        {name !== REFERENCE && hasPpl && (
          <b data-testid={`spearman-${name}`}>{spearman === null ? '–' : signed(spearman)}</b>
        )}
      </td>
      <td className={css.blocks}>{lowest?.blocks.join(', ') || noneOf(isRanking)}</td>
      <td data-best={nll !== null && nll === best}>{nll === null ? '–' : format(nll)}</td>
      <td>
        <button
          type="button"
          disabled={!isRanking}
          aria-pressed={isCurrent}
          aria-describedby={id}
          data-testid={`use-${name}`}
          onClick={() => actions.setOrder(name)}
        >
          {isCurrent ? CRITERIA_WORDS.current : CRITERIA_WORDS.use}
        </button>
      </td>
    </tr>
  );
}

const noneOf = (isRanking: boolean) =>
  isRanking ? CRITERIA_WORDS.noBlock : CRITERIA_WORDS.noRanking;

const EXPLAINED: { readonly [N in CriterionName]?: TermId } = {
  ppl: 'score',
  'mag-l1': 'magnitude',
  'mag-l2': 'magnitude',
  taylor: 'taylor',
  'block-influence': 'blockInfluence',
  angular: 'angular',
};

function Name({ name, label }: { name: CriterionName; label: string }) {
  const term = EXPLAINED[name];
  return term ? <Term id={term}>{label}</Term> : label;
}

const signed = (value: number) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;
