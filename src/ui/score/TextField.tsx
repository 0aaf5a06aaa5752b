// Which text or token ids scoring uses: bundled, pasted or from a file.

import { useState } from 'react';
import type { ScoreSettings } from '../../contract/score.ts';
import { nameOfPasted, nameOfText } from '../../state/score/text.ts';
import { FileButton } from '../kit/FileButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions } from '../studioContext.ts';

export function TextField({ settings }: { settings: ScoreSettings }) {
  const [pasted, setPasted] = useState(settings.text.kind === 'text' ? settings.text.text : '');
  const [pasting, setPasting] = useState(false);
  const actions = useActions();
  const use = (quiet: boolean) => {
    const { text } = settings;
    if (pasted.trim() && !(text.kind === 'text' && text.text === pasted))
      actions.setText(nameOfPasted(pasted), pasted, quiet);
  };
  const kind = pasting ? 'paste' : settings.text.kind === 'bundled' ? 'bundled' : 'own';
  return (
    <fieldset className={kit.field}>
      <legend>Text</legend>
      <div className={kit.stack}>
        <div className={kit.row}>
          <label>
            <input
              type="radio"
              name="text"
              checked={kind === 'bundled'}
              data-testid="text-bundled"
              onChange={() => {
                setPasting(false);
                actions.setSettings({ text: { kind: 'bundled' } });
              }}
            />{' '}
            bundled text
          </label>
          <label>
            <input
              type="radio"
              name="text"
              checked={kind === 'paste'}
              data-testid="text-paste"
              onChange={() => {
                setPasting(true);
                use(true);
              }}
            />{' '}
            paste
          </label>
          {kind === 'own' && (
            <label>
              <input type="radio" name="text" checked readOnly /> {nameOfText(settings.text)}
            </label>
          )}
          <FileButton
            label="Choose a file"
            accept=".txt,.md,.json"
            testId="text-file"
            onFile={(file) => {
              setPasting(false);
              void actions.takeFile(file);
            }}
          />
        </div>
        {pasting && (
          <>
            <textarea
              rows={5}
              value={pasted}
              aria-label="Calibration text"
              placeholder="A few thousand words, or windows of token ids as [[1, 2, 3], [4, 5, 6]]"
              data-testid="pasted-text"
              onChange={(event) => setPasted(event.target.value)}
              onBlur={() => use(true)}
            />
            <div className={kit.row}>
              <button
                type="button"
                disabled={!pasted.trim()}
                data-testid="use-pasted"
                onClick={() => {
                  setPasting(false);
                  use(false);
                }}
              >
                Use this text
              </button>
            </div>
          </>
        )}
        <p className={kit.note}>
          Never score on the text that you will judge the pruned model by. A .txt file can also be
          dropped on the page.
        </p>
      </div>
    </fieldset>
  );
}
