// The measurement that runs: its phase, a bar, the time left, Cancel.

import { measuringPhase } from '../../state/speed/phase.ts';
import { phaseWords, SPEED_SUMMARY } from '../../words/speedSummary.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './speedSummary.module.css';

export function SpeedProgress({ cancelTestId }: { cancelTestId: string }) {
  const phase = useStudio(measuringPhase);
  const actions = useActions();
  return (
    <div className={css.measuring}>
      <div className={`${kit.progress} ${css.bar}`} data-testid="progress">
        <progress aria-label={SPEED_SUMMARY.progress} max={1} value={phase?.share ?? undefined} />
        <span>{phase ? phaseWords(phase) : SPEED_SUMMARY.starting}</span>
      </div>
      <button type="button" data-testid={cancelTestId} onClick={actions.stopMeasuring}>
        {SPEED_SUMMARY.cancel}
      </button>
    </div>
  );
}
