// Asks before a folder is opened that would lose something measured.

import { LOSS, lossTitle } from '../../words/kept.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function OpenQuestion() {
  const asking = useStudio((state) => state.model.asking);
  const actions = useActions();
  if (!asking) return null;
  return (
    <Dialog
      title={lossTitle(asking.name)}
      onClose={() => actions.answerOpening(false)}
      testId="open-question"
    >
      <p>{asking.loss}</p>
      <div className={kit.row}>
        <button type="button" data-testid="open-stay" onClick={() => actions.answerOpening(false)}>
          {LOSS.stay}
        </button>
        <button type="button" data-testid="open-anyway" onClick={() => actions.answerOpening(true)}>
          {LOSS.open}
        </button>
      </div>
    </Dialog>
  );
}
