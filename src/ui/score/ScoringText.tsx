// Which text or token ids score the blocks.

import type { ScoreSettings } from '../../contract/score.ts';
import { nameOfPasted, nameOfText } from '../../state/score/text.ts';
import { TextChoice } from '../kit/TextChoice.tsx';
import { useActions } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'text-bundled',
  own: 'text-own',
  paste: 'text-paste',
  file: 'text-file',
};

const NOTE =
  'Use a different text from the one you evaluate on. You can also drop a .txt file on the page.';

export function ScoringText({ text }: Pick<ScoreSettings, 'text'>) {
  const actions = useActions();
  const use = (pasted: string, quiet: boolean) => {
    if (pasted.trim() && !(text.kind === 'text' && text.text === pasted))
      actions.setText(nameOfPasted(pasted), pasted, quiet);
  };
  return (
    <TextChoice
      name="text"
      bundled={nameOfText({ kind: 'bundled' })}
      isBundled={text.kind === 'bundled'}
      own={text.kind === 'bundled' ? null : nameOfText(text)}
      accept=".txt,.md,.json"
      note={NOTE}
      paste={{
        label: 'Calibration text',
        placeholder: 'A few thousand words, or windows of token ids as [[1, 2, 3], [4, 5, 6]]',
        rows: 5,
        testIds: { text: 'pasted-text', use: 'use-pasted' },
        draft: text.kind === 'text' ? text.text : '',
        onUse: (pasted) => use(pasted, false),
        onDraft: (pasted) => use(pasted, true),
      }}
      testIds={TEST_IDS}
      onBundled={() => actions.setSettings({ text: { kind: 'bundled' } })}
      onFile={(file) => void actions.takeFile(file)}
    />
  );
}
