// The buttons that measure speed, or the progress of what runs in their place.

import { autoMeasures } from '../../state/speed/auto.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './speed.module.css';

export function SpeedTools() {
  const running = useStudio(
    (state) => state.speed.running !== null || state.speed.sweep.running !== null,
  );
  const progress = useStudio((state) => state.speed.progress);
  const auto = useStudio(autoMeasures);
  const actions = useActions();
  return (
    <div>
      <div className={css.tools}>
        {running ? (
          <>
            <div className={css.progress}>
              <JobProgress progress={progress} label="Measuring speed" />
            </div>
            <button type="button" data-testid="speed-cancel" onClick={actions.stopMeasuring}>
              Cancel
            </button>
          </>
        ) : (
          <>
            <CommandButton id="measure" label="Measure" testId="speed-measure" />
            <CommandButton id="measure-paper" label="Paper protocol" testId="speed-measure-paper" />
            <CommandButton id="sweep" label="Batches" testId="sweep" />
          </>
        )}
      </div>
      <label className={css.auto}>
        <input
          type="checkbox"
          checked={auto}
          data-testid="speed-auto"
          onChange={() => actions.setAutoMeasure(!auto)}
        />{' '}
        Measure automatically after each change
      </label>
    </div>
  );
}
