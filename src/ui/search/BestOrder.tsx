// Which order gave the lowest perplexity at one number of removed blocks; its plan in one click.

import { type Candidate, comparedCount, measuredAt } from '../../state/search/measured.ts';
import { comparedWords, SEARCH_WORDS, takeWords } from '../../words/compare.ts';
import { formatPpl } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

/** Plans that are named. */
const SHOWN = 5;

export function BestOrder() {
  const count = useStudio(comparedCount);
  const plans = useStudio((state) => measuredAt(state, count ?? 0));
  const present = useStudio((state) => state.plan.present.removed.join());
  const actions = useActions();
  const [best] = plans;
  if (count === null || !best) return null;
  const name = best.by.length > 0 ? namesOf(best).join(' and ') : null;
  const isUsed = best.removed.join() === present;
  return (
    <div className={kit.row} data-testid="best-order">
      <span>
        {comparedWords(
          count,
          plans.slice(0, SHOWN).map((plan) => ({ names: namesOf(plan), ppl: formatPpl(plan.nll) })),
        )}{' '}
        {isUsed && SEARCH_WORDS.bestInUse}
      </span>
      {!isUsed && (
        <button type="button" data-testid="use-best" onClick={() => actions.takeCandidate(best)}>
          {takeWords(name)}
        </button>
      )}
    </div>
  );
}

const namesOf = ({ by }: Candidate): readonly string[] =>
  by.length > 0 ? by.map(({ label }) => label) : [SEARCH_WORDS.byHand];
