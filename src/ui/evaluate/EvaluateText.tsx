// Which text an evaluation uses.

import { nameOfEvaluationText, nameOfPasted } from '../../state/score/text.ts';
import { TextChoice } from '../kit/TextChoice.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'evaluate-bundled',
  own: 'evaluate-own',
  paste: 'evaluate-paste',
  file: 'evaluate-file',
};

export function EvaluateText() {
  const text = useStudio((state) => state.evaluate.form.text);
  const actions = useActions();
  return (
    <TextChoice
      name="evaluate-text"
      bundled={nameOfEvaluationText({ kind: 'bundled' })}
      isBundled={text.kind === 'bundled'}
      own={text.kind === 'bundled' ? null : text.name}
      accept=".txt,.md"
      note="WikiText-2, PTB or any other text. You can also drop a .txt file on the page."
      paste={{
        label: 'Evaluation text',
        placeholder: 'A few hundred words or more',
        rows: 4,
        beside: true,
        testIds: { text: 'evaluate-pasted', use: 'evaluate-use-pasted' },
        draft: '',
        // Token ids in brackets are a text like any other here.
        onUse: (pasted) =>
          actions.setEvaluationText(nameOfPasted(pasted).replace(/\.json$/, ' text'), pasted),
      }}
      testIds={TEST_IDS}
      onBundled={() => actions.setEvaluation({ text: { kind: 'bundled' } })}
      onFile={(file) => void actions.takeEvaluationFile(file)}
    />
  );
}
