// What the numbers of the result were measured on, or why there are none yet.

import { effectView } from '../../state/effect/selectors.ts';
import { sizeRemark } from '../../state/effect/sizes.ts';
import { effectIsLong, effectSeconds } from '../../state/estimate/selectors.ts';
import { engineJob } from '../../state/jobs.ts';
import { measuredOn } from '../../state/score/selectors.ts';
import { JOBS } from '../../state/state.ts';
import { measuredAfter, measuredOnWords, RESULT, sizesAre, takesLong } from '../../words/result.ts';
import { JobProgress } from '../kit/JobProgress.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './result.module.css';

export function EffectStatus() {
  const { stale, waiting, waitingForHealed, original, pruned } = useStudio(effectView);
  const on = useStudio(measuredOn);
  const progress = useStudio((state) => state.effect.progress);
  const job = useStudio(engineJob);
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const dtype = useStudio((state) => state.export.dtype);
  const seconds = useStudio(effectSeconds);
  const long = useStudio(effectIsLong);
  const actions = useActions();
  const remark = useStudio(sizeRemark);
  const sizes = [sizesAre(dtype), remark].filter(Boolean).join(' ');
  if (!original)
    return (
      <p className={css.status}>
        {sizes} {canScore ? RESULT.scoreFirst : RESULT.noPerplexity}
      </p>
    );
  if (!stale && !waitingForHealed)
    return (
      <p className={css.status}>
        {measuredOnWords(on)} {sizes}
      </p>
    );
  const older = pruned && stale ? ` ${RESULT.older}` : '';
  if (job)
    return (
      <p className={css.status}>
        {measuredAfter(JOBS[job].name)}
        {older}
      </p>
    );
  if (!waiting && !waitingForHealed)
    return (
      <div className={css.status}>
        {long && seconds ? takesLong(seconds) : RESULT.notMeasured}
        {older}{' '}
        <button type="button" data-testid="measure" onClick={actions.measureAgain}>
          {RESULT.measure}
        </button>
      </div>
    );
  return (
    <div className={css.status} data-testid="measuring">
      {progress ? (
        <JobProgress progress={progress} label={RESULT.measuringLabel} />
      ) : (
        `${RESULT.measuring}${older}`
      )}
    </div>
  );
}
