// Which text an evaluation uses.

import { nameOfEvaluationText } from '../../state/score/text.ts';
import { TextChoice } from '../kit/TextChoice.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'evaluate-bundled',
  own: 'evaluate-own',
  paste: 'evaluate-paste',
  file: 'evaluate-file',
  text: 'evaluate-pasted',
  use: 'evaluate-use-pasted',
  count: 'evaluate-count',
};

export function EvaluateText() {
  const text = useStudio((state) => state.evaluate.form.text);
  const actions = useActions();
  return (
    <TextChoice
      field="evaluation"
      bundled={nameOfEvaluationText({ kind: 'bundled' })}
      isBundled={text.kind === 'bundled'}
      own={text.kind === 'bundled' ? null : text.name}
      accept=".txt,.md"
      rows={4}
      testIds={TEST_IDS}
      onBundled={() => actions.setEvaluation({ text: { kind: 'bundled' } })}
      onFile={(file) => void actions.takeEvaluationFile(file)}
    />
  );
}
