// What the chart of criteria draws, the options of criteria, and the block that is pointed at.

import {
  type BestSpan,
  bestSpan,
  type CriterionView,
  criteriaView,
  knownCriteria,
  spanOf,
} from '../../state/criteria/selectors.ts';
import { CRITERIA_WORDS } from '../../words/compare.ts';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

export function CriteriaTools() {
  const known = useStudio(knownCriteria);
  const { view, norms } = useStudio((state) => state.criteria);
  const actions = useActions();
  const isKnown = known.some(({ name }) => name === view);
  const hasOption = (option: 'norms' | 'span') =>
    known.some(({ criterion }) => criterion.option === option);
  return (
    <div className={kit.row}>
      <label className={css.pair}>
        {CRITERIA_WORDS.chart}{' '}
        <select
          value={isKnown ? view : 'ranks'}
          data-testid="criteria-view"
          onChange={(event) =>
            actions.setCriteria({
              view: known.find(({ name }) => name === event.target.value)?.name ?? 'ranks',
            })
          }
        >
          <option value="ranks">{CRITERIA_WORDS.ranks}</option>
          {known.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
              {CRITERIA_WORDS.ownAxis}
            </option>
          ))}
        </select>
      </label>
      {hasOption('norms') && (
        <label className={css.pair}>
          <input
            type="checkbox"
            checked={norms}
            data-testid="criteria-norms"
            onChange={() => actions.setCriteria({ norms: !norms })}
          />
          {CRITERIA_WORDS.norms}
        </label>
      )}
      {hasOption('span') && <Span />}
    </div>
  );
}

const blocksOf = ({ first, count }: BestSpan) =>
  count === 1 ? `block ${first}` : `blocks ${first} to ${first + count - 1}`;

/** Number of contiguous blocks that one score is of, and the best of them. */
function Span() {
  const span = useStudio(spanOf);
  const most = useStudio((state) => Math.max(1, (state.model.current?.summary.numBlocks ?? 2) - 1));
  const best = useStudio(bestSpan);
  const none = useStudio((state) =>
    knownCriteria(state).some(({ criterion, isRanking }) => criterion.contiguous && !isRanking)
      ? CRITERIA_WORDS.noRanking
      : CRITERIA_WORDS.noSpan,
  );
  const actions = useActions();
  return (
    <span className={css.span}>
      <Field label={CRITERIA_WORDS.contiguous}>
        {(id) => (
          <WholeNumber
            id={id}
            value={span}
            min={1}
            max={most}
            testId="angular-span"
            onChange={(next) => actions.setCriteria({ span: next })}
          />
        )}
      </Field>
      <span className={kit.sub} data-testid="best-span">
        {best ? `best: ${blocksOf(best)} (${best.words})` : none}
      </span>
    </span>
  );
}

/** Ranks of the block under the pointer or the focus. Of fixed height, so that nothing jumps. */
export function CriteriaReading() {
  const hover = useStudio((state) => state.view.hover);
  const known = useStudio(criteriaView);
  const ranks = hover === null ? [] : known.flatMap((view) => rankIn(view, hover) ?? []);
  return (
    <p className={css.reading} data-testid="criteria-reading">
      {ranks.length > 0 ? `Block ${hover} is removed ${ranks.join(', ')}.` : CRITERIA_WORDS.pointAt}
    </p>
  );
}

/** "3rd of 16 by Mag L1"; null for a block without a score. */
function rankIn({ label, ranks, scores }: CriterionView, block: number): string | null {
  const rank = ranks[block] ?? Number.NaN;
  const count = scores.filter((score) => !Number.isNaN(score)).length;
  return Number.isNaN(rank) ? null : `${ordinal(rank)} of ${count} by ${label}`;
}

/** 1st, 2nd, 3rd; 4.5th for a shared rank. */
function ordinal(rank: number): string {
  const tens = rank % 100;
  const ending = tens > 10 && tens < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][rank % 10];
  return `${rank}${ending ?? 'th'}`;
}
