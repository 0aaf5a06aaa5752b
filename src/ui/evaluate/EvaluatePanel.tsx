// Evaluation: perplexity of original and plan on a text that the plan was not chosen on, as it
// comes and afterwards, with earlier results.

import { evaluationShown } from '../../state/evaluate/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { nameOfEvaluationText } from '../../state/score/text.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import { EvaluateForm } from './EvaluateForm.tsx';
import { EvaluateNumbers } from './EvaluateNumbers.tsx';
import { EvaluateTable } from './EvaluateTable.tsx';

export function EvaluatePanel() {
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const running = useStudio((state) => state.evaluate.running !== null);
  const shows = useStudio((state) => evaluationShown(state) !== null);
  const several = useStudio((state) => state.evaluate.results.length > 1);
  if (!canScore) return null;
  return (
    <section className={kit.card} aria-labelledby="evaluate-title" data-testid="evaluate-panel">
      <div className={kit.head}>
        <h2 id="evaluate-title">Evaluation</h2>
        <span className={kit.sub}>on a text that the plan was not chosen on</span>
      </div>
      <div className={kit.stack}>
        {running ? <Running /> : <EvaluateForm />}
        <ErrorNotice place="evaluate" />
        {shows && <EvaluateNumbers />}
        {several && <EvaluateTable />}
      </div>
    </section>
  );
}

function Running() {
  const running = useStudio((state) => state.evaluate.running);
  const progress = useStudio((state) => state.evaluate.progress);
  if (!running) return null;
  const { removed, text } = running.request;
  return (
    <>
      <div className={kit.row}>
        <JobProgress progress={progress} label="Evaluating" />
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="evaluate-cancel" />
      </div>
      <p className={kit.sub}>
        {removed.length > 0
          ? `The original and the plan without ${listUnits(removed)}`
          : 'The original'}
        , on {nameOfEvaluationText(text)}.
      </p>
    </>
  );
}
