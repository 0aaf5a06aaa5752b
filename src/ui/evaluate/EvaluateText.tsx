// Which text an evaluation uses: bundled, from a file, or pasted.

import { useState } from 'react';
import { nameOfEvaluationText, nameOfPasted } from '../../state/score/text.ts';
import { FileButton } from '../kit/FileButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

export function EvaluateText() {
  const text = useStudio((state) => state.evaluate.form.text);
  const [pasting, setPasting] = useState(false);
  const actions = useActions();
  return (
    <fieldset className={kit.field}>
      <legend>Text</legend>
      <div className={css.row}>
        <label>
          <input
            type="radio"
            name="evaluate-text"
            checked={!pasting && text.kind === 'bundled'}
            data-testid="evaluate-bundled"
            onChange={() => {
              setPasting(false);
              actions.setEvaluation({ text: { kind: 'bundled' } });
            }}
          />{' '}
          {nameOfEvaluationText({ kind: 'bundled' })}
        </label>
        {text.kind === 'text' && (
          <label>
            <input
              type="radio"
              name="evaluate-text"
              checked={!pasting}
              data-testid="evaluate-own"
              onChange={() => setPasting(false)}
            />{' '}
            {text.name}
          </label>
        )}
        <label>
          <input
            type="radio"
            name="evaluate-text"
            checked={pasting}
            data-testid="evaluate-paste"
            onChange={() => setPasting(true)}
          />{' '}
          paste
        </label>
        <FileButton
          label="Choose a file"
          accept=".txt,.md"
          testId="evaluate-file"
          onFile={(file) => {
            setPasting(false);
            void actions.takeEvaluationFile(file);
          }}
        />
      </div>
      {pasting ? (
        <Paste onUsed={() => setPasting(false)} />
      ) : (
        <p className={kit.note}>
          WikiText-2, PTB or any text; a .txt file can also be dropped on the page.
        </p>
      )}
    </fieldset>
  );
}

function Paste({ onUsed }: { onUsed(): void }) {
  const [pasted, setPasted] = useState('');
  const actions = useActions();
  return (
    <div className={css.paste}>
      <textarea
        rows={4}
        value={pasted}
        aria-label="Evaluation text"
        placeholder="A few hundred words or more"
        data-testid="evaluate-pasted"
        onChange={(event) => setPasted(event.target.value)}
      />
      <button
        type="button"
        aria-disabled={!pasted.trim()}
        data-testid="evaluate-use-pasted"
        onClick={() => {
          if (!pasted.trim()) return;
          // Token ids in brackets are a text like any other here.
          actions.setEvaluationText(nameOfPasted(pasted).replace(/\.json$/, ' text'), pasted);
          onUsed();
        }}
      >
        Use this text
      </button>
    </div>
  );
}
