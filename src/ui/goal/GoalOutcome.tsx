// How a run for a goal ended, and the closest plan where none meets it.

import { FORM } from '../../words/goal.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './goal.module.css';

export function GoalOutcome() {
  const outcome = useStudio((state) => state.goal.outcome);
  const current = useStudio((state) => state.plan.present.removed.join());
  const actions = useActions();
  if (!outcome) return null;
  const { end, words, closest } = outcome;
  return (
    <div className={css.outcome} data-end={end} data-testid="goal-outcome">
      <p>{words}</p>
      {closest && closest.join() !== current && (
        <button type="button" data-testid="goal-closest" onClick={actions.useClosest}>
          {FORM.closest}
        </button>
      )}
      {end === 'probably' && (
        <button
          type="button"
          data-testid="goal-speed"
          onClick={() => actions.openWorkspace('speed')}
        >
          {FORM.openSpeed}
        </button>
      )}
    </div>
  );
}
