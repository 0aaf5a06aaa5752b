// Evaluation: perplexity of original and pruned on a text that the plan was not chosen on.

import { evaluationShown } from '../../state/evaluate/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { nameOfEvaluationText } from '../../state/score/text.ts';
import { EVALUATION, evaluatingWords } from '../../words/quality.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';
import { EvaluateForm } from './EvaluateForm.tsx';
import { EvaluateNumbers } from './EvaluateNumbers.tsx';
import { EvaluateTable } from './EvaluateTable.tsx';

export function EvaluatePanel() {
  const running = useStudio((state) => state.evaluate.running !== null);
  const shows = useStudio((state) => evaluationShown(state) !== null);
  const several = useStudio((state) => state.evaluate.results.length > 1);
  return (
    <Panel id="evaluate" title={EVALUATION.title} sub={EVALUATION.sub} testId="evaluate-panel">
      <div className={kit.stack}>
        <EvaluateForm running={running} />
        {running && <Running />}
        <ErrorNotice place="evaluate" />
        {shows && <EvaluateNumbers />}
        {several && <EvaluateTable />}
      </div>
    </Panel>
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
        <JobProgress progress={progress} label={EVALUATION.running} />
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="evaluate-cancel" />
      </div>
      <p className={kit.sub}>
        {evaluatingWords(
          removed.length > 0 ? listUnits(removed) : null,
          nameOfEvaluationText(text),
        )}
      </p>
    </>
  );
}
