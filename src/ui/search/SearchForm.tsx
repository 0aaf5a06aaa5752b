// What an iterative search is to do, and how long that will take.

import { countUnits } from '../../state/plan/unitWords.ts';
import { searchObstacle, searchParameters, searchSeconds } from '../../state/search/selectors.ts';
import { formatSeconds } from '../format.ts';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './search.module.css';

/** Longer estimates are emphasised. */
const LONG_S = 600;

export function SearchForm() {
  const { count, maxPpl, fromPlan } = useStudio((state) => state.search.form);
  const parameters = useStudio(searchParameters);
  const removed = useStudio((state) => state.plan.present.removed);
  const obstacle = useStudio(searchObstacle);
  const actions = useActions();
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        void actions.search();
      }}
    >
      <Field label="Blocks to remove, at most">
        {(id) => (
          <OptionalNumber
            id={id}
            value={count}
            whole
            placeholder="all"
            testId="search-count"
            onChange={(next) => actions.setSearch({ count: next })}
          />
        )}
      </Field>
      <Field label="Stop if perplexity exceeds">
        {(id) => (
          <OptionalNumber
            id={id}
            value={maxPpl}
            placeholder="any"
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
          continue from the current plan (
          {removed.length > 0 ? `${countUnits(removed)} removed` : 'nothing removed'})
        </label>
      )}
      <button type="submit" aria-disabled={obstacle !== null} data-testid="search-start">
        Search
      </button>
      <p className={`${kit.sub} ${css.wide}`} role="status" data-testid="search-estimate">
        {obstacle ?? <Estimate count={parameters?.count ?? 0} bounded={maxPpl !== null} />}
      </p>
    </form>
  );
}

function Estimate({ count, bounded }: { count: number; bounded: boolean }) {
  const seconds = useStudio(searchSeconds);
  const what = count === 1 ? '1 step' : `${bounded ? 'up to ' : ''}${count} steps`;
  if (seconds === null) return `${what}. Score the blocks to see how long that takes.`;
  const time = `${what}, up to about ${formatSeconds(seconds)}.`;
  return seconds < LONG_S ? (
    time
  ) : (
    <strong className={css.long}>
      This takes a while: {time} You can pause or cancel it; finished steps are kept.
    </strong>
  );
}
