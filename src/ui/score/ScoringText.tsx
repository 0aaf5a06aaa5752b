// Which text or token ids score the blocks.

import type { ScoreSettings } from '../../contract/score.ts';
import { nameOfText } from '../../state/score/text.ts';
import { TextChoice } from '../kit/TextChoice.tsx';
import { useActions } from '../studioContext.ts';

const TEST_IDS = {
  bundled: 'text-bundled',
  own: 'text-own',
  paste: 'text-paste',
  file: 'text-file',
  text: 'pasted-text',
  use: 'use-pasted',
  count: 'text-count',
};

export function ScoringText({ text }: Pick<ScoreSettings, 'text'>) {
  const actions = useActions();
  return (
    <TextChoice
      field="scoring"
      bundled={nameOfText({ kind: 'bundled' })}
      isBundled={text.kind === 'bundled'}
      own={text.kind === 'bundled' ? null : nameOfText(text)}
      accept=".txt,.md,.json"
      rows={5}
      testIds={TEST_IDS}
      onBundled={() => actions.setSettings({ text: { kind: 'bundled' } })}
      onFile={(file) => void actions.takeFile(file)}
    />
  );
}
