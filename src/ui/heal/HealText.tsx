// What the healing learns from, how much of it is held out, and what else is measured.

import { instructionCount } from '../../state/heal/instructions.ts';
import { nameOfEvaluationText, nameOfText } from '../../state/score/text.ts';
import { instructionsWords, HEAL_TEXT as WORDS } from '../../words/heal.ts';
import { Field } from '../kit/Field.tsx';
import { FileButton } from '../kit/FileButton.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { TextChoice } from '../kit/TextChoice.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'heal-bundled',
  own: 'heal-own',
  paste: 'heal-paste',
  file: 'heal-file',
  text: 'heal-pasted',
  use: 'heal-use-pasted',
  count: 'heal-count',
};

export function HealText() {
  const text = useStudio((state) => state.heal.form.data.text);
  const rows = instructionCount(text);
  const actions = useActions();
  return (
    <div className={kit.stack}>
      <TextChoice
        field="healing"
        bundled={nameOfText({ kind: 'bundled' })}
        isBundled={text.kind === 'bundled'}
        own={text.kind === 'bundled' ? null : text.name}
        accept=".txt,.md,.json,.jsonl"
        rows={4}
        testIds={TEST_IDS}
        onBundled={() => actions.setHealData({ text: { kind: 'bundled' } })}
        onFile={(file) => void actions.takeHealFile(file)}
      />
      {rows !== null && <p data-testid="heal-rows">{instructionsWords(rows)}</p>}
      <div className={kit.row}>
        <HeldOut />
        <Foreign />
      </div>
    </div>
  );
}

/** A share is typed in percent. */
function HeldOut() {
  const share = useStudio((state) => state.heal.form.data.heldOut);
  const { setHealData } = useActions();
  return (
    <Field label={WORDS.heldOut}>
      {(id) => (
        <>
          <WholeNumber
            id={id}
            value={Math.round(share * 100)}
            min={0}
            max={90}
            testId="heal-held-out"
            onChange={(percent) => setHealData({ heldOut: percent / 100 })}
          />
          <span>
            % <Term id="heldOut">{WORDS.heldOutTerm}</Term>
          </span>
        </>
      )}
    </Field>
  );
}

/** A text of another kind to measure on; shows whether quality comes back beyond this text. */
function Foreign() {
  const foreign = useStudio((state) => state.heal.form.data.foreign);
  const actions = useActions();
  const own = foreign?.kind === 'text' ? foreign.name : null;
  return (
    <div className={kit.row}>
      <Field label={WORDS.foreign}>
        {(id) => (
          <select
            id={id}
            value={foreign?.kind ?? 'none'}
            data-testid="heal-foreign"
            onChange={({ target }) => {
              if (target.value !== 'text')
                actions.setHealData({
                  foreign: target.value === 'bundled' ? { kind: 'bundled' } : null,
                });
            }}
          >
            <option value="bundled">{nameOfEvaluationText({ kind: 'bundled' })}</option>
            {own !== null && <option value="text">{own}</option>}
            <option value="none">{WORDS.noForeign}</option>
          </select>
        )}
      </Field>
      <FileButton
        label={WORDS.foreignFile}
        accept=".txt,.md"
        testId="heal-foreign-file"
        onFile={(file) => void actions.takeHealFile(file, 'foreign')}
      />
    </div>
  );
}
