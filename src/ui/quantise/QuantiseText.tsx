// The texts of a quantisation: the calibration text, and a further one that it is measured on.

import type { QuantiseData } from '../../contract/quantise.ts';
import { nameOfEvaluationText, nameOfText } from '../../state/score/text.ts';
import { QUANTISE_TEXT as WORDS } from '../../words/quantise.ts';
import { Field } from '../kit/Field.tsx';
import { FileButton } from '../kit/FileButton.tsx';
import kit from '../kit/kit.module.css';
import { TextChoice } from '../kit/TextChoice.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'quantise-bundled',
  own: 'quantise-own',
  paste: 'quantise-paste',
  file: 'quantise-file',
  text: 'quantise-pasted',
  use: 'quantise-use-pasted',
  count: 'quantise-count',
};

export function QuantiseText() {
  const { calibration, heldOut } = useStudio((state) => state.quantise.form.data);
  const actions = useActions();
  return (
    <div className={kit.stack}>
      <TextChoice
        field="quantising"
        bundled={nameOfText({ kind: 'bundled' })}
        isBundled={calibration.kind === 'bundled'}
        own={calibration.kind === 'bundled' ? null : calibration.name}
        accept=".txt,.md"
        rows={4}
        testIds={TEST_IDS}
        onBundled={() => actions.setQuantiseData({ calibration: { kind: 'bundled' } })}
        onFile={(file) => void actions.takeQuantiseFile(file)}
      />
      <div className={kit.row}>
        <Field label={WORDS.heldOut}>
          {(id) => (
            <select
              id={id}
              value={heldOut?.kind ?? 'none'}
              data-testid="quantise-held-out"
              onChange={({ target }) => {
                if (target.value !== 'text')
                  actions.setQuantiseData({
                    heldOut: target.value === 'bundled' ? { kind: 'bundled' } : null,
                  });
              }}
            >
              <option value="bundled">{nameOfEvaluationText({ kind: 'bundled' })}</option>
              <Own source={heldOut} />
              <option value="none">{WORDS.noHeldOut}</option>
            </select>
          )}
        </Field>
        <FileButton
          label={WORDS.file}
          accept=".txt,.md"
          testId="quantise-held-out-file"
          onFile={(file) => void actions.takeQuantiseFile(file, 'heldOut')}
        />
      </div>
    </div>
  );
}

/** A text of the user's, by its name. */
function Own({ source }: { source: QuantiseData['heldOut'] }) {
  return source?.kind === 'text' && <option value="text">{source.name}</option>;
}
