// What an iterative search is to do: how many blocks, up to which perplexity, from where; and how
// long that takes, before it starts.

import { useId } from 'react';
import { countUnits } from '../../state/plan/unitWords.ts';
import { searchObstacle, searchParameters, searchSeconds } from '../../state/search/selectors.ts';
import { formatSeconds } from '../format.ts';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './search.module.css';

/** From this many seconds on the wait is said with emphasis. */
const LONG_S = 600;

export function SearchForm() {
  const { count, maxPpl, fromPlan } = useStudio((state) => state.search.form);
  const parameters = useStudio(searchParameters);
  const removed = useStudio((state) => state.plan.present.removed);
  const obstacle = useStudio(searchObstacle);
  const actions = useActions();
  const id = useId();
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        void actions.search();
      }}
    >
      <span className={css.pair}>
        <label htmlFor={`${id}-count`}>Blocks to remove, at most</label>
        <OptionalNumber
          id={`${id}-count`}
          value={count}
          whole
          placeholder="all"
          testId="search-count"
          onChange={(next) => actions.setSearch({ count: next })}
        />
      </span>
      <span className={css.pair}>
        <label htmlFor={`${id}-ppl`}>while perplexity stays up to</label>
        <OptionalNumber
          id={`${id}-ppl`}
          value={maxPpl}
          placeholder="any"
          testId="search-ppl"
          onChange={(next) => actions.setSearch({ maxPpl: next })}
        />
      </span>
      {(removed.length > 0 || fromPlan) && (
        <label className={css.check}>
          <input
            type="checkbox"
            checked={fromPlan}
            data-testid="search-from-plan"
            onChange={() => actions.setSearch({ fromPlan: !fromPlan })}
          />
          go on from the plan,{' '}
          {removed.length > 0 ? `without ${countUnits(removed)}` : 'which keeps all'}
        </label>
      )}
      <button type="submit" aria-disabled={obstacle !== null} data-testid="search-start">
        Search
      </button>
      <p className={`${kit.sub} ${css.wide}`} role="status" data-testid="search-estimate">
        {obstacle || <Estimate count={parameters?.count ?? 0} bounded={maxPpl !== null} />}
      </p>
    </form>
  );
}

function Estimate({ count, bounded }: { count: number; bounded: boolean }) {
  const seconds = useStudio(searchSeconds);
  const what = count === 1 ? '1 step' : `${bounded ? 'up to ' : ''}${count} steps`;
  if (seconds === null)
    return `${what}. How long they take is known once the blocks were scored here.`;
  const time = `${what}, about ${formatSeconds(seconds)} at most, going by the curve.`;
  return seconds < LONG_S ? (
    time
  ) : (
    <strong className={css.long}>
      This takes long: {time} It can be paused and cancelled; its steps stay.
    </strong>
  );
}
