// Asks what a dropped text is for: scoring blocks or evaluating plans.

import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function DroppedDialog() {
  const dropped = useStudio((state) => state.view.dropped);
  const actions = useActions();
  if (!dropped) return null;
  return (
    <Dialog
      title={`What is ${dropped.name} for?`}
      onClose={() => actions.answerDropped(null)}
      testId="dropped-dialog"
    >
      <div className={kit.row}>
        <button
          type="button"
          data-testid="dropped-score"
          onClick={() => actions.answerDropped('score')}
        >
          Score blocks on it
        </button>
        <button
          type="button"
          data-testid="dropped-evaluate"
          onClick={() => actions.answerDropped('evaluate')}
        >
          Evaluate plans on it
        </button>
      </div>
      <p className={kit.note}>
        Scoring chooses blocks on one text, an evaluation judges the plan on another. On the same
        text, the plan looks better than it is.
      </p>
    </Dialog>
  );
}
