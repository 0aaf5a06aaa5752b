// The button that measures the open folder on the windows of another one of its lineage.

import { lineageObstacle, measurableOn } from '../../state/lineage/selectors.ts';
import { LINEAGE } from '../../words/variants.ts';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

/** Nothing where its perplexity is known, or no other folder was scored. */
export function MeasureLineage() {
  const on = useStudio(measurableOn);
  const { running, progress } = useStudio((state) => state.lineage);
  const obstacle = useStudio(lineageObstacle);
  const actions = useActions();
  if (running) return <JobProgress progress={progress} label={LINEAGE.measure} />;
  if (on === null) return null;
  return (
    <div className={kit.row}>
      <button
        type="button"
        aria-disabled={obstacle !== null}
        title={obstacle ?? undefined}
        data-testid="measure-lineage"
        onClick={() => obstacle === null && void actions.measureLineage()}
      >
        {LINEAGE.measure}
      </button>
      <span className={kit.note}>{LINEAGE.hint(on)}</span>
    </div>
  );
}
