// One-shot orders are measured on request, one plan at a time.

import { useId } from 'react';
import { plural } from '../../quantities.ts';
import { plansSeconds } from '../../state/estimate/selectors.ts';
import { engineJob } from '../../state/jobs.ts';
import { unmeasured } from '../../state/search/selectors.ts';
import { measuresPlans, SEARCH_WORDS } from '../../words/compare.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function MeasurePaths() {
  const measuring = useStudio((state) => state.search.measuring);
  const missing = useStudio((state) => unmeasured(state).length);
  const time = useStudio((state) => {
    const seconds = plansSeconds(state, unmeasured(state).length);
    return seconds && aboutSeconds(seconds);
  });
  const busy = useStudio((state) => engineJob(state) !== null);
  const hasCurve = useStudio((state) => state.score.curve !== null);
  const actions = useActions();
  const hint = useId();
  if (measuring) {
    return (
      <div className={kit.row}>
        <div className={kit.progress}>
          <progress
            aria-label={SEARCH_WORDS.measuring}
            max={measuring.total}
            value={measuring.done}
          />
          <span data-testid="paths-progress">
            {measuring.done} of {plural(measuring.total, 'plan')}
          </span>
        </div>
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="paths-cancel" />
      </div>
    );
  }
  if (!hasCurve || missing === 0 || busy) return null;
  return (
    <div className={kit.row}>
      <button
        type="button"
        aria-describedby={hint}
        data-testid="measure-paths"
        onClick={() => void actions.measurePaths()}
      >
        {SEARCH_WORDS.measure}
      </button>
      <span id={hint} className={kit.sub}>
        {measuresPlans(plural(missing, 'plan'), time)}
      </span>
    </div>
  );
}
