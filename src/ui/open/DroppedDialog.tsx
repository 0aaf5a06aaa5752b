// Asks what a dropped text is for: scoring blocks, evaluating plans or healing.

import { DROPPED } from '../../words/open.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function DroppedDialog() {
  const dropped = useStudio((state) => state.view.dropped);
  const isOpen = useStudio((state) => state.model.current !== null);
  const actions = useActions();
  // Without a model there is nothing to score: the first page keeps the text.
  if (!dropped || !isOpen) return null;
  return (
    <Dialog
      title={DROPPED.title(dropped.name)}
      onClose={() => actions.answerDropped(null)}
      testId="dropped-dialog"
    >
      <div className={kit.row}>
        <button
          type="button"
          data-testid="dropped-score"
          onClick={() => actions.answerDropped('score')}
        >
          {DROPPED.score}
        </button>
        <button
          type="button"
          data-testid="dropped-evaluate"
          onClick={() => actions.answerDropped('evaluate')}
        >
          {DROPPED.evaluate}
        </button>
        <button
          type="button"
          data-testid="dropped-heal"
          onClick={() => actions.answerDropped('heal')}
        >
          {DROPPED.heal}
        </button>
      </div>
      <p className={kit.note}>{DROPPED.note}</p>
    </Dialog>
  );
}
