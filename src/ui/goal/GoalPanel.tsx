// From a goal to a plan: what to reach, how long it takes, what was done, what came out.

import { engineJob } from '../../state/jobs.ts';
import { runningWork } from '../../state/running.ts';
import { FORM } from '../../words/goal.ts';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';
import { GoalForm } from './GoalForm.tsx';
import { GoalOutcome } from './GoalOutcome.tsx';
import css from './goal.module.css';

export function GoalPanel() {
  const running = useStudio((state) => state.goal.running);
  return (
    <Panel id="goal" title={FORM.title} sub={FORM.sub} testId="goal">
      <div className={kit.stack}>
        <GoalForm />
        <Steps />
        {running ? <Running /> : <GoalOutcome />}
        <ErrorNotice place="goal" />
      </div>
    </Panel>
  );
}

/** Open while it runs, then folded: the outcome says what matters. */
function Steps() {
  const { steps, running } = useStudio((state) => state.goal);
  if (steps.length === 0) return null;
  return (
    <details className={css.steps} open={running} data-testid="goal-steps">
      <summary>{FORM.steps}</summary>
      <ol>
        {steps.map(({ what, outcome }, at) => (
          // The list only grows.
          // biome-ignore lint/suspicious/noArrayIndexKey: two steps may read the same
          <li key={at} data-running={outcome === null}>
            {what}
            {outcome === null ? '…' : <b className={css.came}>{outcome}</b>}
          </li>
        ))}
      </ol>
    </details>
  );
}

function Running() {
  const work = useStudio(runningWork);
  const job = useStudio(engineJob);
  const plans = useStudio((state) => state.search.measuring);
  if (job === 'paths' && plans)
    return (
      <progress
        className={css.plans}
        aria-label={FORM.progress}
        max={plans.total}
        value={plans.done}
      />
    );
  return <JobProgress progress={work?.progress ?? null} label={FORM.progress} />;
}
