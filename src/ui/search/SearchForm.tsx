// What an iterative search is to do, and how long that will take.

import { useId } from 'react';
import { searchRange } from '../../state/estimate/selectors.ts';
import { countUnits } from '../../state/plan/unitWords.ts';
import { searchObstacle, searchParameters } from '../../state/search/selectors.ts';
import { fromPlanWords, SEARCH_WORDS } from '../../words/compare.ts';
import { upToSeconds } from '../../words/duration.ts';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './search.module.css';

/** Longer estimates are emphasised. */
const LONG_S = 600;

/** Stays while the search runs: what it holds is for the next one. */
export function SearchForm({ running }: { running: boolean }) {
  const { count, maxPpl, fromPlan } = useStudio((state) => state.search.form);
  const parameters = useStudio(searchParameters);
  const removed = useStudio((state) => state.plan.present.removed);
  const obstacle = useStudio(searchObstacle);
  const actions = useActions();
  const hint = useId();
  return (
    <form
      className={css.form}
      aria-label={SEARCH_WORDS.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!running) void actions.search();
      }}
    >
      <Field label={SEARCH_WORDS.count}>
        {(id) => (
          <OptionalNumber
            id={id}
            value={count}
            whole
            placeholder={SEARCH_WORDS.all}
            testId="search-count"
            onChange={(next) => actions.setSearch({ count: next })}
          />
        )}
      </Field>
      <Field label={SEARCH_WORDS.maxPpl}>
        {(id) => (
          <OptionalNumber
            id={id}
            value={maxPpl}
            placeholder={SEARCH_WORDS.any}
            testId="search-ppl"
            onChange={(next) => actions.setSearch({ maxPpl: next })}
          />
        )}
      </Field>
      {(removed.length > 0 || fromPlan) && (
        <label className={css.check}>
          <input
            type="checkbox"
            checked={fromPlan}
            data-testid="search-from-plan"
            onChange={() => actions.setSearch({ fromPlan: !fromPlan })}
          />
          {fromPlanWords(removed.length > 0 ? countUnits(removed) : null)}
        </label>
      )}
      {!running && (
        <>
          <button
            type="submit"
            aria-disabled={obstacle !== null}
            aria-describedby={hint}
            data-testid="search-start"
          >
            {SEARCH_WORDS.start}
          </button>
          <p id={hint} className={kit.sub} data-testid="search-estimate">
            {obstacle ?? <Estimate count={parameters?.count ?? 0} bounded={maxPpl !== null} />}
          </p>
        </>
      )}
    </form>
  );
}

function Estimate({ count, bounded }: { count: number; bounded: boolean }) {
  const range = useStudio(searchRange);
  const what = count === 1 ? '1 step' : `${bounded ? 'up to ' : ''}${count} steps`;
  if (range === null) return `${what}. ${SEARCH_WORDS.scoreFirst}`;
  const time = `${what}, ${upToSeconds(range)}.`;
  if (range.high < LONG_S) return time;
  return (
    <strong className={css.long}>
      {time} {SEARCH_WORDS.keeps}
    </strong>
  );
}
