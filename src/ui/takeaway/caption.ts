// The lines below a figure: what it is of, how it was measured, when and with which version. Pure.

import { listUnits } from '../../state/plan/unitWords.ts';
import type { StudioState } from '../../state/state.ts';
import { VERSION } from '../../version.ts';
import { captionWords } from '../../words/takeaway/files.ts';

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' });

/** "14 March 2026". */
export const dayInWords = (when: Date): string => DATE.format(when);

/** @param measured what the numbers were measured on, '' when nothing was */
export function captionOf(state: StudioState, measured: string, when: Date): string[] {
  const model = state.model.current?.summary;
  const { removed } = state.plan.present;
  return [
    ...(model
      ? [captionWords.model(model.name, `${model.graph}, ${model.dtype}`, model.numBlocks)]
      : []),
    ...(measured ? [captionWords.measured(measured)] : []),
    captionWords.plan(removed.length > 0 ? listUnits(removed) : ''),
    captionWords.made(dayInWords(when), VERSION),
  ];
}
