// Said first: the model itself gives NaN or infinite likelihoods, from which block on,
// and what that means.

import { noNumbersNotice } from '../../state/score/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import { NO_NUMBERS } from '../../words/choose.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './importance.module.css';

export const hasNoNumbers = (state: StudioState) => noNumbersNotice(state).length > 0;

export function NoNumbersPanel() {
  const sentences = useStudio(noNumbersNotice);
  return (
    <p className={`${kit.callout} ${css.first}`} role="alert" data-testid="no-numbers">
      <strong>{NO_NUMBERS.title}</strong> {sentences.join(' ')}
    </p>
  );
}
