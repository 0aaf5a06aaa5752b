// The switch beside the plan: each settled plan is refitted by itself, unless that takes long.

import { modelObstacle } from '../../state/heal/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import { REFIT } from '../../words/heal.ts';
import { JobProgress } from '../kit/JobProgress.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './refitSwitch.module.css';

const canHeal = (state: StudioState): boolean => modelObstacle(state) === null;

export function RefitSwitch() {
  const shown = useStudio(canHeal);
  const on = useStudio((state) => state.heal.refits);
  const actions = useActions();
  if (!shown) return null;
  return (
    <div className={css.refit} data-testid="refit">
      <label>
        <input
          type="checkbox"
          checked={on}
          data-testid="refit-switch"
          onChange={() => actions.setRefits(!on)}
        />{' '}
        {REFIT.label}
      </label>{' '}
      <span className={css.what}>
        {REFIT.what} <Term id="refit">{REFIT.why}</Term>
      </span>
      {on && <Status />}
    </div>
  );
}

/** What the refit of this plan is at; nothing once it is done: its perplexity is in the table. */
function Status() {
  const refit = useStudio((state) => state.heal.refit);
  const actions = useActions();
  if (!refit || refit.state === 'done') return null;
  const { state, words, progress } = refit;
  return (
    <div className={css.status} data-testid="refit-status" data-state={state}>
      {state === 'runs' && <JobProgress progress={progress} label={REFIT.running} />}
      {state === 'waits' ? REFIT.waits : words}{' '}
      {state === 'asks' && (
        <button type="button" data-testid="refit-now" onClick={actions.refitNow}>
          {REFIT.now}
        </button>
      )}
    </div>
  );
}
